"""Clients that behave badly: nobody else notices, and the server's memory stays bounded."""

from __future__ import annotations

import resource
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.peer import Peer, eventually
from tests.serving import SECRET, Server, running

KIB = 1024
TEXT = "x" * 32_000
IDLE = 5_000
ABRUPT = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset
IDLE_KIB_MAX = 16


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path) as server:
        yield server


def post(peer: Peer, messages: int) -> list[int]:
    """Post `TEXT` to #big so often, a few at a time; the seqs."""
    seqs: list[int] = []
    while len(seqs) < messages:
        peer.send(*[f"MSG|#big|{TEXT}"] * 10)
        seqs += [int(peer.read().removeprefix("MSG|SUCCESS|").split("|")[0]) for _ in range(10)]
    return seqs


def seqs_until(peer: Peer, start: str) -> tuple[list[int], str]:
    """The seqs of the messages before the first line that begins with `start`, and that line."""
    seqs: list[int] = []
    while not (line := peer.read()).startswith(start):
        if line.startswith("*JOINED|"):
            continue
        _, room, seq, _, sender, text = line.split("|")
        assert (room, sender, text) == ("#big", "alice", TEXT)
        seqs.append(int(seq))
    return seqs, line


def in_room(server: Server, *users: str) -> list[Peer]:
    """New people, all in #big; what their coming made the others hear is read."""
    peers = server.join(*users)
    for number, peer in enumerate(peers):
        assert peer.ask("JOIN|#big") == f"JOIN|SUCCESS|#big|0|{number + 1}"
    for number, peer in enumerate(peers):
        for later in users[number + 1 :]:
            assert peer.read() == f"*JOINED|#big|{later}"
    return peers


def test_readers_that_stop_cost_the_others_nothing(server: Server) -> None:
    """64 MB are posted to ten stalled readers, each of whom may hold up 1 MiB."""
    stalled, messages = 10, 2_000
    alice, bob = in_room(server, "alice", "bob")
    readers = []
    for number in range(stalled):
        with server.login(f"stalled{number}", register=True) as first:
            assert first.ask("JOIN|#big").startswith("JOIN|SUCCESS")
        readers.append(server.connect(receive_bytes=4096))
        readers[-1].ask(f"AUTH|stalled{number}|{SECRET}")
        for peer in (alice, bob):
            assert peer.read() == f"*JOINED|#big|stalled{number}"
    before_kib = server.memory_kib("VmRSS")
    with ThreadPoolExecutor() as pool:
        heard = pool.submit(seqs_until, bob, "*MSG|alice|")
        posted = post(alice, messages)
        alice.ask("MSG|bob|that was all")
        assert heard.result()[0] == posted
    grown_kib = server.memory_kib("VmHWM") - before_kib
    print(f"{stalled} stalled readers, {messages} texts of 32,000 bytes: {grown_kib} KiB more")
    assert grown_kib < (stalled + 14) * KIB
    for reader in readers:
        live = falls_behind(reader, posted)
        if reader is readers[0]:
            catches_up(reader, posted, live[-1])
    alice.ask("MSG|#big|and now?")
    for reader in readers:
        assert reader.read().endswith("|alice|and now?")


def falls_behind(reader: Peer, posted: list[int]) -> list[int]:
    """What it was sent is the beginning, and *LAG says where that ends."""
    live, lag = seqs_until(reader, "*LAG|")
    assert live == posted[: len(live)]
    assert lag == f"*LAG|#big|{live[-1]}"
    return live


def catches_up(reader: Peer, posted: list[int], last: int) -> None:
    """HISTORY has the rest."""
    while last < posted[-1]:
        items = [int(item[0]) for item in reader.items(f"HISTORY|#big|after={last}|limit=20")]
        assert items == [seq for seq in posted if seq > last][:20]
        last = items[-1]


def test_one_who_never_reads_its_own_replies_is_not_read(server: Server) -> None:
    """Reading pauses while one's own replies pile up, so that they never pile high."""
    (alice,) = server.join("alice")
    before_kib = server.memory_kib("VmRSS")
    greedy = server.connect(receive_bytes=4096)
    greedy.sock.setblocking(False)
    question = f"PING|{TEXT}\n".encode()
    sent = 0
    while sent < 200_000 * KIB:
        try:
            sent += greedy.sock.send(question * 10)
        except BlockingIOError:
            assert alice.ask("PING|and I?") == "PING|SUCCESS|and I?"
            if full(greedy, question):
                break
    else:
        pytest.fail("the server took in everything")
    assert server.memory_kib("VmHWM") - before_kib < 16 * KIB
    assert alice.ask("PING|still here") == "PING|SUCCESS|still here"


def test_one_who_asks_for_everything_and_reads_nothing(server: Server) -> None:
    """Lists are made as they are read: 100 times 32 MB wait for one who takes 4 KiB."""
    (alice,) = in_room(server, "alice")
    post(alice, 1_000)
    before_kib = server.memory_kib("VmRSS")
    greedy = server.connect(receive_bytes=4096)
    assert greedy.ask(f"AUTH|alice|{SECRET}").startswith("AUTH|SUCCESS|")
    greedy.send(*["HISTORY|#big|limit=1000"] * 100)
    for _ in range(200):
        assert alice.ask(f"MSG|alice|{TEXT}").startswith("MSG|SUCCESS|")
    grown_kib = server.memory_kib("VmHWM") - before_kib
    print(f"1000 texts of 32,000 bytes asked for 100 times: {grown_kib} KiB more")
    assert grown_kib < 24 * KIB


def full(greedy: Peer, question: bytes) -> bool:
    """Whether, after all that the server had to do, nothing more is taken in."""
    try:
        greedy.sock.send(question)
    except BlockingIOError:
        return True
    return False


def test_100_mb_without_a_newline(server: Server) -> None:
    (alice,) = server.join("alice")
    before_kib = server.memory_kib("VmRSS")
    with server.connect() as endless:
        assert endless.read().startswith("*HELLO|")
        for _ in range(100):
            endless.send_bytes(b"x" * 1_000_000)
            assert alice.ask("PING|between") == "PING|SUCCESS|between"
        assert endless.read().startswith("ERROR|FAILURE|LINE_TOO_LONG|")
        endless.send_bytes(b"\nPING|after it\n")
        assert endless.read() == "PING|SUCCESS|after it"
    grown_kib = server.memory_kib("VmHWM") - before_kib
    print(f"100 MB without a newline: {grown_kib} KiB more")
    assert grown_kib < 8 * KIB


def test_a_byte_at_a_time(server: Server) -> None:
    """Two hundred clients in the middle of a line, each a byte further between any two replies."""
    (alice,) = server.join("alice")
    with ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(200)]
        for peer in slow:
            assert peer.read().startswith("*HELLO|")
        for letter in b"PING|slowly\n":
            for peer in slow:
                peer.send_bytes(bytes([letter]))
            assert alice.ask("PING|quickly") == "PING|SUCCESS|quickly"
        assert all(peer.read() == "PING|SUCCESS|slowly" for peer in slow)


def test_5000_idle_connections_take_at_most_16_kib_each(server: Server) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < IDLE + 500:
        pytest.fail(f"{IDLE} connections need as many file descriptors; the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, IDLE + 500), hard))
    users = ["alice", "bob", "carol", "dave"]
    tokens = []
    for user in users:
        with server.connect() as peer:
            peer.ask(f"REGISTER|{user}|{SECRET}")
            tokens.append(peer.ask(f"AUTH|{user}|{SECRET}").split("|")[2])
    with server.connect() as peer:
        assert peer.read().startswith("*HELLO|")
        files = open_files(server)
    with ExitStack() as stack:
        resumed(server, stack, tokens, 100)
        before_kib = server.memory_kib("VmRSS")
        idle = resumed(server, stack, tokens, IDLE)
        grown_kib = server.memory_kib("VmRSS") - before_kib
        print(f"{IDLE} idle connections: {grown_kib / IDLE:.2f} KiB each")
        assert grown_kib <= IDLE * IDLE_KIB_MAX
        assert idle[0].ask("PING|all of us") == "PING|SUCCESS|all of us"
        assert idle[-1].ask("WHOAMI").startswith("WHOAMI|SUCCESS|dave|")
    until_open_files(server, files)


def open_files(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def until_open_files(server: Server, files: int) -> None:
    """Let the server go on until it holds no more than so many; each PING is a turn of its own."""
    with server.connect() as peer:
        assert peer.read().startswith("*HELLO|")
        so = eventually(lambda: peer.ask("PING") == "PING|SUCCESS" and open_files(server) <= files)
        assert so, f"{open_files(server)} files are open, and were {files}"


def test_connections_that_break_off_leave_nothing(server: Server) -> None:
    (alice,) = server.join("alice")
    files = open_files(server) + 1  # that of the one who looks
    for number in range(1_000):
        with server.connect() as peer:
            peer.send_bytes(b"PING|a\nREGISTER|bob|pass"[: number % 24])
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPT)
    until_open_files(server, files)
    assert alice.ask("PING|all gone") == "PING|SUCCESS|all gone"


def resumed(server: Server, stack: ExitStack, tokens: list[str], peers: int) -> list[Peer]:
    """So many connections, logged in by the tokens in turn."""
    made = []
    for number in range(peers):
        made.append(stack.enter_context(server.connect()))
        made[-1].send(f"RESUME|{tokens[number % len(tokens)]}")
    for peer in made:
        assert peer.read().startswith("*HELLO|")
        assert peer.read().startswith("RESUME|SUCCESS|")
    return made
