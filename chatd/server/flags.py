"""What the commands of chatd have in common."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from .settings import Settings, load

Data = Annotated[str | None, typer.Option(metavar="DIR", help="The data folder.")]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Settings as TOML; CHATD_CONFIG names it too.")
]
UserName = Annotated[str, typer.Argument(metavar="USER")]


def settings_of(config: Path | None, data: str | None) -> Settings:
    """The settings of a command that only needs the data folder."""
    return load(config, os.environ, {"data": data})
