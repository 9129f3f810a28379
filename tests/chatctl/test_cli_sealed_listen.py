"""`listen` to what the server cannot read: opened, each once and in order, whatever changes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from chatctl.e2e import seal_vault
from chatd.protocol.fields import VAULT_BYTES_MAX
from tests.peer import PATIENCE_SECONDS, eventually
from tests.serving import Server

from .client_world import SteadyServer
from .sealed_world import content_of, device, entered, keyed, kinds, texts, told, wrapping_key
from .shell import Shell
from .test_cli_listen import listening


def test_two_devices_listen(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "two-ann")
    phone = device(shared_server, shell.folder, "two-ann", "two-phone")
    bob = keyed(shared_server, shell.folder, "two-bob")
    cyn = keyed(shared_server, shell.folder, "two-cyn")
    told(bob, "send", "two-ann", "first")
    told(cyn, "send", "two-ann", "for the phone")
    with ExitStack() as stack:
        here = stack.enter_context(listening(ann, "two-bob"))
        assert here.texts(1) == ["first"]
        # What one device has read is not unread for the other.
        assert eventually(lambda: "two-bob" not in ann.done("unread").out)
        there = stack.enter_context(listening(phone))
        assert there.texts(1) == ["for the phone"]
        bob.done("send", "--lines", "two-ann", stdin="\n".join(map(str, range(50))))
        for found in (here, there):
            assert found.texts(50) == [str(number) for number in range(50)]
        told(phone, "send", "two-bob", "from the phone")
        shown = here.next()
        assert (shown["conversation"], shown["sender"]) == ("two-bob", "two-ann")
        assert (shown["text"], shown["findings"]) == ("from the phone", [])


def test_new_keys_while_listening(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "nl-ann")
    phone = device(shared_server, shell.folder, "nl-ann", "nl-phone")
    bob = keyed(shared_server, shell.folder, "nl-bob")
    told(bob, "send", "nl-ann", "first")
    with listening(phone, "--events") as found:
        assert found.texts(1) == ["first"]
        ann.done("keys", "rotate")
        bob.done("trust", "nl-ann")
        bob.done("send", "nl-ann", "second")
        events = []
        while (event := found.next()).get("text") != "second":
            events.append(event)
        assert event["findings"] == []
        assert "IDENTITY" in [event["event"] for event in events]


def test_over_crashes_each_line_comes_once(tmp_path: Path) -> None:
    server = SteadyServer(tmp_path)
    server.start()
    try:
        ann = keyed(server, tmp_path, "ann")
        bob = keyed(server, tmp_path, "bob")
        told(ann, "send", "bob", "begin")
        with (
            listening(bob) as found,
            ann.start("send", "--lines", "bob", "--json", stderr=None) as tail,
        ):
            assert found.texts(1) == ["begin"]
            assert tail.stdin is not None and tail.stdout is not None
            for part in range(2):
                lines = [f"{part * 100 + number}\n".encode() for number in range(100)]
                tail.stdin.writelines(lines)
                tail.stdin.flush()
                tail.stdout.readline()
                server.kill()
                server.start()
                assert found.texts(100) == [line.decode().strip() for line in lines]
            tail.stdin.close()
            assert tail.wait(PATIENCE_SECONDS) == 0
        assert texts(bob, "ann") == ["begin", *map(str, range(200))]
        assert texts(ann, "bob") == ["begin", *map(str, range(200))]
    finally:
        server.stop()


def test_trusted_while_listening(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "tl-ann")
    bob = keyed(shared_server, shell.folder, "tl-bob")
    told(bob, "send", "tl-ann", "first")
    with listening(ann) as found:
        assert kinds(found.next()) == ["key-unseen"]
        bob.done("keys", "rotate")
        ann.done("trust", "tl-bob")
        bob.done("send", "tl-ann", "second")
        second = found.next()
        assert (second["text"], kinds(second)) == ("second", [])


def fill_vault(server: Server, user: str) -> None:
    """Keep so much in it that hardly anything more fits."""
    with entered(server, user) as peer:
        content = content_of(peer)
        content.data["big"] = ""
        blob = seal_vault(content, wrapping_key(), content.version + 1)
        content.data["big"] = "x" * ((VAULT_BYTES_MAX - len(blob)) * 3 // 4 - 3)
        blob = seal_vault(content, wrapping_key(), content.version + 1)
        assert peer.ask(f"STORE|{content.version}|{blob}").startswith("STORE|SUCCESS|")


def test_a_vault_that_is_full_stops_no_reader(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "fv-ann")
    bob = keyed(shared_server, shell.folder, "fv-bob")
    cyn = keyed(shared_server, shell.folder, "fv-cyn")
    told(bob, "send", "fv-ann", "first")
    with listening(ann) as found:
        assert kinds(found.next()) == ["key-unseen"]
        fill_vault(shared_server, "fv-ann")
        bob.done("keys", "rotate")
        bob.done("send", "fv-ann", "second")
        assert kinds(found.next()) == ["key-changed"]
        told(cyn, "send", "fv-ann", "third")
        assert kinds(found.next()) == ["key-unseen"]
    refused = ann.type("send", "fv-cyn", "hello")
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert "chatctl vault list" in refused.err
