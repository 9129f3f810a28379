"""What a password becomes before anything is sent: a secret for one server, and the vault's key.

Only an account that was made without chatctl has its password sent as it is (kdf `none`); where the
profile knows that the secret is derived, no server can ask for the password by saying so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from chatd.protocol.errors import ChatError, Code
from chatd.protocol.sealed import Salt

from .client import Client
from .desk import Desk
from .e2e import Kdf, Master, WrappingKey, accepted_kdf, fresh_kdf
from .errors import NotVerified
from .problems import complain

SCORE_MIN = 1
"""Of zxcvbn, 0 to 4: what is below is refused."""
SCORE_SAFE = 3
"""What is below could be guessed by who has the server's database and patience."""
_SCORED_CHARACTERS_MAX = 72


@dataclass(frozen=True)
class Credentials:
    """`secret` is what AUTH sends; `kdf` and `wrapping_key` are None where it is the password."""

    secret: str = field(repr=False)
    kdf: Kdf | None = None
    wrapping_key: WrappingKey | None = None


async def credentials(
    desk: Desk, client: Client, user: str, password: str, *, temporary: bool = False
) -> Credentials:
    """What logs in an account that there is. `temporary`: the password was set by who runs the
    server, and may go there as it is. Raises NotVerified, E2eError, ChatError."""
    kdf = accepted_kdf((await client.call(Salt(user))).kdf)
    if kdf is not None:
        return await _derived(server_name(desk, client), password, kdf)
    if desk.knows(user) and desk.profile.derived and not temporary:
        raise NotVerified(
            f"The server wants {user}'s password itself, though it never needed it before; nothing"
            " was sent. Tell who runs the server; if they set a new password for you: chatctl"
            " recover; if the account was made anew, use a new --profile"
        )
    return Credentials(password)


async def fresh_credentials(desk: Desk, client: Client, user: str, password: str) -> Credentials:
    """For a new password, if it is hard enough to guess. Raises ChatError WEAK_PASSWORD too."""
    name = server_name(desk, client)
    await demand_strong(password, user, name)
    return await _derived(name, password, fresh_kdf())


async def demand_strong(password: str, *known: str) -> None:
    """Say what is weak about a new password; ChatError WEAK_PASSWORD where it is too weak."""
    weakness = await trio.to_thread.run_sync(_weakness, password, *known)
    if weakness:
        complain(f"Warning: this password could be guessed. {weakness}")


def server_name(desk: Desk, client: Client) -> str:
    """The name that secrets are made for: that of the host one asked for, or, where one asked for
    an address, the one that the profile knows. Raises NotVerified."""
    told, address = client.hello.server_name, desk.address
    wanted = address.host.rstrip(".") if address.is_named else None
    if wanted is None and not desk.elsewhere:
        wanted = desk.profile.server_name
    if wanted is None or told.casefold() == wanted.casefold():
        return told
    raise NotVerified(
        f"The server at {desk.server} calls itself {told}, not {wanted}, so it gets no secret that"
        f" is meant for {wanted}; who runs it sets its name with: chatd run --name {wanted}"
    )


async def _derived(name: str, password: str, kdf: Kdf) -> Credentials:
    master = await trio.to_thread.run_sync(Master.from_password, password, kdf)
    return Credentials(master.secret_for(name), kdf, master.wrapping_key)


def _weakness(password: str, *known: str) -> str:
    """What to do about a password that could be guessed; empty where all is well."""
    from zxcvbn import zxcvbn  # noqa: PLC0415

    # What is longer is judged by its beginning; zxcvbn takes no more.
    found = zxcvbn(password[:_SCORED_CHARACTERS_MAX], user_inputs=list(known))
    feedback = found["feedback"]
    advice = " ".join(word for word in [feedback["warning"], *feedback["suggestions"]] if word)
    if found["score"] < SCORE_MIN:
        raise ChatError(Code.WEAK_PASSWORD, advice or "It is too easy to guess; use a few words.")
    return advice or "Longer ones are better." if found["score"] < SCORE_SAFE else ""
