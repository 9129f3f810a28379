"""A message's way, step by step, taken by hand and timed; see `micro.py`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter_ns, process_time_ns
from typing import Any, TypeVar

import trio

from chatd.chat.changes import Change, MessagesPosted
from chatd.chat.ledger import Batch, Ledger, Post
from chatd.protocol.runs import read_run
from chatd.storage.codec import Codec, pack
from chatd.storage.runs import Run

from .harness import GENERATOR, Row, build, chatd, generate, pipe_dialect
from .micro_report import COMPARED
from .micro_world import LISTENERS, World, room_of, world

BATCHES = (1, 64)
REPEATS = 5
REPEAT_SECONDS = 0.12
ROUNDS_MAX = 60
SERVED_RUNS = 3

T = TypeVar("T")
Spent = dict[str, float]


class Watch:
    """Adds up, by step, what calls took, less what watching takes."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, int] = defaultdict(int)
        self._own_ns = 0
        for _ in range(1000):
            self("", int)
        self._own_ns = self.spent.pop("") // 1000

    def __call__(self, step: str, act: Callable[..., T], *arguments: Any) -> T:
        start = perf_counter_ns()
        result = act(*arguments)
        self.spent[step] += perf_counter_ns() - start - self._own_ns
        return result

    async def cpu(self, step: str, act: Callable[..., Any], *arguments: Any) -> None:
        """The CPU that the whole process spends until it is done."""
        start = process_time_ns()
        await act(*arguments)
        self.spent[step] += process_time_ns() - start


def measure() -> Iterator[Row]:
    """A row for each step, batch and number of listeners; then what a whole server spends."""
    yield from trio.run(_by_hand)
    yield from _served()


async def _by_hand() -> list[Row]:
    rows: list[Row] = []
    async with world() as here:
        for batch in BATCHES:
            for listeners in LISTENERS:
                for synced in (False, True):
                    repeats = [
                        await _repeat(here, batch, listeners, synced) for _ in range(REPEATS)
                    ]
                    rows += _rows(batch, listeners, synced, repeats)
    return rows


def _rows(batch: int, listeners: int, synced: bool, repeats: list[Spent]) -> Iterator[Row]:
    for step in repeats[0]:
        yield _row(step, batch, listeners, synced, [spent[step] for spent in repeats])


def _row(step: str, batch: int, listeners: int, synced: bool, values: list[float]) -> Row:
    return {
        "step": step,
        "batch": batch,
        "listeners": listeners,
        "synced": synced,
        "us": median(values),
        "least": min(values),
        "most": max(values),
    }


async def _repeat(here: World, batch: int, listeners: int, synced: bool) -> Spent:
    """What each step takes, in µs a message, with or without the disk's sync."""
    here.server.store._db.pragma("synchronous", "full" if synced else "off")
    watch, rounds = Watch(), 0
    start = perf_counter_ns()
    while rounds < ROUNDS_MAX and perf_counter_ns() - start < REPEAT_SECONDS * 1e9:
        await _turns(here, watch)
        here.say(room_of(listeners), batch)
        taken = _taken_in(here, watch)
        _on_their_own(here, taken, watch)
        start_storing = perf_counter_ns()
        await watch.cpu("stored", _stored, here, taken.changes)
        watch.spent["stored, waited"] += perf_counter_ns() - start_storing
        await _sent(here, taken, watch)
        here.drain(listeners)
        rounds += 1
    return {step: ns / 1000 / batch / rounds for step, ns in watch.spent.items()}


async def _turns(here: World, watch: Watch) -> None:
    """The loop wakes up; a job goes to the writer's thread, and the loop wakes up again."""
    here.server.reactor.wakeups.ring()
    await watch.cpu("turn", _woken, here)
    await watch.cpu("hop", _stored, here, [])


async def _woken(here: World) -> None:
    await here.server.reactor.wakeups.sleep(0)
    here.server.reactor._turn()


async def _stored(here: World, changes: list[Change]) -> None:
    """In the writer's thread; the loop sleeps meanwhile."""
    done: list[BaseException | None] = []

    def told(error: BaseException | None) -> None:
        done.append(error)
        here.server.reactor.wakeups.ring()

    here.server.store.commit_soon(changes, told)
    while not done:
        await _woken(here)
    assert done == [None]


def _taken_in(here: World, watch: Watch) -> Batch:
    """From the socket into the ledger."""
    sender, server = here.sender, here.server
    data = watch("receive", sender.receive)
    sender.lines = watch("lines", sender.reader.receive, data)
    watch("request", server.reactor.carry_on, sender)
    batch = server.chat.ledger.take()
    assert batch is not None
    return batch


def _on_their_own(here: World, batch: Batch, watch: Watch) -> None:
    """What stands inside of other steps, once more by itself."""
    ledger = here.server.chat.ledger
    posts = [entry for entry in batch.entries if isinstance(entry, Post)]
    lines = [f"MSG|{post.route.target}|{text}" for post in posts for text in post.posted.texts]
    watch("parse", _parse, lines)
    watch("ledger", _post, ledger, posts)
    here.undo(ledger.take())
    watch("seal", _seal, here.codec, [post.posted for post in posts])
    watch("encode", _encode, posts)


def _parse(lines: list[str]) -> None:
    done = 0
    while done < len(lines):
        run = read_run(lines, done, len(lines))
        assert run is not None
        done += run.requests


def _post(ledger: Ledger, posts: list[Post]) -> None:
    for post in posts:
        ledger.post(post)


def _seal(codec: Codec, posted: list[MessagesPosted]) -> bytes:
    entries = [(m.conversation, Run(m.seq, 1, m.time_ms, m.sender, m.texts)) for m in posted]
    return codec.seal_entries(1, pack(entries))


def _encode(posts: list[Post]) -> None:
    for post in posts:
        post.lines(post.route.target)


async def _sent(here: World, batch: Batch, watch: Watch) -> None:
    """Answered, told to whoever listens, and sent."""
    reactor = here.server.reactor
    watch("release", here.server.chat.ledger.release, batch)
    reactor.hurry(0)
    start = perf_counter_ns()
    await reactor.flush()
    watch.spent["flush"] += perf_counter_ns() - start


def _served() -> Iterator[Row]:
    """The CPU of a server that serves, in µs a message."""
    if not GENERATOR.exists():
        build()
    spent: defaultdict[int, list[float]] = defaultdict(list)
    for _ in range(SERVED_RUNS):
        with chatd() as server:
            load = f"--scenario fanout --members {COMPARED + 1} --phases 1:1,1:64 --secs 0.6"
            for row in generate(server.port, server.pid, "", pipe_dialect(), *load.split()):
                spent[row["window"]].append(row["cpu_us_per_delivery"] * COMPARED)
    for window, values in spent.items():
        yield _row("served", window, COMPARED, True, values)
