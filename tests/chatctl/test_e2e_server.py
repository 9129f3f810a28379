"""What the client publishes and seals passes the checks of the server, which has its own code."""

from __future__ import annotations

import pytest

from chatctl.e2e import OwnKeys
from chatd.chat.jwe import is_jwe
from chatd.security.identities import BadIdentity, verified

from .e2e_world import ALICE, NOW, message


@pytest.mark.parametrize("keys", [ALICE, ALICE.rotated(NOW)])
@pytest.mark.parametrize("user", ["alice", "álvaro"])
def test_what_is_published_is_verified_for_its_user_alone(keys: OwnKeys, user: str) -> None:
    published = keys.published(user)
    assert verified(published, user) == keys.identity(user).thumbprint
    with pytest.raises(BadIdentity, match="something else"):
        verified(published, "bob")


@pytest.mark.parametrize("text", ["hello", "", "漢|字\n"])
def test_a_sealed_message_passes_for_one(text: str) -> None:
    assert is_jwe(message(text))
