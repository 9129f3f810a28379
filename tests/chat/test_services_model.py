"""Providers and callers come and go: every call gets one answer, from who was asked."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chatd.chat.calls import Asked
from chatd.chat.services import Services
from chatd.protocol.errors import ChatError, Code
from tests.chat.callers import TIME, Line, ask, code_from, code_of, line, serve

NAMES = ["dice", "cards", "time"]


class Registry(RuleBasedStateMachine):
    """Providers come and go, and so do callers."""

    def __init__(self) -> None:
        super().__init__()
        self.services = Services([TIME])
        self.lines = [line(number % 3) for number in range(6)]
        self.open: dict[Line, Asked] = {}
        self.woken: dict[str, int] = {}
        self.given: dict[str, list[Line]] = {}
        self.expected: dict[str, str] = {}

    clients = st.integers(0, 5)

    @rule(who=clients, name=st.sampled_from(NAMES))
    def serves(self, who: int, name: str) -> None:
        me = self.lines[who]
        owner = {item.name: item.provider for item in self.services.listed()}.get(name)
        refused = code_from(serve, self.services, me, name)
        assert refused is (None if owner in (None, me.account.name) else Code.TAKEN)

    @rule(who=clients, name=st.sampled_from(NAMES))
    def unserves(self, who: int, name: str) -> None:
        refused = code_from(self.services.unserve, self.lines[who], name)
        assert refused in (None, Code.NO_SUCH_SERVICE)
        self._gather()

    @rule(who=clients, name=st.sampled_from(NAMES), argument=st.text("ab", max_size=2))
    def asks(self, who: int, name: str, argument: str) -> None:
        me = self.lines[who]
        if me in self.open:
            return
        listed = {item.name for item in self.services.listed()}
        expected = {"time": Code.FORBIDDEN}.get(name, Code.UNAVAILABLE)
        try:
            asked = ask(self.services, me, name, argument)
        except ChatError as error:
            self._refused(error, expected if name in listed else Code.NO_SUCH_SERVICE)
            return
        self.open[me] = asked
        self.woken[asked.id] = 0
        asked.wake = lambda: self._wakes(asked.id)
        self._gather()

    def _refused(self, error: ChatError, code: Code) -> None:
        assert error.code is code

    def _wakes(self, call: str) -> None:
        self.woken[call] += 1

    @precondition(lambda self: self.given)
    @rule(data=st.data(), who=clients, honest=st.booleans())
    def answers(self, data: st.DataObject, who: int, honest: bool) -> None:
        call = data.draw(st.sampled_from(list(self.given)))
        me = self.given[call][-1] if honest else self.lines[who]
        waiting = [a for a in self.open.values() if a.id == call and a.outcome is None]
        may = [a for a in waiting if a.provider is not None and a.provider.client is me]
        result = f"{call} by {me.account.name}"
        refused = code_from(self.services.answer, me, call, result)
        assert refused is (None if may else Code.EXPIRED)
        if may:
            self.expected[call] = result

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def times_out(self, data: st.DataObject) -> None:
        asked = data.draw(st.sampled_from(list(self.open.values())))
        asked.settle(ChatError(Code.TIMEOUT, "Too late."))

    @rule(who=clients)
    def leaves(self, who: int) -> None:
        gone = self.lines[who]
        gone.alive = False
        self.services.leave(gone)
        self.lines[who] = Line(gone.account)
        self._gather()

    @rule()
    def end(self) -> None:
        """Callers take what they were answered."""
        for caller, asked in list(self.open.items()):
            if asked.outcome is not None:
                del self.open[caller]
                self.services.end(asked)
                assert self.woken[asked.id] == 1
                if asked.id in self.expected:
                    assert asked.result() == self.expected[asked.id]
                else:
                    assert code_of(asked) in (Code.TIMEOUT, Code.UNAVAILABLE)

    def _gather(self) -> None:
        for me in self.lines:
            while me.calls:
                self.given.setdefault(me.calls.pop().id, []).append(me)

    @invariant()
    def each_call_waits_for_somebody_who_is_there(self) -> None:
        for asked in self.open.values():
            if asked.outcome is None:
                assert asked.provider is not None
                assert asked.provider.client in self.lines
                assert asked.provider.calls[asked.id] is asked
                assert self.given[asked.id][-1] is asked.provider.client
            assert len(self.given[asked.id]) <= 2

    @invariant()
    def nobody_waits_for_themselves(self) -> None:
        for caller, asked in self.open.items():
            seen: set[object] = {caller}
            waits: Asked | None = asked
            while waits is not None and waits.outcome is None and waits.provider is not None:
                provider = waits.provider.client
                assert isinstance(provider, Line) and provider not in seen
                seen.add(provider)
                waits = self.open.get(provider)

    def teardown(self) -> None:
        for me in self.lines:
            self.services.leave(me)
        self.end()
        assert self.open == {}
        left = self.services
        assert not (left._offers or left._serving or left._calls or left._callers)


TestRegistry = Registry.TestCase
TestRegistry.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
