"""Who is in which room, for any numbers, and what cannot be measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.load.peer import DUE_DIGITS, aim_at
from chatctl.load.plan import ACCOUNTS_USUAL, Plan, Spread, accounts_for
from chatd.protocol.commands import Msg
from chatd.protocol.wire import read_request

PLAN = Plan(
    connections=100,
    rooms=10,
    senders=10,
    accounts=20,
    window=8,
    rate=None,
    payload_bytes=64,
    seconds=10.0,
    history=True,
)


@st.composite
def spreads(draw: st.DrawFn) -> Spread:
    """No more accounts or rooms than connections."""
    connections = draw(st.integers(1, 60))
    fewer = st.integers(1, connections)
    return Spread(connections, draw(fewer), draw(fewer))


@given(spreads())
def test_members_and_rooms_are_the_same_told_twice(spread: Spread) -> None:
    by_room = {(account, room) for room in range(spread.rooms) for account in spread.members(room)}
    by_account = {
        (account, room) for account in range(spread.accounts) for room in spread.rooms_of(account)
    }
    assert by_room == by_account
    assert {room for _, room in by_room} == set(range(spread.rooms))
    assert {account for account, _ in by_room} == set(range(spread.accounts))


@given(spreads())
def test_listeners_are_the_connections_of_the_members(spread: Spread) -> None:
    for room in range(spread.rooms):
        members = set(spread.members(room))
        owners = [spread.account_of(connection) for connection in range(spread.connections)]
        assert spread.listeners(room) == sum(owner in members for owner in owners)
        assert spread.deliveries(room) >= 0


@given(spreads())
def test_the_first_connections_reach_all_rooms(spread: Spread) -> None:
    """So one sender for each room is enough."""
    senders = [spread.account_of(connection) for connection in range(spread.rooms)]
    reached = {room for account in senders for room in spread.rooms_of(account)}
    assert reached == set(range(spread.rooms))


@given(st.integers(1, 1_000), st.integers(1, 1_000))
def test_rooms_get_equally_many_accounts_where_they_can(connections: int, rooms: int) -> None:
    accounts = accounts_for(connections, rooms)
    assert 1 <= accounts <= max(rooms, ACCOUNTS_USUAL)
    assert accounts == connections or accounts % rooms == 0


@given(st.integers(16, 32_768), st.integers(0, 10**DUE_DIGITS - 1))
def test_a_message_is_as_long_as_was_asked_for(payload_bytes: int, due_us: int) -> None:
    line = aim_at("#bench", "abc123", payload_bytes, 1).line(due_us).decode()
    request = read_request(line.removesuffix("\n"))
    assert isinstance(request, Msg)
    assert (request.target, len(request.text.encode())) == ("#bench", payload_bytes)
    assert int(request.text.removeprefix("abc123")[:DUE_DIGITS]) == due_us


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rooms": 101}, "more rooms than connections"),
        ({"senders": 101}, "more senders"),
        ({"accounts": 101}, "more accounts"),
        ({"senders": 100, "window": 4_096, "payload_bytes": 32_768}, "64 MiB"),
    ],
)
def test_what_cannot_be_measured(change: dict[str, int], said: str) -> None:
    assert said in (replace(PLAN, **change).complaint() or "")  # type: ignore[arg-type]
    assert PLAN.complaint() is None
