"""chatctl over TLS: whose certificate it takes, what it keeps of that, and what it refuses."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatctl.trust import parse_pin, pin_of
from chatd.server.certificates import write_self_signed
from tests.serving import SECRET, Server, running
from tests.tls import certificate

from .client_world import SteadyServer
from .shell import Shell
from .test_cli_listen import listening

ELSEWHERE = ["chat.example"]
DIGEST = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server inside TLS, whose certificate is good for 127.0.0.1."""
    with running(tmp_path_factory.mktemp("secure"), tls=certificate()) as server:
        yield server


@pytest.fixture
def shell(secure: Server, tmp_path: Path) -> Shell:
    """A shell of somebody who is not logged in there."""
    return Shell(tmp_path, f"chats://{secure.address}")


def pin_in(file: Path) -> str:
    """The pin of the certificate in a file."""
    return pin_of(ssl.PEM_cert_to_DER_cert(file.read_text()))


def logs_in(shell: Shell, user: str, *trust: str) -> None:
    shell.done("register", user, "--password-stdin", *trust, stdin=SECRET)
    shell.done("login", user, "--password-stdin", *trust, stdin=SECRET)


def test_an_authority_of_ones_own_is_kept_in_the_profile(shell: Shell) -> None:
    logs_in(shell, "ann", "--ca", str(certificate()[0]))
    assert shell.done("whoami").out.startswith(f"ann at {shell.address}, session ")
    shell.done("send", "ann", "hello")
    shell.done("logout")
    shell.done("login", "--password-stdin", stdin=SECRET)  # still the same authority


def test_a_pin_is_kept_in_the_profile(shell: Shell) -> None:
    logs_in(shell, "ben", "--pin", pin_in(certificate()[0]))
    assert shell.done("whoami").out.startswith("ben at chats://")


def test_a_pin_takes_that_certificate_whatever_name_it_bears(tmp_path: Path) -> None:
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_self_signed(ELSEWHERE, 1, *files)
    with running(tmp_path, tls=files) as server:
        shell = Shell(tmp_path, f"chats://{server.address}")
        named = shell.type("login", "x", "--password-stdin", "--ca", "cert.pem", stdin=SECRET)
        assert named.status == 5
        assert "IP address mismatch" in named.err
        logs_in(shell, "cat", "--pin", pin_in(files[0]))


def test_what_the_system_does_not_vouch_for_is_refused(shell: Shell) -> None:
    ended = shell.type("login", "dan", "--password-stdin", stdin=SECRET)
    assert (ended.status, ended.out) == (5, "")
    assert "self-signed" in ended.err
    assert "--pin" in ended.err
    assert ended.err.count("\n") == 1


def test_another_certificate_than_the_pinned_one_is_refused(shell: Shell) -> None:
    ended = shell.type("login", "eve", "--password-stdin", "--pin", DIGEST, stdin=SECRET)
    assert ended.status == 5
    assert pin_in(certificate()[0]) in ended.err
    assert f"sha256:{DIGEST}" in ended.err


def test_a_pin_that_is_none_is_a_mistake_in_typing(shell: Shell) -> None:
    ended = shell.type("login", "x", "--password-stdin", "--pin", "sha256:beef", stdin=SECRET)
    assert ended.status == 2
    assert "64 hex digits" in ended.err


@pytest.mark.parametrize(("file", "said"), [("nowhere", "No such file"), ("empty", "in PEM")])
def test_an_authority_that_is_none(shell: Shell, file: str, said: str) -> None:
    (shell.folder / "empty").write_text("")
    ended = shell.type("login", "x", "--password-stdin", "--ca", file, stdin=SECRET)
    assert ended.status == 3
    assert said in ended.err


def test_a_token_does_not_leave_for_another_server(shell: Shell, shared_server: Server) -> None:
    logs_in(shell, "flo", "--ca", str(certificate()[0]))
    plain = Shell(shell.folder, shell.address.removeprefix("chats://"))
    assert plain.type("whoami").status == 4


def test_a_server_without_tls_is_none_with_it(shell: Shell, shared_server: Server) -> None:
    there = Shell(shell.folder, f"chats://{shared_server.address}")
    ended = there.type("login", "x", "--password-stdin", stdin=SECRET)
    assert ended.status == 3
    assert "TLS" in ended.err


def test_a_plain_client_is_told_of_tls(shell: Shell) -> None:
    there = Shell(shell.folder, shell.address.replace("chats", "chat"))
    ended = there.type("login", "x", "--password-stdin", stdin=SECRET)
    assert ended.status == 3
    assert ended.err.count("\n") == 1


def test_who_listens_is_told_of_another_certificate(tmp_path: Path) -> None:
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_self_signed(["127.0.0.1"], 1, *files)
    server = SteadyServer(tmp_path, tls=files)
    server.start()
    try:
        shell = Shell(tmp_path, f"chats://{server.address}")
        logs_in(shell, "gus", "--pin", pin_in(files[0]))
        (hal,) = server.join("hal")
        assert hal.ask("MSG|gus|before").startswith("MSG|SUCCESS|")
        with listening(shell) as found:
            assert found.texts(1) == ["before"]
            for file in files:
                file.unlink()
            write_self_signed(["127.0.0.1"], 1, *files)
            server.kill()
            server.start()
            said = found.stderr.read().decode()
            assert found.process.wait() == 5
        assert pin_in(files[0]) in said
    finally:
        server.part()
        server.kill()


def test_bench_says_that_it_measures_without_tls(shell: Shell) -> None:
    ended = shell.type("bench", "--ca", str(certificate()[0]))
    assert ended.status == 2
    assert "without TLS" in ended.err


@pytest.mark.parametrize(
    "text",
    [
        f"sha256:{DIGEST}",
        DIGEST,
        f"SHA256:{DIGEST.upper()}",
        "sha256 Fingerprint=" + ":".join(DIGEST[at : at + 2] for at in range(0, 64, 2)).upper(),
        ":".join(DIGEST[at : at + 2] for at in range(0, 64, 2)),
    ],
)
def test_ways_to_write_a_pin(text: str) -> None:
    assert parse_pin(text) == f"sha256:{DIGEST}"


@pytest.mark.parametrize("text", ["", "sha256:", DIGEST[:-1], f"{DIGEST}0", f"md5:{DIGEST}"])
def test_what_is_no_pin(text: str) -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        parse_pin(text)
