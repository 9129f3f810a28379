"""Sealing a connection."""

from __future__ import annotations

from chatd.protocol import replies, sealed
from chatd.protocol.declare import Reply
from chatd.protocol.errors import ChatError, Code
from chatd.security.channel import HandshakeError
from chatd.security.throttle import address_block

from ..chat import Chat
from ..ports import Client, Sealable
from ..registry import Decision, handles
from .accounts import rate_limited


@handles(sealed.Seal)
async def seal(chat: Chat, client: Sealable, request: sealed.Seal) -> Decision:
    """It waits for the answers to earlier requests, so that its own leaves at once and is the last
    that is not sealed."""
    if client.encrypted:
        raise ChatError(Code.CONFLICT, "This connection is encrypted already; go on.")
    return lambda: _sealed(chat, client, request)


def tampered(chat: Chat, client: Client) -> None:
    """A message that was to be for us alone is not; where it came from is slowed down."""
    chat.channels.tampering.fail(address_block(client.address) or "", chat.now())


def _sealed(chat: Chat, client: Sealable, request: sealed.Seal) -> Reply:
    if client.has_more:
        raise _overtaken(chat, client)
    _admit(chat, client)
    try:
        answer, opened = chat.channels.acceptor.accept(request.pattern, request.message)
    except HandshakeError as wrong:
        tampered(chat, client)
        raise ChatError(Code.BAD_FIELD, f"The handshake message {wrong}.") from None
    client.seal(opened)
    return replies.Handshaken(answer)


def _admit(chat: Chat, client: Client) -> None:
    """RATE_LIMITED after too many that were wrong, or too many at all but from this machine."""
    source = address_block(client.address)
    if (wait := chat.channels.tampering.wait(source or "", chat.now())) > 0:
        raise rate_limited(wait, "Messages from your address did not open")
    if source is not None and (wait := chat.channels.handshakes.take(source, chat.now())) > 0:
        raise rate_limited(wait, "Too many handshakes from your address")


def _overtaken(chat: Chat, client: Client) -> ChatError:
    """Whoever sealed could not send on before the answer: somebody else may have, in between."""
    sentence = "Nothing may come behind SEAL before its answer; start anew."
    client.stop_listening()
    chat.ledger.anyway(client.goodbye, Code.BAD_LINE, sentence)
    return ChatError(Code.BAD_LINE, sentence)
