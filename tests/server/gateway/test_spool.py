"""The spool: whole files, for their owner alone, each message once."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from chatd.server.gateway import spool as module
from chatd.server.gateway.base import Retry
from chatd.server.gateway.spool import Spool

from .sample import CODE, PHONE, SENDER, SERVER, sample


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", SENDER, SERVER)


async def test_mail_and_text_message(spool: Spool) -> None:
    await spool.carry(sample())
    await spool.carry(sample(PHONE))
    mail, text = sorted(spool.folder.iterdir())
    assert (mail.suffix, text.suffix) == (".eml", ".json")
    assert b"\r\nTo: alice@example.org\r\n" in mail.read_bytes()
    assert json.loads(text.read_bytes())["data"]["code"] == CODE


async def test_nobody_else_may_read_them(spool: Spool) -> None:
    await spool.carry(sample())
    [file] = spool.folder.iterdir()
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_what_is_sent_again_is_the_same_file(spool: Spool) -> None:
    await spool.carry(sample())
    [file] = spool.folder.iterdir()
    before = file.read_bytes()
    await spool.carry(sample())
    assert [one.read_bytes() for one in spool.folder.iterdir()] == [before]


async def test_what_a_crash_left_is_no_hindrance(spool: Spool) -> None:
    await spool.carry(sample())
    [file] = spool.folder.iterdir()
    draft = spool.folder / f".{file.stem}.new"
    draft.write_bytes(b"half a mess")
    await spool.carry(sample())
    assert list(spool.folder.iterdir()) == [file]


async def test_a_spool_that_cannot_be_written(spool: Spool) -> None:
    spool.folder.write_bytes(b"a file")
    with pytest.raises(Retry, match="the spool cannot be written"):
        await spool.carry(sample())


async def test_a_full_spool_takes_no_more(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILES_MAX", 1)
    await spool.carry(sample())
    with pytest.raises(Retry, match="holds 1 files"):
        await spool.carry(sample(PHONE))


async def test_what_nobody_carries_on_is_gone_after_a_day(spool: Spool) -> None:
    spool.folder.mkdir()
    for name in ("old.eml", "old.json", ".old.new", "young.eml", "notes"):
        (spool.folder / name).write_bytes(b"message")
        age = 0 if name.startswith("young") else 86_401
        os.utime(spool.folder / name, (time.time() - age,) * 2)
    await spool.carry(sample())
    left = {file.name for file in spool.folder.iterdir()}
    assert left == {"young.eml", "notes", f"{sample().id}.eml"}
