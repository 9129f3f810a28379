"""A client that asks and waits, as people and most programs do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from statistics import median, quantiles

from .fill import SECRET
from .harness import Row
from .storm import Meter, connect

READ_BYTES_MAX = 1 << 18
PATIENCE_SECONDS = 120


class Asker:
    """One connection; `ask` sends lines and waits for the last one's reply."""

    def __init__(self, port: int) -> None:
        self.sock = connect(port)
        self.sock.settimeout(PATIENCE_SECONDS)
        self.wait(b"*HELLO|")

    def ask(self, *lines: str) -> bytes:
        """All that came up to the reply to the last of the lines."""
        self.sock.sendall("".join(f"{line}\n" for line in lines).encode())
        return self.wait(lines[-1].partition("|")[0].encode() + b"|SUCCESS")

    def wait(self, want: bytes) -> bytes:
        """Read until the last line begins with `want`."""
        came = b""
        while not (came.endswith(b"\n") and _last_line(came).startswith(want)):
            new = self.sock.recv(READ_BYTES_MAX)
            came += new
            if not new or b"|FAILURE|" in new:
                raise ConnectionError(came[-300:].decode())
        return came

    def log_in(self, user: str) -> str:
        """Returns the token, once all is said that follows a log-in."""
        said = self.ask(f"AUTH|{user}|{SECRET}", "PING")
        token = re.search(rb"AUTH\|SUCCESS\|(\S+)\n", said)
        assert token is not None
        return token[1].decode()

    def close(self) -> None:
        self.sock.close()


def _last_line(data: bytes) -> bytes:
    return data[data.rfind(b"\n", 0, -1) + 1 :]


def timed(pid: int, seconds: float, act: Callable[[], object], times_max: int = 10**9) -> Row:
    """Do it again and again: its time, and the server's CPU each, in µs."""
    meter, took = Meter(pid), list[float]()
    end = time.perf_counter() + seconds
    while not took or (time.perf_counter() < end and len(took) < times_max):
        start = time.perf_counter()
        act()
        took.append((time.perf_counter() - start) * 1e6)
    meant = meter.stop(len(took))
    return {
        "count": len(took),
        "p50_us": round(median(took), 1),
        "p99_us": round(quantiles(took, n=100)[-1] if len(took) > 1 else took[0], 1),
        "server_us": meant["server_us"],
        "other_cpu": meant["other_cpu"],
    }
