"""Settings: which place wins, what is refused, and how a mistake is named."""

from __future__ import annotations

import os
import string
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatd.server.addresses import Listen, listen_address
from chatd.server.settings import Settings, SettingsError, load
from chatd.server.sources import line_of

FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


def refusal(
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> str:
    """The sentence with which these settings are refused."""
    with pytest.raises(SettingsError) as caught:
        load(file, environ or {}, flags or {})
    return str(caught.value)


def outcome(file: Path, environ: Mapping[str, str]) -> Settings | str:
    """The settings, or the sentence with which they are refused."""
    try:
        return load(file, environ, {})
    except SettingsError as error:
        return str(error)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chatd.toml"


def test_defaults_need_nothing() -> None:
    assert load(None, {"HOME": "/nowhere", "PATH": ""}, {"listen": None}) == Settings()


def test_flags_win_over_the_environment_and_that_over_the_file(file: Path) -> None:
    file.write_text('name = "file"\nargon2_passes = 3\nlisten = ["a:1"]\n')
    environ = {"CHATD_NAME": "environment", "CHATD_LISTEN": "b:2, c:3\n[::1]:4"}
    found = load(file, environ, {"name": "flag", "unix": None})
    assert found.name == "flag"
    assert found.listen == ("b:2", "c:3", "[::1]:4")
    assert found.argon2_passes == 3


def test_the_environment_may_name_the_file(file: Path) -> None:
    file.write_text('name = "from the file"')
    assert load(None, {"CHATD_CONFIG": str(file)}, {}).name == "from the file"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load(None, {"CHATD_NAME": "", "CHATD_LISTEN": " ", "CHATD_CONFIG": ""}, {}) == Settings()


def test_the_home_folder_may_be_written_short() -> None:
    assert load(None, {"CHATD_DATA": "~/chat"}, {}).data == str(Path("~/chat").expanduser())


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("\n# a\nargon2_pases = 3\n", 3, "argon2_pases: there is no such setting"),
        ("\n# a\nargon2_pases = 3\n", 3, "did you mean argon2_passes?"),
        ('name = "x"\nargon2_passes = "3"', 2, "argon2_passes: expected int, got str"),
        ("argon2_passes = true", 1, "argon2_passes: expected int, got bool"),
        ("# argon2_passes = 1\nargon2_passes = 0", 2, "argon2_passes: expected int >= 1"),
        ("argon2_passes = 99999999999999999999", 1, "argon2_passes: expected int <= 1000"),
        ('listen = [\n"a:1",\n7]', 1, "listen[1]: expected str, got int"),
        ('\nlisten = ["a:1", "b"]', 2, "listen[1]: expected HOST:PORT"),
        ('name = """\nlisten = 1\n"""\nlisten = []', 1, "name: the server's name can't hold"),
        ("\nlisten = []", 2, "listen: no address, and no unix socket"),
        ('log_level = "loud"', 1, "log_level: expected debug or info or warning or error"),
        ('\ntls_cert = "a"', 2, "tls_cert: tls_key is needed as well"),
        ('\ntls_key = "a"', 2, "tls_key: tls_cert is needed as well"),
        ('\nlisten = ["tls://a:1"]', 2, "listen: tls:// needs tls_cert and tls_key"),
        ("argon2_memory_kib = 16\nargon2_lanes = 4", 2, "at least 8 times argon2_lanes"),
        ("argon2_memory_kib = 16\n[argon2]\nlanes = 4", 2, "argon2: there is no such setting"),
        ('unix = "/' + "x" * 107 + '"', 1, "unix: the path of a Unix socket is at most 107 bytes"),
        ('\ndata = "a\\u0000b"', 2, "data: a path can't hold the NUL character"),
        ('data = "~no-such-user-here/x"', 1, "data: "),
        ('http = "unix:/a"', 1, "http: expected HOST:PORT"),
        ('\nhttp_proxies = ["::1", "localhost"]', 2, "http_proxies[1]: expected an IP address"),
        ('http_metrics = "some"', 1, "http_metrics: expected local or all or none"),
        ("send_ids_hours = 23", 1, "send_ids_hours: expected int >= 24"),
        ('name = "a"\nname = "b"', 2, ""),
        ("name = ", 1, "Invalid value"),
        ("\n\nname", 3, "Expected '=' after a key"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(
    file: Path, text: str, line: int, says: str
) -> None:
    file.write_text(text)
    sentence = refusal(file)
    assert sentence.startswith(f"{file}, line {line}: ")
    assert says in sentence


def test_the_line_is_that_of_the_key_and_not_of_its_mention() -> None:
    text = '# listen = 1\nname = """\nlisten = 2\n"""\n"listen" = 3\n[x]\nlisten = 4\n'
    assert tomllib.loads(text)["listen"] == 3
    assert line_of(text, "listen") == 5


@pytest.mark.parametrize("text", ["x = " + "9" * 5_000, "x = " + "[" * 5_000])
def test_numbers_and_nesting_have_a_bound(file: Path, text: str) -> None:
    file.write_text(text)
    assert "too long or nesting too deep" in refusal(file)


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    assert refusal(file) == f"can't read settings from {file}: No such file or directory"


def test_a_file_has_a_bound(file: Path) -> None:
    file.write_text("#" * 65_537)
    assert refusal(file) == f"{file}: longer than 65536 bytes"


def test_a_file_must_be_utf_8(file: Path) -> None:
    file.write_bytes(b'name = "a"\n# \xff\n')
    assert refusal(file) == f"{file}, line 2: not UTF-8"


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("CHATD_LISTENS", "a:1", "there is no such setting; did you mean CHATD_LISTEN?"),
        ("CHATD_ARGON2_PASSES", "two", "expected int, got str"),
        ("CHATD_ARGON2_PASSES", "2.5", "expected int, got str"),
        ("CHATD_ARGON2_THREADS", "0", "expected int >= 1"),
        ("CHATD_REGISTRATION", "Open", "expected open or gateway or invite or closed"),
        ("CHATD_NAME", "a\udc80", "the server's name can't hold"),
    ],
)
def test_a_mistake_in_the_environment_is_named(variable: str, value: str, says: str) -> None:
    sentence = refusal(environ={variable: value})
    assert sentence.startswith(f"environment variable {variable}: ")
    assert says in sentence


def test_a_mistake_in_a_list_of_the_environment_is_named_with_its_place() -> None:
    sentence = refusal(environ={"CHATD_LISTEN": "a:1,::1:2"})
    assert sentence.startswith(
        "environment variable CHATD_LISTEN[1]: an IPv6 address is written in"
    )


def test_a_mistake_in_a_flag_is_named() -> None:
    assert refusal(flags={"name": "a\nb"}).startswith("--name: ")
    assert refusal(flags={"listen": ["a:1", ":2"]}).startswith("--listen[1]: expected a host")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:4040", Listen("tcp", "127.0.0.1", 4040)),
        ("chat.example.org:0", Listen("tcp", "chat.example.org", 0)),
        ("[::1]:65535", Listen("tcp", "::1", 65535)),
        ("tcp://[::1]:1", Listen("tcp", "::1", 1)),
        ("tls://chat.example.org:4041", Listen("tls", "chat.example.org", 4041)),
        ("unix:/run/chatd.sock", Listen("unix", path="/run/chatd.sock")),
    ],
)
def test_an_address_is_a_host_and_a_port_or_a_path(text: str, address: Listen) -> None:
    assert listen_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *["", "a", ":1", "a:", "a:65536", "a:-1", "a:１", "::1", "[::1]", "[a]:1", "a b:1", "[]:1"],
        *["tls://", "tls://a", "http://a:1", "://a:1", "tls://tcp://a:1"],
        *["unix:", "unix:a\0b", f"unix:{'x' * 108}"],
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        listen_address(text)


PATHS = ["unix", "data", "key_file", "tls_cert", "tls_key"]
PATHS += ["smtp_ca", "smtp_password_file", "webhook_secret_file", "webhook_ca"]
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "listen": st.lists(st.sampled_from(["a:1", "[::1]:0", "10.0.0.1:99"]), min_size=1, max_size=4),
    **dict.fromkeys(PATHS, st.text(string.ascii_letters + "/.", min_size=1)),
    "name": st.text("abc äöü|", min_size=1).filter(str.strip),
    "transport": st.sampled_from(["any", "private"]),
    "registration": st.sampled_from(["open", "closed"]),
    "gateway_mail": st.just("spool"),
    "gateway_text": st.just("spool"),
    "mail_from": st.sampled_from(["chat@example.org", "chat@localhost"]),
    "smtp_host": st.sampled_from(["127.0.0.1", "mail.example.org"]),
    "smtp_security": st.sampled_from(["starttls", "tls"]),
    "smtp_user": st.text("abc äöü|", min_size=1).filter(str.strip),
    "webhook_url": st.sampled_from(["https://sms.example.org/send?a=b", "http://localhost:80"]),
    "http": st.sampled_from(["127.0.0.1:0", "[::]:8080"]),
    "http_metrics": st.sampled_from(["local", "all", "none"]),
    "http_proxies": st.lists(st.sampled_from(["192.0.2.1", "2001:db8::1"]), max_size=3),
    "http_url": st.sampled_from(["https://chat.example.org", "http://[::1]:8080/gate"]),
    "log_format": st.sampled_from(["auto", "human", "json"]),
    "log_level": st.sampled_from(["debug", "info", "warning", "error"]),
    **dict.fromkeys(
        [name for name, field in FIELDS.items() if type(field.default) is int], st.integers(64, 128)
    ),
    "outbox_bytes_max": st.integers(131_072, 999_999),
    "argon2_lanes": st.integers(1, 8),
    "argon2_memory_kib": st.integers(64, 4_194_304),
    "argon2_threads": st.integers(1, 256),
    "login_wait_seconds_max": st.integers(1, 3_600),
    "shutdown_seconds_max": st.integers(1, 60),
}


def as_toml(values: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {msgspec.json.encode(v).decode()}\n" for key, v in values.items())


def as_environment(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"CHATD_{key.upper()}": ",".join(value) if isinstance(value, list) else str(value)
        for key, value in values.items()
    }


def test_the_property_below_knows_every_setting() -> None:
    assert VALUES.keys() == FIELDS.keys()


def pairs(values: dict[str, Any]) -> bool:
    """Whether a certificate comes with its key, and a user with a password."""
    both = [("tls_cert", "tls_key"), ("smtp_user", "smtp_password_file")]
    return all((one in values) == (other in values) for one, other in both)


@given(st.fixed_dictionaries({}, optional=VALUES).filter(pairs))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_place_says_the_same(file: Path, values: dict[str, Any]) -> None:
    file.write_text(as_toml(values))
    found = load(file, {}, {})
    assert load(None, as_environment(values), {}) == found
    assert load(None, {}, values) == found
    for key, value in values.items():
        expected = str(Path(value)) if key in PATHS else value
        assert getattr(found, key) == (tuple(value) if isinstance(value, list) else expected)


@given(st.dictionaries(st.sampled_from([*FIELDS, "other"]), st.text() | st.integers(), max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_there_gives_settings_or_a_named_mistake(
    file: Path, values: dict[str, Any]
) -> None:
    file.write_text(as_toml(values))
    found = outcome(file, as_environment(values))
    if isinstance(found, str):
        assert str(file) in found or "environment variable CHATD_" in found
    else:
        assert msgspec.convert(msgspec.to_builtins(found), Settings) == found


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_settings_or_a_named_mistake(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    found = outcome(file, {})
    assert isinstance(found, Settings) or found.startswith(os.fspath(file))
