"""A device's tokens against a plain model: no lost answer locks out, no old token gets in."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chatd.chat.model import Device
from chatd.chat.rotation import latest, next_token, origin, used
from chatd.security.keys import ServerKey
from chatd.security.tokens import new_token
from chatd.storage.codec import Codec

OTHER = Device(8, "other", 1, bytes(32), origin(), 0, 0, "")


@dataclass
class Proofs:
    """The only part of the archive that is asked."""

    codec: Codec

    def token_proof(self, device: int, token_hash: bytes, nonce: bytes) -> bytes:
        return self.codec.token_proof(device, token_hash, nonce)


class Rotation(RuleBasedStateMachine):
    """`good` is the token that was used last, `next` are those given out since, `old` the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.archive = Proofs(Codec(ServerKey.generate()))
        self.device = Device(7, "id", 1, bytes(32), origin(), 0, 0, "")
        self.good: list[str] = []
        self.next = [self._given()]
        self.old: list[str] = []

    def _given(self) -> str:
        return next_token(self.archive, self.device)  # type: ignore[arg-type]

    def _use(self, token: str) -> bool:
        hashed = used(self.archive, self.device, token)  # type: ignore[arg-type]
        if hashed is not None:
            self.device.token_hash = hashed
        return hashed is not None

    @rule()
    def the_answer_to_enrol_is_lost(self) -> None:
        if not self.good:
            self.next.append(self._given())

    @rule(which=st.randoms(use_true_random=False))
    def one_of_the_new_ones_is_used(self, which: object) -> None:
        token = which.choice(self.next)  # type: ignore[attr-defined]
        assert self._use(token)
        self.old += self.good + [other for other in self.next if other != token]
        self.good, self.next = [token], [self._given()]

    @rule()
    def the_one_before_is_used_again_since_the_answer_was_lost(self) -> None:
        for token in self.good:
            assert self._use(token)
            self.next.append(self._given())

    @rule(which=st.randoms(use_true_random=False))
    def an_old_one_is_used(self, which: object) -> None:
        if self.old:
            assert not self._use(which.choice(self.old))  # type: ignore[attr-defined]

    @rule(at=st.integers(0, 42), to=st.sampled_from("AQgw_-9"))
    def a_token_is_changed(self, at: int, to: str) -> None:
        token = self.next[0]
        changed = token[:at] + to + token[at + 1 :]
        assert changed in self.next or not self._use(changed)

    @invariant()
    def all_that_was_given_out_last_is_good_and_nothing_else(self) -> None:
        for token in self.next:
            assert latest(self.archive, self.device, token)  # type: ignore[arg-type]
            assert used(self.archive, OTHER, token) is None  # type: ignore[arg-type]
        for token in [*self.old[-9:], new_token(), "", "A" * 43, "x"]:
            assert used(self.archive, self.device, token) is None  # type: ignore[arg-type]
        for token in self.good:
            assert not latest(self.archive, self.device, token)  # type: ignore[arg-type]


TestRotation = Rotation.TestCase
