"""The committer: one transaction for all that gathers, order, failures, back-pressure."""

from __future__ import annotations

from pathlib import Path

import trio
from trio.testing import wait_all_tasks_blocked

from chatd.server.committer import BATCH_BYTES_MAX, BATCH_ENTRIES_MAX
from tests.chat.harness import Client, World, in_ops, serving

PATIENCE_SECONDS = 20


def texts(lines: list[str]) -> list[str]:
    return [line.rpartition("|")[2] for line in lines if line.startswith("*MSG")]


async def test_what_gathers_during_a_commit_shares_the_next(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await in_ops(world, "alice", "bob")
        world.store.hold()
        world.store.commits.clear()
        alice.send("MSG|#ops|first")
        await world.rest()
        alice.send(*(f"MSG|#ops|a{number}" for number in range(100)))
        bob.send(*(f"MSG|#ops|b{number}" for number in range(100)))
        await world.rest()
        assert (alice.news(), bob.news()) == ([], [])
        world.store.let_go()
        await world.rest()
        assert world.store.commits == [1, 2]  # runs
        acks = [line for line in alice.news() if line.startswith("MSG|SUCCESS|")]
        assert len(acks) == 101
        assert texts(bob.news()) == ["first", *(f"a{number}" for number in range(100))]


async def test_all_see_one_order(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        clients = await in_ops(world, "alice", "bob", "carol", "dave")
        for round_ in range(20):
            for client in clients:
                client.send(f"MSG|#ops|{round_}", f"MSG|#ops|{round_}")
        await world.rest()
        heard = [[line.split("|") for line in client.news()] for client in clients]
        for lines in heard:
            seen = [int(line[2]) for line in lines if line[0] == "*MSG"]
            assert seen == sorted(set(seen))
            assert len(seen) == 120
            own = [int(line[2]) for line in lines if line[0] == "MSG"]
            assert sorted(own + seen) == list(range(1, 161))


async def test_a_failed_commit_takes_with_it_what_was_judged_on_top(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await in_ops(world, "alice", "bob")
        world.store.hold()
        alice.send("MSG|#ops|one", "PING|a")
        await world.rest()
        alice.send("MSG|#ops|two", "PING|b")
        await world.rest()
        world.store.fail()
        await world.rest()
        answers = [line.split("|")[:3] for line in alice.news()]
        failed = ["MSG", "FAILURE", "UNAVAILABLE"]
        assert answers == [failed, ["PING", "SUCCESS", "a"], failed, ["PING", "SUCCESS", "b"]]
        assert bob.news() == []
        assert await world.ask(alice, "HISTORY|#ops") == ["HISTORY|SUCCESS|0"]
        assert (await world.ask(alice, "MSG|#ops|three"))[0].startswith("MSG|SUCCESS|1|")


async def test_reading_goes_on_after_a_commit_that_failed_under_load(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        (alice,) = await in_ops(world, "alice")
        other = world.connect()
        world.store.hold()
        alice.send("MSG|#ops|on its way")
        await world.rest()
        lines = [f"MSG|#ops|{number}" for number in range(500)]
        for _ in range(BATCH_ENTRIES_MAX // len(lines) + 1):
            alice.send(*lines)
            await world.rest()
        assert await world.ask(other, "PING|wait") == []  # too much gathers
        world.store.fail()
        await world.rest()
        assert other.news() == ["PING|SUCCESS|wait"]
        alice.receive()
        assert await world.ask(other, "PING|again") == ["PING|SUCCESS|again"]


async def test_while_too_much_gathers_nobody_is_read(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        (alice,) = await in_ops(world, "alice")
        other = world.connect()
        world.store.hold()
        lines = [f"MSG|#ops|{number}" for number in range(500)]
        for _ in range(BATCH_ENTRIES_MAX // len(lines) + 3):
            alice.send(*lines)
            await world.rest()
        entries, size_bytes = world.chat.ledger.size
        assert entries > BATCH_ENTRIES_MAX or size_bytes > BATCH_BYTES_MAX
        assert entries <= BATCH_ENTRIES_MAX + len(lines)
        assert await world.ask(other, "PING|wait") == []
        world.store.let_go()
        await world.rest()
        assert other.news() == ["PING|SUCCESS|wait"]
        with trio.fail_after(PATIENCE_SECONDS):
            while len(alice.lines) < 500 * (BATCH_ENTRIES_MAX // len(lines) + 3):
                alice.receive()
                await world.rest()
        assert {line.split("|")[1] for line in alice.news()} == {"SUCCESS"}


async def test_what_changes_nothing_on_disk_is_not_committed(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        (alice,) = await in_ops(world, "alice")
        world.store.commits.clear()
        lines = await world.ask(alice, "WHOAMI", "QUIT")
        assert [line.split("|")[0] for line in lines] == ["WHOAMI", "QUIT", "*BYE"]
        assert world.store.commits == []


async def test_settled_waits_for_the_commit_of_this_client_alone(tmp_path: Path) -> None:
    async with serving(tmp_path) as world, trio.open_nursery() as nursery:
        alice, bob = await in_ops(world, "alice", "bob")
        world.store.hold()
        alice.send("MSG|#ops|hi")
        await world.rest()
        settled: list[str] = []

        async def wait(name: str, client: Client) -> None:
            await world.committer.settled(client.connection)
            settled.append(name)

        nursery.start_soon(wait, "alice", alice)
        nursery.start_soon(wait, "bob", bob)
        await wait_all_tasks_blocked()
        assert settled == ["bob"]
        world.store.fail()
        await world.rest()
        assert settled == ["bob", "alice"]


async def poison_behind_a_commit(world: World, client: Client) -> None:
    """One message is on its way, and held; the open batch, with another, is poisoned."""
    world.store.hold()
    client.send("MSG|#ops|on its way")
    await world.rest()
    client.send("MSG|#ops|poisoned")
    await world.rest()
    world.committer.poison()


async def test_a_poisoned_batch_fails_and_the_next_does_not(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await in_ops(world, "alice", "bob")
        await poison_behind_a_commit(world, alice)
        world.store.let_go()
        await world.rest()
        assert [line.split("|")[1] for line in alice.news()] == ["SUCCESS", "FAILURE"]
        assert texts(bob.news()) == ["on its way"]
        assert (await world.ask(alice, "MSG|#ops|well"))[0].startswith("MSG|SUCCESS|")
        assert not world.committer.busy


async def test_what_was_poisoned_and_failed_anyway_poisons_nothing_after_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        (alice,) = await in_ops(world, "alice")
        await poison_behind_a_commit(world, alice)
        world.store.fail()
        await world.rest()
        assert [line.split("|")[1] for line in alice.news()] == ["FAILURE", "FAILURE"]
        assert (await world.ask(alice, "MSG|#ops|well"))[0].startswith("MSG|SUCCESS|")


async def test_it_knows_how_long_commits_took_and_why_one_failed(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        committer = world.committer
        commits = sum(committer.seconds.counts)
        assert commits > 0
        assert committer.seconds.sum_seconds > 0
        world.store.hold()
        alice.send("JOIN|#ops")
        await world.rest()
        world.store.fail()
        await world.rest()
        assert (committer.failures, committer.problem) == (
            1,
            "FullError: database or disk is full",
        )
        await world.ask(alice, "JOIN|#ops")
        assert (committer.failures, committer.problem) == (1, None)
        assert sum(committer.seconds.counts) == commits + 2
