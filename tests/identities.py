"""Makes public identities for tests, good ones and ones that are wrong in one way.

    python -m tests.identities alice

prints a new one of that user, for a dialog or a transcript.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey

Jwk = dict[str, Any]


def new_key() -> ECKey:
    """A private key."""
    return ECKey.generate_key("P-256")


@dataclass
class Maker:
    """A user's keys."""

    user: str
    signing: ECKey = field(default_factory=new_key)
    encryption: ECKey = field(default_factory=new_key)

    @property
    def thumbprint(self) -> str:
        """Of the identity."""
        return self.signing.thumbprint()

    def proof(self, key: ECKey, **changes: Any) -> str:
        """What says that a key is the user's; `changes` to the header or the payload."""
        header = {"alg": "ES256", "kid": self.signing.thumbprint(), "typ": "chat-key"}
        payload = {"user": self.user, "thumbprint": key.thumbprint()}
        for name, value in changes.items():
            (header if name in header else payload)[name] = value
        text = json.dumps(payload, separators=(",", ":"))
        return jws.serialize_compact(header, text, self.signing, algorithms=["ES256"])

    def jwk(self, key: ECKey, use: str, **changes: Any) -> Jwk:
        """A key as it is published."""
        public = {name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
        named = {"use": use, "kid": key.thumbprint(), "proof": self.proof(key)}
        return {**public, **named, **changes}

    def keys(self) -> list[Jwk]:
        """Both of them."""
        return [self.jwk(self.signing, "sig"), self.jwk(self.encryption, "enc")]

    def jwks(self) -> str:
        """The JWK Set."""
        return as_text(self.keys())


def as_text(keys: list[Jwk]) -> str:
    """A JWK Set without white space."""
    return json.dumps({"keys": keys}, separators=(",", ":"))


if __name__ == "__main__":
    maker = Maker(sys.argv[1])
    print(maker.thumbprint)
    print(maker.jwks())
