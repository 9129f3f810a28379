"""`python -m chatd`."""

import os
import sys

import trio

from chatd.server import settings as S
from chatd.server.run import serve

if __name__ == "__main__":
    flags = dict(zip((a[2:] for a in sys.argv[2::2]), sys.argv[3::2]))
    if "listen" in flags:
        flags["listen"] = [flags["listen"]]
    config = flags.pop("config", None)
    load = lambda: S.load(config and S.Path(config), os.environ, flags)
    trio.run(serve, load(), load)
