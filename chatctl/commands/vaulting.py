"""`vault get | set | list | edit | remove | export`: one's own data, which nobody else reads."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import trio
import typer

from ..desk import Desk
from ..e2e import Content
from ..harmless import harmless, harmless_lines
from ..own_vault import OwnVault
from ..privacy import people_of
from ..problems import Problem, Status, usage

VALUE_BYTES_MAX = 32_768
"""What is longer leaves no room for the keys (VAULT_BYTES_MAX)."""

Entry = Annotated[str, typer.Argument(metavar="NAME", help="What you call it.")]
Value = Annotated[
    str | None, typer.Argument(metavar="[VALUE]", help="Unless given, standard input is the value.")
]


async def get(desk: Desk, name: Entry) -> None:
    """Print what you keep under a name."""
    async with desk.login() as client:
        value = _value((await people_of(desk, client)).vault.content, name)
    desk.out.show("\n".join(harmless_lines(value)), {"name": name, "value": value})


async def set_(desk: Desk, name: Entry, value: Value = None) -> None:
    """Keep a text under a name, in place of what is there."""
    text = await trio.to_thread.run_sync(_standard_input) if value is None else value
    await _keep(desk, name, text)


async def list_(desk: Desk) -> None:
    """List the names under which you keep something."""
    async with desk.login() as client:
        data = (await people_of(desk, client)).vault.content.data
    rows = [(name, f"{len(str(data[name]))} characters") for name in sorted(data)]
    desk.out.table([{"name": name} for name, _ in rows], rows)


async def edit(desk: Desk, name: Entry) -> None:
    """Change what you keep under a name with your editor ($VISUAL, $EDITOR)."""
    async with desk.login() as client:
        vault = (await people_of(desk, client)).vault
        before = str(vault.content.data.get(name, ""))
        text = await trio.to_thread.run_sync(_edited, before)
    if text != before:
        await _keep(desk, name, text)


async def remove(desk: Desk, name: Entry) -> None:
    """Forget what you keep under a name."""
    async with desk.login() as client:
        vault = (await people_of(desk, client)).vault
        _value(vault.content, name)
        await vault.change(lambda content: content.data.pop(name, None))
    desk.out.show(f"Removed {harmless(name)}.", {"name": name})


async def export(desk: Desk) -> None:
    """Print all that you keep, as one JSON object."""
    async with desk.login() as client:
        data = (await people_of(desk, client)).vault.content.data
    desk.out.show("\n".join(harmless_lines(json.dumps(data, indent=2, sort_keys=True))), data)


async def _keep(desk: Desk, name: str, text: str) -> None:
    if not name:
        raise usage("A name is needed to find it again")
    if len(text.encode()) > VALUE_BYTES_MAX:
        raise usage(f"A value has at most {VALUE_BYTES_MAX} bytes")
    async with desk.login() as client:
        vault: OwnVault = (await people_of(desk, client)).vault
        await vault.change(lambda content: content.data.update({name: text}))
    desk.out.show(f"Kept {harmless(name)}.", {"name": name})


def _value(content: Content, name: str) -> str:
    if name not in content.data:
        raise Problem(Status.REFUSED, f"There is no {name} in the vault; see: chatctl vault list")
    return str(content.data[name])


def _standard_input() -> str:
    raw: bytes = sys.stdin.buffer.read(VALUE_BYTES_MAX + 2)
    return _utf8(raw).removesuffix("\n")


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise usage("The value is not UTF-8; nothing was changed") from None


def _edited(text: str) -> str:
    """What the editor made of `text`, in a file that only its owner reads and that goes again."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    in_memory = os.environ.get("XDG_RUNTIME_DIR")
    with tempfile.TemporaryDirectory(prefix="chatctl-", dir=in_memory) as folder:
        file = Path(folder) / "value.txt"
        file.touch(0o600)
        file.write_bytes(text.encode())
        ended = subprocess.run([*shlex.split(editor), str(file)], check=False)  # noqa: S603
        if ended.returncode != 0:
            raise usage(f"{editor} ended with {ended.returncode}; nothing was changed")
        edited = _utf8(file.read_bytes())
    # Editors end the last line, which the value need not do.
    return edited if text.endswith("\n") or edited == text else edited.removesuffix("\n")
