"""Whose certificate or key is taken at the other end. Nothing turns checking off."""

from __future__ import annotations

import hashlib
import hmac
import re
import ssl
from dataclasses import dataclass, field

from chatd.protocol import base64url

from .errors import CannotConnect, NotVerified

_DIGEST_BYTES = 32
_PIN = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Trust:
    """`pin`: the one certificate, or key of a sealed channel, that is taken; else `ca`: a file of
    those that vouch for others, in PEM; else the system's, or the first key that is shown.

    `server_key`, where it is known whole, seals from the first message on; `device_key` is the
    private one, of X25519, that this device then shows. Both have 32 bytes. `remedy`: what to do
    where a server has another key than the pinned one, if not the usual.
    """

    ca: str | None = None
    pin: str | None = None
    server_key: bytes | None = None
    device_key: bytes | None = field(default=None, repr=False)
    remedy: str | None = None

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 and up, that verifies. CannotConnect where `ca` is of no use."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.pin is not None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # `check` looks closer than that
        elif self.ca is not None:
            _load(context, self.ca)
        else:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return context

    def check(self, certificate: bytes | None, where: str) -> None:
        """Compare what the other end has shown, in DER, with the pin. NotVerified."""
        if self.pin is None:
            return
        shown = pin_of(certificate or b"")
        if not hmac.compare_digest(shown, self.pin):
            raise NotVerified(
                f"{where} does not show the certificate that is pinned, {self.pin}, but {shown}."
                " Ask who runs it whether it was renewed; if so, log in with --pin and the new"
                " fingerprint."
            )

    def check_told(self, told: str, where: str) -> None:
        """Compare what `*HELLO` tells with the key that is known, if it is known whole: with
        another, no handshake succeeds, and none says why. NotVerified."""
        if self.server_key is None:
            return
        known = self.pin or pin_of(self.server_key)
        if f"sha256:{_digest(told)}" != known:
            raise self._changed(where, known, told)

    def _changed(self, where: str, pin: str, told: str) -> NotVerified:
        hint = "log in with --pin and the new fingerprint"
        if self.device_key is not None:
            hint = "have yourself invited again"
        remedy = self.remedy or f"Ask who runs it whether it was made anew; if so, {hint}."
        shown = told if (digest := _digest(told)) is None else written(f"sha256:{digest}")
        return NotVerified(
            f"{where} does not have the key that is pinned, {written(pin)}, but {shown};"
            f" nothing was sent. {remedy}"
        )

    def check_key(self, server_key: bytes, told: str, where: str) -> None:
        """Compare the key that the server has proved to have with the pin, and with the fingerprint
        that `*HELLO` told. NotVerified."""
        shown = pin_of(server_key)
        if self.pin is not None and not hmac.compare_digest(shown, self.pin):
            raise self._changed(where, self.pin, fingerprint_of(shown))
        if shown != f"sha256:{_digest(told)}":
            real = fingerprint_of(shown)
            raise NotVerified(f"{where} says that its key is {told}, but it is {real}.")


SYSTEM = Trust()


def pin_of(certificate: bytes) -> str:
    """`sha256:` and the SHA-256, in hex, of a certificate or a server's key."""
    return f"sha256:{hashlib.sha256(certificate).hexdigest()}"


def fingerprint_of(pin: str) -> str:
    """A pin as `*HELLO` writes it."""
    return base64url.encode(bytes.fromhex(pin.removeprefix("sha256:")))


def written(pin: str) -> str:
    """A pin in both ways in which people meet it."""
    return f"{fingerprint_of(pin)} ({pin})"


def parse_pin(text: str) -> str:
    """A pin as `chatd cert` or `openssl x509 -fingerprint -sha256` print it, or as it stands in
    `*HELLO`. ValueError."""
    if digest := _digest(text):
        return f"sha256:{digest}"
    _, _, fingerprint = text.lower().replace("=", ":", 1).rpartition("fingerprint:")
    pin = "sha256:" + fingerprint.removeprefix("sha256:").replace(":", "")
    if _PIN.fullmatch(pin) is None:
        raise ValueError("a pin is sha256: and 64 hex digits, or the 43 characters of *HELLO")
    return pin


def _digest(fingerprint: str) -> str | None:
    """The SHA-256, in hex, that `*HELLO` tells in base64url; None where it is none."""
    try:
        digest = base64url.decode(fingerprint)
    except ValueError:
        return None
    return digest.hex() if len(digest) == _DIGEST_BYTES else None


def _load(context: ssl.SSLContext, file: str) -> None:
    try:
        context.load_verify_locations(file)
    except ssl.SSLError:
        raise CannotConnect(f"{file} holds no certificates in PEM.") from None
    except OSError as error:
        raise CannotConnect(f"Cannot read {file}: {error.strerror}.") from None
