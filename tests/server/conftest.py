"""What the tests of the server share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    """Wherever a test has the log go, the next one finds it as it was."""
    yield
    structlog.reset_defaults()
