"""The command line as it is really typed: real processes, real folders, a real server."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import chatd
from tests.peer import PATIENCE_SECONDS
from tests.serving import Server, environment, running

ROOT = Path(__file__).parents[2]
TEXT = "the roses are in bloom again"


def run(*arguments: str | Path, **settings: object) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `chatd`."""
    return python("-m", "chatd", *arguments, **settings)


def python(*arguments: str | Path, **settings: object) -> tuple[int, str, str]:
    """The same of Python itself."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def refusal(status: int, *arguments: str | Path, **settings: object) -> str:
    """The one line with which this is refused."""
    found, said, told = run(*arguments, **settings)
    assert (found, said) == (status, "")
    assert re.fullmatch(r"chatd: [^\n]+\n", told)
    return told.removeprefix("chatd: ").strip()


def post(server: Server, *texts: str) -> list[int]:
    """Messages from anastasia to herself; their seqs."""
    with server.login("anastasia") as peer:
        return [int(peer.ask(f"MSG|anastasia|{text}").split("|")[2]) for text in texts]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_it_says_its_version() -> None:
    assert run("--version") == (0, f"chatd {chatd.__version__}\n", "")


def test_it_helps() -> None:
    status, said, told = run("--help")
    assert (status, told) == (0, "")
    assert all(command in said for command in ("run", "check", "backup", "restore"))
    assert run() == (2, said, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["frobnicate"], "No such command 'frobnicate'; see: chatd --help"),
        (["run", "--frob"], "No such option: --frob; see: chatd run --help"),
        (["backup"], "Missing argument 'FILE'; see: chatd backup --help"),
        (["run", "--listen", "nowhere"], "--listen[0]: expected HOST:PORT"),
        (["check", "--config", "nowhere.toml"], "can't read settings from nowhere.toml: No such"),
    ],
)
def test_what_is_typed_wrong_is_one_line(arguments: list[str], says: str) -> None:
    assert refusal(2, *arguments).startswith(says)


def test_a_wrong_setting_is_named_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "chatd.toml"
    file.write_text("\nargon2_passes = 0\n")
    expected = f"{file}, line 2: argon2_passes: expected int >= 1"
    assert refusal(2, "run", "--config", file) == expected
    assert refusal(2, "check", argon2_pases=3).startswith(
        "environment variable CHATD_ARGON2_PASES: there is no such setting; did you mean"
    )


def test_a_folder_that_others_can_read_is_refused(data: Path) -> None:
    data.mkdir(mode=0o755)
    data.chmod(0o755)
    for command in (["run"], ["restore", "copy"]):
        said = refusal(3, *command, "--data", data)
        assert said == f"others can read or write {data}: close it with chmod 700 '{data}'"


def test_who_only_looks_needs_a_folder(data: Path) -> None:
    assert str(data) in refusal(3, "check", "--data", data)
    assert str(data) in refusal(3, "backup", "copy", "--data", data)
    assert "mkdir -m 700" in refusal(3, "restore", "copy", "--data", data)
    assert not data.exists()


def test_an_address_that_is_taken_is_named(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert address in refusal(1, "run", "--data", data, "--listen", address)


def test_a_crash_is_told_without_what_people_wrote(data: Path) -> None:
    crashing = (
        "from chatd.server import cli\n"
        "async def serve(*_):\n"
        f"    raise KeyError({TEXT!r})\n"
        "cli.serve = serve\n"
        "cli.main()"
    )
    status, said, told = python("-c", crashing, "run", "--data", data)
    assert (status, said) == (1, "")
    assert TEXT not in told
    found = json.loads(told)
    assert (found["event"], found["exceptions"]) == ("crashed", ["KeyError"])
    assert found["where"][0] == "<string>:3 serve"


def test_a_folder_serves_one_server_and_can_be_looked_at(tmp_path: Path, data: Path) -> None:
    with running(tmp_path) as server:
        with server.connect() as peer:
            assert peer.ask("REGISTER|anastasia|correct horse battery") == "REGISTER|SUCCESS"
        post(server, TEXT)
        where = f"{data} is in use by process {server.pid}:"
        assert refusal(3, "run", "--listen", "127.0.0.1:0", "--data", data).startswith(where)
        status, said, told = run("check", "--data", data)
        assert (status, told) == (0, "")
        assert said.startswith("All is well: ")
        status, said, told = run("backup", tmp_path / "copy", "--data", data)
        assert (status, told) == (0, "")
        assert str(data / "server.key") in said
        assert refusal(3, "restore", tmp_path / "copy", "--data", data).startswith(where)
        assert "exists already" in refusal(1, "backup", tmp_path / "copy", "--data", data)
        assert {path.stat().st_mode & 0o7777 for path in data.iterdir()} == {0o600}
        assert server.stop() == 0


def test_a_copy_brings_back_what_it_holds_and_no_seq_twice(tmp_path: Path, data: Path) -> None:
    copy = tmp_path / "copy"
    with running(tmp_path) as server:
        with server.connect() as peer:
            assert peer.ask("REGISTER|anastasia|correct horse battery") == "REGISTER|SUCCESS"
        post(server, "one", "two")
        assert run("backup", copy, "--data", data)[0] == 0
        lost = post(server, "three", "four")
        assert server.stop() == 0
        status, said, told = run("restore", copy, "--data", data)
        assert (status, told) == (0, "")
        assert "chatd.db.before-" in said
        assert run("check", "--data", data)[0] == 0
        server.start()
        assert post(server, "five")[0] > max(lost)
        with server.login("anastasia") as peer:
            peer.send("HISTORY|anastasia")
            items = [peer.read().split("|") for _ in range(4)]
        assert [item[-1] for item in items] == ["one", "two", "five", "3"]


def test_a_copy_without_the_key_is_not_restored(tmp_path: Path, data: Path) -> None:
    with running(tmp_path) as server:
        assert run("backup", tmp_path / "copy", "--data", data)[0] == 0
        assert server.stop() == 0
    (data / "server.key").rename(tmp_path / "key")
    assert "put it there" in refusal(3, "restore", tmp_path / "copy", "--data", data)
    assert "put it there" in refusal(3, "run", "--listen", "127.0.0.1:0", "--data", data)
    assert run("restore", tmp_path / "copy", "--data", data, key_file=tmp_path / "key")[0] == 0


def test_what_check_finds_is_told_but_not_quoted(tmp_path: Path, data: Path) -> None:
    with running(tmp_path) as server:
        with server.connect() as peer:
            assert peer.ask("REGISTER|anastasia|correct horse battery") == "REGISTER|SUCCESS"
        post(server, TEXT)
        assert server.stop() == 0
    (data / "notes").write_text(f"anastasia: {TEXT}")
    status, said, told = run("check", "--data", data)
    assert (status, told) == (1, "")
    assert "notes, byte 0: the name of account 1 stands there in the clear" in said
    assert "notes, byte 11: the text with seq 1 of journal 1 stands there in the clear" in said
    assert "anastasia" not in said
    assert TEXT not in said


def test_the_data_lies_in_the_folder_for_user_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert str(tmp_path / "chatd") in refusal(3, "check")
    assert str(tmp_path / "other") in refusal(3, "check", data=tmp_path / "other")
    assert list(tmp_path.iterdir()) == []
