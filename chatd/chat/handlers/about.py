"""Commands that tell of the server itself."""

from __future__ import annotations

from chatd.protocol import commands, replies
from chatd.protocol.declare import COMMANDS, Reply, Request, usage
from chatd.protocol.errors import ChatError, Code

from ..chat import Chat
from ..ports import Client
from ..registry import handles


@handles(commands.Ping)
def ping(chat: Chat, client: Client, request: commands.Ping) -> Reply:
    return replies.Ponged(request.text)


@handles(commands.Info)
def info(chat: Chat, client: Client, request: commands.Info) -> list[Reply]:
    return [replies.InfoItem(name, value) for name, value in chat.info().items()]


@handles(commands.Help)
def help_(chat: Chat, client: Client, request: commands.Help) -> list[Reply]:
    if not request.command:
        return [replies.HelpLine(line) for line in _overview()]
    command = COMMANDS.get(request.command.upper())
    if command is None:
        raise ChatError(Code.UNKNOWN_VERB, "There is no such command; HELP lists them.")
    return [replies.HelpLine(line) for line in _page(command)]


@handles(commands.Quit)
def quit_(chat: Chat, client: Client, request: commands.Quit) -> Reply:
    client.stop_listening()
    chat.ledger.anyway(client.goodbye, Code.QUIT, "Goodbye.")
    return replies.Done()


def _overview() -> list[str]:
    width = max(len(usage(command)) for command in COMMANDS.values() if len(usage(command)) < 40)
    lines = [f"{usage(command):{width}}  {command.doc}" for command in COMMANDS.values()]
    return [*lines, "In a field write a bar as backslash p, a new line as backslash n."]


def _page(command: type[Request]) -> list[str]:
    errors = ", ".join(command.errors) or "none of its own"
    answer = f"{command.verb}|{'ITEM' if command.listed else 'SUCCESS'}"
    return [
        usage(command),
        command.doc,
        f"Allowed {command.needs.value}. Answer: {answer}{command.reply.shape.form}",
        f"Errors: {errors}",
    ]
