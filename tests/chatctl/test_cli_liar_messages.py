"""A malicious server changes messages on their way: what is shown says so, beside the message.

What it shows comes through `history` and `listen`; a message that is kept back altogether, nobody
can notice.
"""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

from chatctl.e2e import read_time
from chatd.protocol.fields import escape_rest
from tests.peer import PATIENCE_SECONDS

from .e2e_world import MALLORY, b64, changed, payload, sealed, signed, with_header
from .liar import after, instead, listing
from .shell import Ended, Shell
from .terminal import Terminal
from .victims import TEXT, Person, Scene, told


def now(**ago: float) -> str:
    when = datetime.now(UTC) - timedelta(**ago)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def item(seq: int, sender: Person, text: str, time: str = "") -> str:
    """An entry of HISTORY."""
    return f"{seq}|{time or now()}|{sender.user}|{escape_rest(text)}"


def shown(scene: Scene, reader: Person, other: Person, *items: str) -> list[str]:
    """What `history` shows of these, a message in each place; all of it is clean."""
    with scene.liar.tells(listing("HISTORY", *items)):
        ended = reader.shell.done("history", other.user)
    told(ended.out)
    return ended.out.splitlines()


def kinds(ended_objects: list[dict[str, Any]]) -> list[list[str]]:
    return [[one["kind"] for one in said["findings"]] for said in ended_objects]


def test_messages_that_the_server_altered(scene: Scene) -> None:
    """One lie after the other, in one listing."""
    alice, bob = scene.pair()
    carol = scene.person("carol")
    line = bob.sealed(alice)
    to_carol = bob.sealed(carol)
    cipher = json.loads(line)["ciphertext"]
    flipped = ("B" if cipher[9] == "A" else "A").join([cipher[:9], cipher[10:]])
    lies = [
        (item(1, bob, line), [f"{bob.user}: {TEXT}"]),
        (item(2, bob, line), ["Shown twice", "sent this once", "stands at 1 too"]),
        (item(3, bob, "the treasure"), ["[not encrypted]: the treasure"]),
        (
            item(4, bob, changed(line, ciphertext=flipped)),
            ["cannot be opened", "changed on its way"],
        ),
        (item(5, bob, line[:-2]), ["cannot be opened"]),
        (item(6, bob, line[: len(line) // 2]), ["cannot be opened"]),
        (item(7, bob, changed(line, ciphertext=cipher[:-8])), ["cannot be opened", "changed"]),
        (item(8, bob, to_carol), ["cannot be opened", "encrypted for others"]),
        (
            item(9, carol, bob.sealed(alice)),
            [f"says {carol.user} sent this, but {bob.user} signed"],
        ),
        (
            item(10, alice, bob.sealed(alice)),
            ["Not signed by the key known as", "somebody else may have"],
        ),
        (item(11, bob, alice.sealed(bob)), ["Not signed by the key known as", alice.user]),
        (
            item(12, bob, bob.sealed(alice, to="#ops")),
            ["Written for #ops, but the server shows it"],
        ),
        (item(13, bob, sealed(TEXT, alice.keys)), [f"{bob.user} [not signed]: {TEXT}"]),
    ]
    found = shown(scene, alice, bob, *(said for said, _ in lies))
    assert len(found) == len(lies), found
    for line, (_, words) in zip(found, lies):
        told(line, *words)


def test_a_message_shown_in_another_conversation(scene: Scene) -> None:
    alice, bob = scene.pair()
    carol = scene.person("carol", alice)
    to_carol = alice.sealed(carol)
    [said] = shown(scene, alice, bob, item(1, alice, to_carol))
    told(said, " ! ", f"{carol.user}, but the server shows it in {bob.user}")


def test_an_old_message_shown_as_new(scene: Scene) -> None:
    alice, bob = scene.pair()
    old = bob.sealed(alice, time=datetime.now(UTC) - timedelta(days=3))
    said, why = shown(scene, alice, bob, item(7, bob, old))
    told(said, f"{bob.user} [another time]: {TEXT}")
    told(why, "Written at ", "by its sender's clock; the server says ")
    times = [read_time(word.rstrip(","), "It") for word in why.split() if word.endswith("Z")]
    assert timedelta(days=2) < times[1] - times[0] < timedelta(days=4)


def test_a_sender_who_is_said_to_be_erased(scene: Scene) -> None:
    alice, bob = scene.pair()
    entry = item(1, bob, bob.sealed(alice)).replace(f"|{bob.user}|", "|~erased|")
    said, why = shown(scene, alice, bob, entry)
    told(said, f"~erased [not checked]: {TEXT}")
    told(why, "account is erased", f"signed as {bob.user}")


def test_messages_in_another_order(scene: Scene) -> None:
    alice, bob = scene.pair()
    times = [datetime.now(UTC) - timedelta(seconds=ago) for ago in (3, 2, 1)]
    one, two, three = (
        bob.sealed(alice, f"{number} {TEXT}", time=when) for number, when in zip("123", times)
    )
    kept = [item(seq, bob, line) for seq, line in enumerate((two, one, three), 1)]
    with scene.liar.tells(listing("HISTORY", *kept)):
        found = alice.shell.done("history", bob.user, "--json").objects
        assert "out of order" in alice.shell.done("history", bob.user).out
    assert "reordered" in kinds(found)[1]
    with scene.liar.tells(listing("HISTORY", kept[1], kept[0])):
        ended = alice.shell.type("history", bob.user)
    assert (ended.status, ended.out) == (5, "")
    told(ended.err, "out of their order", "none of them is shown")


def test_what_listen_says_of_lies(scene: Scene) -> None:
    alice, bob = scene.pair()
    line = escape_rest(bob.sealed(alice))
    forged = escape_rest(sealed(signed(payload(**{"from": bob.user}), MALLORY.sig), alice.keys))
    lies = [
        f"*MSG|{bob.user}|1|{now()}|{bob.user}|{line}",
        f"*MSG|{bob.user}|2|{now()}|{bob.user}|{line}",
        f"*MSG|{bob.user}|3|{now()}|{bob.user}|the treasure is gone",
        f"*MSG|{bob.user}|4|{now()}|{bob.user}|{forged}",
        f"*MSG|#ops|1|{now()}|{bob.user}|{line}",
    ]
    words = [TEXT, "Shown twice", "[not encrypted]", "Not signed by the key", "Written for"]
    with scene.liar.tells(after("VAULT|SUCCESS|", *lies)), alice.shell.start("listen") as listening:
        assert listening.stdout is not None
        said = [listening.stdout.readline().decode() for _ in lies]
        listening.terminate()
    for one, word in zip(said, words):
        told(one, word)
    assert [" ! " in one for one in said] == [False, True, False, True, True]


def test_the_chat_screen_says_so_too(scene: Scene) -> None:
    alice, bob = scene.pair()
    mallory = instead("IDENTITY|SUCCESS|", _identity(bob.user))
    stolen = item(1, alice, bob.sealed(alice))
    with (
        scene.liar.tells(listing("HISTORY", stolen), mallory),
        Terminal(alice.shell, "chat", bob.user) as terminal,
    ):
        terminal.until("! Not signed by the key known as")
        terminal.keys(f"{TEXT}\r")
        terminal.until("key changed")
        terminal.keys("\x04")
        assert terminal.status() == 0
    assert alice.asks(f"HISTORY|{bob.user}") == ["HISTORY|SUCCESS|0"]


def _identity(user: str) -> str:
    return f"IDENTITY|SUCCESS|{MALLORY.sig.kid}|{escape_rest(MALLORY.published(user))}"


class Poor(Shell):
    """A shell in which a command gets 10 s of the processor and 2 GiB of addresses."""

    def type(self, *words: str, stdin: str | bytes = b"") -> Ended:
        limits = ["/bin/sh", "-c", 'ulimit -t 10; ulimit -v 2097152; exec "$@"', "-"]
        ended = subprocess.run(
            [*limits, *self.argv(*words)],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def hostile(alice: Person, bob: Person) -> list[tuple[str, str]]:
    """Lines that would cost much, or be read in no safe way, and what is said of each."""
    line = bob.sealed(alice)
    recipients = json.loads(line)["recipients"]
    [own] = [one for one in recipients if one["header"]["kid"] == alice.keys.enc.kid]
    slow = {"alg": "PBES2-HS512+A256KW", "p2c": 2**31 - 1, "p2s": "AAAA"}
    compact = ".".join([b64({**slow, "enc": "A256GCM"}), "AAAA", "AAAA", "AAAA", "AAAA"])
    nested = '{"protected":' + '{"a":' * 6_000
    return [
        (with_header(line, alg="none"), "not allowed"),
        (with_header(line, **slow), "guessed in its own time"),
        (compact, "guessed in its own time"),
        (_bomb(alice), "compressed"),
        (with_header(line, crit=["exp"], exp=1), "demands an extension"),
        (changed(line, recipients=[own] * 111), "recipients"),
        (nested, ""),
        (changed(line, iv="!"), ""),
        (changed(line, protected="eyJ"), ""),
        (sealed(_unsigned(alice, bob), alice.keys), "sign"),
    ]


def _unsigned(alice: Person, bob: Person) -> str:
    """A JWS of alg none."""
    said = payload(**{"from": bob.user, "text": TEXT})
    return f"{b64({'alg': 'none'})}.{b64(said)}."


def _bomb(alice: Person) -> str:
    from joserfc.jwe import GeneralJSONEncryption, encrypt_json  # noqa: PLC0415

    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "zip": "DEF"}
    bomb = GeneralJSONEncryption(header, bytes(20_000_000))
    bomb.add_recipient({"kid": alice.keys.enc.kid}, alice.keys.enc.loaded)
    return json.dumps(encrypt_json(bomb, None, [*header.values()]))


def test_hostile_messages_cost_little(scene: Scene) -> None:
    alice, bob = scene.pair()
    alice.shell = Poor(alice.shell.folder, alice.shell.address, alice.shell.profile)
    lines = hostile(alice, bob)
    items = [item(seq, bob, line) for seq, (line, _) in enumerate(lines, 1)]
    found = shown(scene, alice, bob, *items)
    assert len(found) == len(lines), found
    for said, (_, word) in zip(found, lines):
        told(said, "[cannot be opened]", word)
    events = [
        f"*MSG|{bob.user}|{seq}|{now()}|{bob.user}|{escape_rest(line)}"
        for seq, (line, _) in enumerate(lines, 1)
    ]
    with (
        scene.liar.tells(after("VAULT|SUCCESS|", *events)),
        alice.shell.start("listen", "--json") as listening,
    ):
        assert listening.stdout is not None
        objects = [json.loads(listening.stdout.readline()) for _ in lines]
        listening.terminate()
    assert kinds(objects) == [["unreadable"]] * len(lines)
