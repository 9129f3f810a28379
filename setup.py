"""What pyproject.toml cannot say: with CHATD_COMPILE=1 in the environment the hot modules are
compiled, with mypyc, which takes a C compiler. They do the same, in less time.
"""

from __future__ import annotations

import os

from setuptools import Extension, setup

HOT = [
    "chatd/protocol/lines.py",
    "chatd/protocol/runs.py",
    "chatd/chat/clock.py",
    "chatd/chat/handlers/messages.py",
    "chatd/chat/hub.py",
    "chatd/chat/ledger.py",
    "chatd/chat/model.py",
    "chatd/chat/routes.py",
    "chatd/chat/spans.py",
    "chatd/server/committer.py",
    "chatd/server/connection.py",
    "chatd/server/dispatch.py",
    "chatd/server/outbox.py",
    "chatd/server/reactor.py",
    "chatd/server/wakeups.py",
]


def extensions() -> list[Extension]:
    """None, unless they are asked for."""
    if os.environ.get("CHATD_COMPILE") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415  (needed only here)

    return mypycify(["--config-file=pyproject.toml", *HOT], opt_level="3")


setup(ext_modules=extensions())
