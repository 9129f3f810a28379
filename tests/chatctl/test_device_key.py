"""The key that a device shows."""

from __future__ import annotations

import pytest

from chatctl.device_key import DeviceKey, fresh_device_key, key_bytes
from tests.sealed import Caller, text


def test_a_key_and_its_public_half() -> None:
    """RFC 7748, section 6.1, and any other by an independent implementation."""
    alice = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f6b2d9c1f2f5ad28f23a0e2bbd8")
    private = fresh_device_key()
    assert private != fresh_device_key()
    for written in (text(alice), private):
        assert DeviceKey(key_bytes(written)).public == Caller.public(key_bytes(written))


@pytest.mark.parametrize("written", ["", "A", "A" * 42, "A" * 44, "ä" * 43, "A" * 42 + "B"])
def test_what_is_no_key(written: str) -> None:
    with pytest.raises(ValueError, match=r"key|base64"):
        DeviceKey(key_bytes(written))
