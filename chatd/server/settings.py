"""The settings: a TOML file, then `CHATD_…` variables, then flags; the later one wins.

    settings = load(Path("chatd.toml"), os.environ, {"listen": ["127.0.0.1:0"]})

Whatever is wrong is named with the place where it stands: file and line, variable or flag.
"""

from __future__ import annotations

import difflib
import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from .addresses import file_path, host_port, ip_text, listen_address, unix_path
from .gateway import checks as gateway
from .sources import Environment, File, Flags, SettingsError, Source

__all__ = ["Settings", "SettingsError", "load"]

T = TypeVar("T")
_Path = Annotated[str, Meta(min_length=1, max_length=4096)]
_Name = Annotated[str, Meta(min_length=1, max_length=255)]

_HostPort = Annotated[str, Meta(min_length=1, max_length=270)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that can be set; every bound of the server stands here, its unit in its name."""

    listen: Annotated[tuple[str, ...], Meta(max_length=64)] = ("127.0.0.1:4040",)
    unix: _Path | None = None
    data: _Path | None = None
    key_file: _Path | None = None
    tls_cert: _Path | None = None
    tls_key: _Path | None = None
    name: _Name | None = None

    http: _HostPort | None = None
    http_metrics: Literal["local", "all", "none"] = "local"
    http_proxies: Annotated[tuple[str, ...], Meta(max_length=64)] = ()

    argon2_memory_kib: Annotated[int, Meta(ge=8, le=4_194_304)] = 19_456
    argon2_passes: Annotated[int, Meta(ge=1, le=1_000)] = 2
    argon2_lanes: Annotated[int, Meta(ge=1, le=64)] = 1
    argon2_threads: Annotated[int, Meta(ge=1, le=256)] | None = None
    argon2_queue_max: Annotated[int, Meta(ge=1, le=100_000)] = 256

    outbox_bytes_max: Annotated[int, Meta(ge=131_072, le=1_073_741_824)] = 1_048_576
    connections_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 20_000
    idle_login_seconds_max: Annotated[int, Meta(ge=1, le=3_600)] = 60
    idle_sealed_seconds_max: Annotated[int, Meta(ge=1, le=3_600)] = 300
    login_seconds_max: Annotated[int, Meta(ge=1, le=86_400)] = 600
    service_seconds_max: Annotated[int, Meta(ge=1, le=3_600)] = 10
    shutdown_seconds_max: Annotated[int, Meta(ge=1, le=60)] = 4

    transport: Literal["any", "private"] = "any"
    registration: Literal["open", "gateway", "invite", "closed"] = "open"
    registrations_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 30
    registrations_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 600
    login_failures_free: Annotated[int, Meta(ge=1, le=1_000)] = 5
    login_wait_seconds_max: Annotated[int, Meta(ge=1, le=3_600)] = 60
    session_idle_days_max: Annotated[int, Meta(ge=1, le=3_650)] = 30
    send_ids_hours: Annotated[int, Meta(ge=24, le=8_760)] = 48

    rooms_cached_max: Annotated[int, Meta(ge=1, le=10_000_000)] = 10_000
    accounts_cached_max: Annotated[int, Meta(ge=1, le=10_000_000)] = 50_000

    code_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 900
    gateway_mail: Literal["spool", "smtp", "webhook"] = "spool"
    gateway_text: Literal["spool", "webhook"] = "spool"
    mail_from: _Name | None = None
    smtp_host: _Name | None = None
    smtp_port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_ca: _Path | None = None
    smtp_user: _Name | None = None
    smtp_password_file: _Path | None = None
    webhook_url: _Path | None = None
    webhook_secret_file: _Path | None = None
    webhook_ca: _Path | None = None
    http_url: _Path | None = None

    log_format: Literal["auto", "human", "json"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def server_name(self) -> str:
        """What `*HELLO` calls the server: `name`, else this host's name."""
        return self.name or socket.gethostname() or "chatd"


_TYPES: dict[str, Any] = {field.name: field.type for field in msgspec.structs.fields(Settings)}
_LISTS = frozenset({"listen", "http_proxies"})


def load(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """Read and check all three; a flag that is None was not given. `CHATD_CONFIG` names the file
    where `file` is None. Raises SettingsError."""
    if file is None and (named := environ.get("CHATD_CONFIG")):
        file = Path(named)
    sources: list[Source] = [Environment(environ, _LISTS), Flags(flags)]
    if file is not None:
        sources.insert(0, File(file))
    values: dict[str, Any] = {}
    origins: dict[str, Source] = {}
    for source in sources:
        for key, value in source.values.items():
            values[key] = _checked(source, key, value)
            origins[key] = source
    settings = Settings(**values)
    _check_together(settings, origins)
    return settings


def _checked(source: Source, key: str, value: object) -> Any:
    if key not in _TYPES:
        near = difflib.get_close_matches(key, _TYPES, 1)
        hint = f"; did you mean {source.written(near[0])}?" if near else ""
        raise source.error(key, f"there is no such setting{hint}")
    try:
        value = msgspec.convert(value, _TYPES[key], strict=source.strict)
        return _CHECKS[key](value) if key in _CHECKS and value is not None else value
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        raise source.error(key, _in_words(problem, _TYPES[key]), path.rstrip("`")) from None
    except _WrongPart as error:
        raise source.error(key, str(error), error.place) from None
    except ValueError as error:
        raise source.error(key, str(error)) from None


def _in_words(problem: str, kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "expected " + " or ".join(get_args(kind))
    return problem[:1].lower() + problem[1:].replace("`", "").replace(" | null", "")


class _WrongPart(ValueError):
    def __init__(self, problem: str, place: str) -> None:
        super().__init__(problem)
        self.place = place


def _check_listen(addresses: tuple[str, ...]) -> tuple[str, ...]:
    _check_each(listen_address, addresses)
    return addresses


def _check_each(read: Callable[[str], T], texts: tuple[str, ...]) -> tuple[T, ...]:
    found = []
    for place, text in enumerate(texts):
        try:
            found.append(read(text))
        except ValueError as error:
            raise _WrongPart(f"{error}", f"[{place}]") from None
    return tuple(found)


def _check_name(name: str) -> str:
    if not name.isprintable():
        raise ValueError("the server's name can't hold control or other unprintable characters")
    return name


_CHECKS: dict[str, Any] = {
    "listen": _check_listen,
    "unix": unix_path,
    "data": file_path,
    "key_file": file_path,
    "tls_cert": file_path,
    "tls_key": file_path,
    "name": _check_name,
    "http": host_port,
    "http_proxies": partial(_check_each, ip_text),
    **gateway.CHECKS,
}


def _check_together(settings: Settings, origins: Mapping[str, Source]) -> None:
    if not settings.listen and settings.unix is None:
        raise origins["listen"].error("listen", "no address, and no unix socket is set either")
    _check_tls(settings, origins)
    gateway.check_gateway(settings, origins)
    if settings.argon2_memory_kib < 8 * settings.argon2_lanes:
        key = "argon2_lanes" if "argon2_lanes" in origins else "argon2_memory_kib"
        raise origins[key].error(key, "argon2_memory_kib must be at least 8 times argon2_lanes")


def _check_tls(settings: Settings, origins: Mapping[str, Source]) -> None:
    if (settings.tls_cert is None) != (settings.tls_key is None):
        given, lacks = ("tls_cert", "tls_key") if settings.tls_cert else ("tls_key", "tls_cert")
        raise origins[given].error(given, f"{lacks} is needed as well")
    if settings.tls_cert is None and any(text.startswith("tls://") for text in settings.listen):
        problem = "tls:// needs tls_cert and tls_key; `chatd cert NAME` makes both"
        raise origins["listen"].error("listen", problem)
