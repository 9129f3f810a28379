"""The command line of chatd. What goes wrong is one line on stderr that says what to do."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import structlog
import trio
import typer

import chatd
from chatd.storage.backup import CopyError
from chatd.storage.backup import backup as copy_database
from chatd.storage.backup import restore as restore_database
from chatd.storage.check import check as check_database
from chatd.storage.findings import Report
from chatd.storage.sqlite import OpenError

from . import folder, logs
from .admin import AdminError
from .certificates import write_self_signed
from .flags import Config, Data, settings_of
from .inviting import InviteError
from .listeners import ListenError
from .people import people
from .run import serve
from .settings import Settings, SettingsError, load
from .tls import CertificateError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_FOLDER = 3
EXIT_INTERRUPTED = 130

_EXITS: dict[type[Exception], int] = {
    SettingsError: EXIT_USAGE,
    typer.TyperException: EXIT_USAGE,
    CertificateError: EXIT_USAGE,
    ListenError: EXIT_FAILED,
    CopyError: EXIT_FAILED,
    folder.FolderError: EXIT_FOLDER,
    OpenError: EXIT_FOLDER,
    AdminError: EXIT_FAILED,
    InviteError: EXIT_USAGE,
}

app = typer.Typer(
    name="chatd",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(people)

Http = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", help="Where to answer HTTP: /health, /metrics and the activation page."
    ),
]
HttpUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="How others reach that; links begin with it.")
]
BackupFile = Annotated[Path, typer.Argument(metavar="FILE")]


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"chatd {chatd.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Say which version this is."
        ),
    ] = False,
) -> None:
    """A chat server that a person can drive with netcat.

    Every setting can stand in a TOML file or a CHATD_… variable; a flag overrides both.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(EXIT_USAGE)


@app.command()
def run(
    listen: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Where to listen: HOST:PORT, tls://HOST:PORT or unix:PATH; may be given several"
            " times.",
        ),
    ] = None,
    unix: Annotated[
        str | None, typer.Option(metavar="PATH", help="A Unix socket to listen on as well.")
    ] = None,
    data: Data = None,
    config: Config = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the server calls itself.")
    ] = None,
    tls_cert: Annotated[
        str | None, typer.Option(metavar="FILE", help="The certificate for tls://, in PEM.")
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="Its private key, in PEM.")
    ] = None,
    http: Http = None,
    http_url: HttpUrl = None,
) -> None:
    """Serve until told to stop; SIGHUP reads the settings and the certificate again."""
    flags = {
        "listen": listen or None,
        "unix": unix,
        "data": data,
        "name": name,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "http": http,
        "http_url": http_url,
    }
    settings = partial(load, config, os.environ, flags)
    trio.run(serve, settings(), settings)


@app.command()
def cert(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME…", help="Host names and addresses it is for.")
    ],
    tls_cert: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it.")] = Path(
        "chatd-cert.pem"
    ),
    tls_key: Annotated[Path, typer.Option(metavar="FILE", help="Where to write its key.")] = Path(
        "chatd-key.pem"
    ),
    days: Annotated[int, typer.Option(min=1, max=36_500, help="How long it is valid.")] = 3_650,
) -> None:
    """Make a self-signed certificate for tls://, and print its fingerprint."""
    pin = write_self_signed(names, days, tls_cert, tls_key)
    typer.echo(f"The certificate is {tls_cert}, its private key {tls_key}. Serve with both:")
    typer.echo(f"  chatd run --listen tls://0.0.0.0:4041 --tls-cert {tls_cert} --tls-key {tls_key}")
    typer.echo("Tell its fingerprint to those who come in, by another way than this server:")
    typer.echo(f"  chatctl --server chats://{names[0]}:4041 --pin {pin}")


@app.command()
def check(data: Data = None, config: Config = None) -> None:
    """Verify all that is stored; a server may run.

    Is the database whole, does every box open with the server key, and does no name or text
    stand in the clear in any file of the data folder?
    """
    home = folder.found(settings_of(config, data))
    if not home.database.exists():
        raise folder.FolderError(f"no database {home.database} yet: start the server first")
    report = check_database(home.path, home.database, home.key)
    for finding in report.findings:
        typer.echo(finding)
    typer.echo(_summary(report))
    if report.found:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def backup(file: BackupFile, data: Data = None, config: Config = None) -> None:
    """Copy the database to a new FILE; a server may run."""
    home = folder.found(settings_of(config, data))
    copy_database(home.database, file)
    typer.echo(f"The database is copied to {file}.")
    typer.echo(
        f"The server key is not in it, and without the key it is worthless: keep {home.key_file}"
    )
    typer.echo("as well, in another place than the copy.")


@app.command()
def restore(file: BackupFile, data: Data = None, config: Config = None) -> None:
    """Put FILE in the database's place; no server may run."""
    with folder.locked(settings_of(config, data)) as home:
        kept = restore_database(home.database, file, home.key)
    typer.echo(f"The database {home.database} is now the copy {file}.")
    if kept is not None:
        typer.echo(f"What stood there before is kept as {kept}; delete it when you don't need it.")
    typer.echo("What was changed after the copy was made is undone: passwords and sessions too.")


def main() -> None:
    """Run the command line and exit."""
    logs.configure(Settings())
    sys.excepthook = _crashed
    try:
        # Calling the app itself would put its own hook in the place of ours.
        status = typer.main.get_command(app)(prog_name="chatd", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        status = EXIT_INTERRUPTED
    except tuple(_EXITS) as error:
        typer.echo(f"chatd: {_sentence(error)}", err=True)
        status = next(status for kind, status in _EXITS.items() if isinstance(error, kind))
    sys.exit(status)


def _sentence(error: Exception) -> str:
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "chatd"
        return f"{' '.join(error.format_message().split()).rstrip('.')}; see: {path} --help"
    return " ".join(str(error).split())


def _crashed(_kind: type[BaseException], error: BaseException, _trace: object) -> None:
    """A mistake in chatd itself: told without its message, which may quote what people wrote."""
    structlog.get_logger().critical("crashed", exc_info=error)


def _summary(report: Report) -> str:
    rows = sum(report.rows.values())
    looked = (
        f"{rows} rows and {report.boxes} boxes verified; {report.texts} names and texts looked for"
        f" in {report.files} files of {report.file_bytes} bytes, {report.texts_untold} too short"
        " or too common to tell there"
    )
    if not report.found:
        return f"All is well: {looked}."
    more = report.found - len(report.findings)
    return f"{report.found} findings{f', {more} not shown' if more else ''}: {looked}."
