"""Secrets that we hand out: ``ar_<prefix>_<secret>``. The prefix finds a row, and the digest of the whole text decides.

The secret has 160 random bits or more, so that one pass of SHA-256 is as good as any slower function: there is nothing to guess.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["Kind", "Token", "csrf_token", "make", "read", "same", "same_text"]

Kind = Literal["ar", "ari", "ars", "ard", "arv", "arr", "arb"]

# Bytes of the secret: keys of programs 160 bits, what signs a person in 280 bits.
_BYTES: dict[Kind, int] = {
    "ar": 20,  # API key
    "ari": 20,  # ingestion key of one run
    "ars": 35,  # session
    "ard": 35,  # device that a person signed in from
    "arv": 35,  # invitation
    "arr": 35,  # password reset
    "arb": 35,  # first account of a server
}
_FORM = re.compile(r"(?P<kind>ar[isdvrb]?)_(?P<prefix>[a-z2-7]{8})_(?P<secret>[a-z2-7]{32,56})\Z")
_LENGTHS = {kind: -(-count * 8 // 5) for kind, count in _BYTES.items()}
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class Token:
    """A secret and what is stored of it.

    Attributes:
        text: What the owner keeps.
        kind: What it is for.
        prefix: How it begins; finds the row, and may be shown.
        digest: SHA-256 of the text, in hexadecimal.
    """

    text: str
    kind: Kind
    prefix: str
    digest: str

    def __repr__(self) -> str:
        return f"Token({self.prefix}…)"


def make(kind: Kind) -> Token:
    """A new secret."""
    prefix = f"{kind}_{_random(5)}"
    return _token(f"{prefix}_{_random(_BYTES[kind])}", kind, prefix)


def read(text: str) -> Token | None:
    """The secret in a text that somebody sent, or None when it has not the form of one."""
    found = _FORM.match(text)
    if found is None:
        return None
    kind: Kind = found["kind"]  # type: ignore[assignment]
    if len(found["secret"]) != _LENGTHS[kind]:
        return None
    return _token(text, kind, f"{kind}_{found['prefix']}")


def same(stored: str | None, given: Token) -> bool:
    """Whether a stored digest is that of a secret; takes as long whatever differs, and as long where nothing is stored."""
    return hmac.compare_digest(stored or _NOBODY, given.digest)


def same_text(known: str, said: str) -> bool:
    """Whether two texts are equal; takes as long whatever differs."""
    return hmac.compare_digest(known.encode(), said.encode("utf-8", "surrogatepass"))


def csrf_token(session: Token) -> str:
    """The text that proves that a change comes from a page which could read the answer to its sign-in."""
    return hmac.new(session.text.encode(), b"csrf", hashlib.sha256).hexdigest()


def _token(text: str, kind: Kind, prefix: str) -> Token:
    return Token(text, kind, prefix, hashlib.sha256(text.encode()).hexdigest())


def _random(count: int) -> str:
    return base64.b32encode(os.urandom(count)).decode("ascii").lower().rstrip("=")
