"""Where to listen, as people write it."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

UNIX_PATH_BYTES_MAX = 107  # sockaddr_un, with its closing NUL

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Listen:
    """A TCP host and port, behind TLS or not, or the path of a Unix socket."""

    kind: Literal["tcp", "tls", "unix"]
    host: str = ""
    port: int = 0
    path: str = ""


def listen_address(text: str) -> Listen:
    """`HOST:PORT` or `[IPV6]:PORT`, with `tcp://` or `tls://` before it, or `unix:PATH`; port 0
    lets the system choose. Raises ValueError."""
    if text.startswith("unix:"):
        return Listen("unix", path=unix_path(text.removeprefix("unix:")))
    scheme, slashes, rest = text.rpartition("://")
    if scheme == "tls":
        return Listen("tls", *_host_and_port(rest))
    if slashes and scheme != "tcp":
        raise ValueError(f"there is no {scheme}:// here; write tcp://, tls:// or unix:PATH")
    return Listen("tcp", *_host_and_port(rest))


def file_path(path: str) -> str:
    """A path that a file can have, `~` resolved. Raises ValueError."""
    if not path:
        raise ValueError("a path can't be empty")
    if "\0" in path:
        raise ValueError("a path can't hold the NUL character")
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise ValueError(f"{error}") from None


def host_port(text: str) -> str:
    """`HOST:PORT` or `[IPV6]:PORT`, as it is. Raises ValueError."""
    _host_and_port(text)
    return text


def written(host: str, port: int) -> str:
    """`HOST:PORT` or `[IPV6]:PORT`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def ip_text(text: str) -> str:
    """An IP address, in its one form. Raises ValueError."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("expected an IP address, such as 127.0.0.1") from None


def unix_path(path: str) -> str:
    """A path that a Unix socket can have, `~` resolved. Raises ValueError."""
    path = file_path(path)
    if len(os.fsencode(path)) > UNIX_PATH_BYTES_MAX:
        raise ValueError(f"the path of a Unix socket is at most {UNIX_PATH_BYTES_MAX} bytes long")
    return path


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or _PORT.fullmatch(port) is None or int(port) > 65_535:
        raise ValueError("expected HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:4040")
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1])), int(port)
    if not host:
        raise ValueError("expected a host before the port; 0.0.0.0 or [::] stand for all addresses")
    if ":" in host:
        raise ValueError("an IPv6 address is written in brackets, such as [::1]:4040")
    if _HOST.fullmatch(host) is None:
        raise ValueError("this can't be a host name or an address")
    return host, int(port)
