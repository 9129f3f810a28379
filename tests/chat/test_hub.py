"""The hub: who hears what, and that nobody who has gone is left in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatd.chat.hub import Hub
from chatd.chat.model import Session
from tests.chat.test_ledger import Listener


def session(id_: int) -> Session:
    return Session(id_, f"s{id_}", 1, 0, 1, 1, "", b"")


def test_an_account_hears_its_rooms_on_every_connection() -> None:
    hub, one, two, other = Hub(), Listener(), Listener(), Listener()
    hub.attach(one, 1, [7])
    hub.attach(two, 1, [7])
    hub.attach(other, 2, [])
    hub.to_room(7, "#ops", 1, b"to the room\n", but=two)
    hub.to_account(1, "ben", 1, b"to the account\n", but=one)
    assert (one.told, two.told, other.told) == ([b"to the room\n"], [b"to the account\n"], [])
    hub.subscribe(2, 7)
    hub.unsubscribe(1, 7)
    hub.to_room(7, "#ops", 2, b"again\n")
    assert other.told == [b"again\n"]
    assert one.told == [b"to the room\n"]


def test_who_is_online() -> None:
    hub, one, two = Hub(), Listener(), Listener()
    assert not hub.online(1)
    hub.attach(one, 1, [])
    hub.attach(two, 1, [])
    hub.detach(one, 1)
    assert hub.online(1)
    assert (list(hub.clients(1)), hub.online_count()) == ([two], 1)
    hub.detach(two, 1)
    hub.detach(two, 1)
    assert (hub.online(1), hub.online_count()) == (False, 0)


def test_ending_sessions() -> None:
    def three() -> tuple[Hub, list[Listener]]:
        hub, clients = Hub(), [Listener(), Listener(), Listener()]
        for client, held in zip(clients, (session(1), session(2), session(2))):
            client.session = held
            hub.attach(client, 1, [])
        return hub, clients

    hub, (one, two, three_) = three()
    hub.end(1, "Bye.", session=2)
    assert (one.told, two.told, three_.told) == (
        [],
        [b"*BYE|DENIED|Bye.\n"],
        [b"*BYE|DENIED|Bye.\n"],
    )
    hub, (one, two, three_) = three()
    hub.end(1, "Bye.", keep=2)
    assert (one.told, two.told, three_.told) == ([b"*BYE|DENIED|Bye.\n"], [], [])
    hub, clients = three()
    hub.end(1, "Bye.")
    assert all(client.told for client in clients)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["attach", "detach", "subscribe", "unsubscribe"]),
        st.integers(0, 3),
        st.integers(0, 2),
    )
)


@given(STEPS)
def test_nothing_is_left_of_who_has_gone(steps: list[tuple[str, int, int]]) -> None:
    hub, clients, there = Hub(), [Listener() for _ in range(4)], set[int]()
    for step, who, room in steps:
        account = who % 2
        if step == "attach" and who not in there:
            hub.attach(clients[who], account, [room])
            there.add(who)
        elif step == "detach":
            hub.detach(clients[who], account)
            there.discard(who)
        elif step == "subscribe":
            hub.subscribe(account, room)
        elif step == "unsubscribe":
            hub.unsubscribe(account, room)
        assert hub.online_count() == len({who % 2 for who in there})
    for who in range(4):
        hub.detach(clients[who], who % 2)
    assert not any((hub._accounts, hub._rooms, hub._subscribed))
