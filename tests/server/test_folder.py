"""The data folder on a real file system: private, locked, with its key."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatd.server.folder import Folder, FolderError, data_path, found, locked, opened
from chatd.server.settings import Settings

KEY = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=")


@pytest.fixture(autouse=True)
def umask(monkeypatch: pytest.MonkeyPatch) -> object:
    """What the folder sets for the process is undone; no credentials come from outside."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path / "deep" / "data"))


def folder(settings: Settings) -> Folder:
    """Made, then free again."""
    with opened(settings) as home:
        return home


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def refusal(settings: Settings) -> str:
    """Why it is not opened."""
    with pytest.raises(FolderError) as caught, opened(settings):
        pass
    return str(caught.value)


def key_at(path: Path, text: bytes = KEY + b"\n") -> Path:
    """A key file, closed to others."""
    path.write_bytes(text)
    path.chmod(0o600)
    return path


def test_it_lies_in_the_folder_for_user_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert data_path(Settings()) == tmp_path / "chatd"


def test_the_first_start_makes_it_for_its_owner_alone(settings: Settings) -> None:
    home = folder(settings)
    assert home.path == Path(str(settings.data))
    assert (mode(home.path), mode(home.key_file)) == (0o700, 0o600)
    assert {file.name for file in home.path.iterdir()} == {"lock", "server.key"}
    assert all(mode(file) == 0o600 for file in home.path.iterdir())


def test_every_file_made_while_it_is_open_is_for_its_owner_alone(settings: Settings) -> None:
    with opened(settings) as home:
        (home.path / "other").write_text("")
        assert mode(home.path / "other") == 0o600


def test_the_key_is_made_once(settings: Settings) -> None:
    first = folder(settings)
    text = first.key_file.read_bytes()
    assert len(text) == 44
    assert base64.urlsafe_b64decode(text.strip() + b"=") == first.key.raw
    assert folder(settings).key.raw == first.key.raw
    assert first.key_file.read_bytes() == text


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    keys = {folder(Settings(data=str(tmp_path / name))).key.raw for name in "ab"}
    assert len(keys) == 2


def test_a_key_half_made_is_made_anew(settings: Settings) -> None:
    home = Path(str(settings.data))
    home.mkdir(parents=True, mode=0o700)
    (home / "server.key.new").write_bytes(b"half a k")
    assert len(folder(settings).key.raw) == 32
    assert not (home / "server.key.new").exists()


def test_the_key_is_told_to_nobody(settings: Settings) -> None:
    home = folder(settings)
    assert home.key_file.read_text().strip() not in repr(home)
    assert home.key.raw.hex() not in repr(home)


def test_no_new_key_for_data_that_has_lost_its_own(settings: Settings) -> None:
    home = folder(settings)
    home.key_file.unlink()
    home.database.write_bytes(b"")
    assert f"the server key {home.key_file} is missing" in refusal(settings)
    assert not home.key_file.exists()


@pytest.mark.parametrize("open_to", [0o770, 0o750, 0o705, 0o701, 0o702])
def test_a_folder_that_others_can_enter_is_refused(settings: Settings, open_to: int) -> None:
    home = folder(settings)
    home.path.chmod(open_to)
    assert refusal(settings).startswith(f"others can read or write {home.path}")
    assert "chmod 700" in refusal(settings)


def test_a_key_that_others_can_read_is_refused(settings: Settings) -> None:
    home = folder(settings)
    home.key_file.chmod(0o640)
    assert refusal(settings).startswith("others can read the server key")


@pytest.mark.parametrize("text", [b"", b"\n", KEY[:-1], KEY + b"A", b"!" * 43, b"x" * 5_000])
def test_what_is_no_key_is_refused_and_not_quoted(settings: Settings, text: bytes) -> None:
    home = folder(settings)
    key_at(home.key_file, text)
    assert refusal(settings) == (
        f"{home.key_file} is no server key: expected 32 bytes as base64url, 43 characters"
    )


@pytest.mark.parametrize("text", [KEY, KEY + b"=", KEY + b"\r\n", KEY + b"=\n"])
def test_a_key_may_be_padded_and_end_as_it_likes(settings: Settings, text: bytes) -> None:
    key_at(folder(settings).key_file, text)
    assert folder(settings).key.raw == bytes(range(32))


def test_a_file_in_its_place_is_refused(settings: Settings) -> None:
    place = Path(str(settings.data))
    place.parent.mkdir()
    place.write_text("")
    assert refusal(settings).startswith(f"{place} is not a folder")


def test_a_place_where_nothing_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sentence = refusal(Settings(data=str(tmp_path / "file" / "data")))
    assert sentence == f"can't use {tmp_path / 'file' / 'data'}: Not a directory"


def test_the_key_may_lie_elsewhere(settings: Settings, tmp_path: Path) -> None:
    elsewhere = Settings(data=settings.data, key_file=str(key_at(tmp_path / "k")))
    home = folder(elsewhere)
    assert (home.key.raw, home.key_file) == (bytes(range(32)), tmp_path / "k")
    assert not (home.path / "server.key").exists()


def test_a_key_that_should_lie_elsewhere_is_not_made(settings: Settings, tmp_path: Path) -> None:
    elsewhere = Settings(data=settings.data, key_file=str(tmp_path / "k"))
    assert refusal(elsewhere) == f"can't use {tmp_path / 'k'}: No such file or directory"


def test_the_key_may_come_as_a_credential(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    made = folder(settings)
    assert made.key_file == made.path / "server.key"  # no credential of ours there
    key_at(tmp_path / "chatd.key").chmod(0o440)  # as some service managers set it
    given = folder(settings)
    assert (given.key_file, given.key.raw) == (tmp_path / "chatd.key", bytes(range(32)))


def test_a_second_user_of_it_is_refused_by_name_and_number(settings: Settings) -> None:
    with opened(settings) as home:
        for way in (opened, locked):
            with pytest.raises(FolderError) as caught, way(settings):
                pass
            assert str(caught.value).startswith(f"{home.path} is in use by process {os.getpid()}:")
        assert found(settings).key.raw == home.key.raw  # to look in is allowed
    assert folder(settings).path == home.path


def test_a_killed_user_frees_it(settings: Settings) -> None:
    hold = (
        "import os, sys; from chatd.server import folder, settings as s\n"
        "with folder.opened(s.Settings(data=sys.argv[1])):\n"
        "    print(os.getpid(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(settings.data)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        pid = holder.stdout.readline().strip()
        assert f"in use by process {pid}" in refusal(settings)
        holder.kill()
    assert len(folder(settings).key.raw) == 32


@pytest.mark.parametrize("way", [found, lambda s: locked(s).__enter__()])
def test_who_only_looks_makes_nothing(settings: Settings, way: object) -> None:
    assert callable(way)
    with pytest.raises(FolderError, match=r"missing|there is no data folder"):
        way(settings)
    assert not Path(str(settings.data)).exists()
    home = folder(settings)
    home.key_file.unlink()
    with pytest.raises(FolderError, match="put it there"):
        way(settings)
    assert not home.key_file.exists()
