"""The way in of whoever started the dashboard on their own machine: a link that works once, and what it is exchanged for.

No cookie is involved: a browser gives a cookie of one port to every other port of the machine. The page keeps what the link was
exchanged for where only pages of this very address and port can read it, and sends it as a key.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable

from autoresearch.errors import Unauthorized
from autoresearch.ledger.access.service import Caller
from autoresearch.records.experiment import Actor
from autoresearch.research import roles

__all__ = ["Door"]


class Door:
    """Lets in whoever has the link, as the person who started the server.

    Args:
        actor: Who that is.
        used: Called with a new link when the last one was used.
    """

    def __init__(self, actor: Actor, used: Callable[[str], None] = lambda _link: None) -> None:
        self._caller = Caller(
            kind="operator",
            organization="local",
            organization_name="local",
            actor=actor,
            scopes=roles.SCOPES_OF_ROLE["owner"],
            role="owner",
        )
        self._used = used
        self._lock = threading.Lock()
        self._link = secrets.token_urlsafe(24)
        self._key = secrets.token_urlsafe(32)

    @property
    def link(self) -> str:
        """The code that the next link carries."""
        return self._link

    def exchange(self, link: str) -> str:
        """The key that a code stands for; the code is worth nothing afterwards.

        Raises:
            Unauthorized: It is not the one that is valid now.
        """
        with self._lock:
            if not _same(link, self._link):
                raise Unauthorized(
                    "This link was used before, or is one of an earlier start.",
                    hint="Open the newest link that `autoresearch ui` printed.",
                )
            self._link = secrets.token_urlsafe(24)
        self._used(self._link)
        return self._key

    def caller(self, key: str) -> Caller | None:
        """Whose key it is, or None when it is not of this door."""
        return self._caller if _same(key, self._key) else None


def _same(said: str, known: str) -> bool:
    return hmac.compare_digest(said.encode("utf-8", "surrogatepass"), known.encode())
