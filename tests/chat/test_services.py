"""The registry of services: who is asked, what is bounded, and what is refused."""

from __future__ import annotations

import pytest

from chatd.chat import services as bounds
from chatd.chat.services import Services
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.services import Serve
from chatd.services import Call
from tests.chat.callers import TIME, ask, code_of, line, serve


def test_the_least_busy_is_asked_by_turns() -> None:
    services, providers = Services(), [line(), line(), line()]
    for provider in providers:
        serve(services, provider)
    asked = [ask(services, line(2)) for _ in range(6)]
    assert [len(provider.calls) for provider in providers] == [2, 2, 2]
    assert asked[0].provider is asked[3].provider
    services.answer(providers[1], asked[1].id, "done")
    assert ask(services, line(2)).provider is asked[1].provider


def test_who_lets_calls_time_out_comes_last_until_it_answers() -> None:
    services, slow, quick = Services(), line(), line()
    serve(services, slow)
    serve(services, quick)
    late = ask(services, line(2))
    assert late.provider is not None and late.provider.client is slow
    late.provider.silent = True  # as `wait` does
    late.settle(ChatError(Code.TIMEOUT, "Too late."))
    services.end(late)
    busy = [ask(services, line(2)) for _ in range(3)]
    assert {asked.provider and asked.provider.client for asked in busy} == {quick}
    with pytest.raises(ChatError, match="EXPIRED"):
        services.answer(slow, late.id, "at last")
    after = ask(services, line(2))
    assert after.provider is not None and after.provider.client is slow


def test_who_does_not_read_is_asked_nothing() -> None:
    services, deaf, other = Services(), line(), line()
    serve(services, deaf)
    deaf.behind = True
    with pytest.raises(ChatError, match="UNAVAILABLE"):
        ask(services, line(2))
    serve(services, other)
    asked = [ask(services, line(2)) for _ in range(3)]
    assert (len(deaf.calls), len(other.calls)) == (0, 3)
    services.leave(other)
    assert {code_of(one) for one in asked} == {Code.UNAVAILABLE}


def test_levels() -> None:
    services, provider = Services([TIME]), line()
    serve(services, provider, level=5)
    with pytest.raises(ChatError, match="FORBIDDEN: dice needs level 5 and yours is 4"):
        ask(services, line(2, level=4))
    with pytest.raises(ChatError, match="FORBIDDEN"):
        ask(services, line(2), "time")
    assert ask(services, line(2, level=5)).call == Call("user2", 5, ())
    assert ask(services, line(2, level=9), "TIME").provider is None


def test_the_latest_says_what_a_service_is() -> None:
    services, one, other = Services([TIME]), line(), line()
    serve(services, one)
    services.serve(other, other.account, Serve("DICE", 7, "n", "New."))
    listed = [(i.name, i.level, i.provider, i.usage, i.description) for i in services.listed()]
    assert listed == [("dice", 7, "user1", "n", "New."), ("time", 1, "", "", "")]


def test_everything_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("SERVICES_PER_CLIENT_MAX", "PROVIDERS_PER_SERVICE_MAX", "SERVICES_MAX"):
        monkeypatch.setattr(bounds, bound, 3)
    monkeypatch.setattr(bounds, "CALLS_PER_PROVIDER_MAX", 4)
    services, me = Services(), line()
    for name in ("a", "b", "c"):
        serve(services, me, name)
    serve(services, me, "a")
    for refused in (me, line()):
        with pytest.raises(ChatError, match="UNAVAILABLE"):
            serve(services, refused, "d")
    for _ in range(2):
        serve(services, line(), "a")
    with pytest.raises(ChatError, match="UNAVAILABLE: At most 3 connections"):
        serve(services, line(), "a")
    for _ in range(4):
        ask(services, line(2), "b")
    with pytest.raises(ChatError, match="UNAVAILABLE"):
        ask(services, line(2), "b")


def test_an_account_s_and_all_calls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "CALLS_PER_ACCOUNT_MAX", 3)
    monkeypatch.setattr(bounds, "CALLS_MAX", 5)
    services, provider = Services(), line()
    serve(services, provider)
    asked = [ask(services, line(2)) for _ in range(3)]
    with pytest.raises(ChatError, match="RATE_LIMITED: 1 second"):
        ask(services, line(2))
    for _ in range(2):
        ask(services, line(3))
    with pytest.raises(ChatError, match="UNAVAILABLE"):
        ask(services, line(4))
    services.leave(asked[0].caller)
    ask(services, line(2))


def test_a_server_that_stops_ends_all_calls_and_takes_no_more() -> None:
    services, provider = Services(), line()
    serve(services, provider)
    asked = ask(services, line(2))
    services.stop()
    assert code_of(asked) is Code.UNAVAILABLE
    with pytest.raises(ChatError, match="UNAVAILABLE"):
        ask(services, line(2))
    with pytest.raises(ChatError, match="UNAVAILABLE"):
        serve(services, provider, "more")


def test_who_is_gone_neither_provides_nor_calls() -> None:
    services, gone = Services(), line()
    gone.alive = False
    with pytest.raises(ChatError, match="UNAVAILABLE"):
        serve(services, gone)
    serve(services, line(2))
    with pytest.raises(ChatError, match="UNAVAILABLE"):
        ask(services, gone)
    assert not services._serving.get(gone)


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 33, "ſqrt", "é", "a|b", "#a", "../a"])
def test_bad_names(name: str) -> None:
    services, me = Services(), line()
    with pytest.raises(ChatError, match="BAD_NAME: A service's name has 1 to 32"):
        serve(services, me, name)
    with pytest.raises(ChatError, match="NO_SUCH_SERVICE"):
        ask(services, me, name)
    with pytest.raises(ChatError, match="NO_SUCH_SERVICE"):
        services.unserve(me, name)
