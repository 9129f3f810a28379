"""What ends a command that goes on until it is told to stop."""

from __future__ import annotations

import signal

import trio


async def stop_when_told(scope: trio.CancelScope) -> None:
    """Cancel at SIGTERM and SIGHUP, so that what is under way is brought to its end."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
        async for _ in signals:
            scope.cancel()
