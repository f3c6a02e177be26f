"""Carries changes from the outbox to the server, in order, each with the bytes that it names before it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from autoresearch.client.introducing import made_by
from autoresearch.errors import AutoresearchError, Conflict, Unauthorized, Unavailable
from autoresearch.ledger.base import Ledger
from autoresearch.ledger.pushing import push
from autoresearch.ledger.synced import saying
from autoresearch.ledger.synced.mirror import Mirror
from autoresearch.ledger.synced.naming import blobs_of, renamed
from autoresearch.ledger.synced.outbox import Change, Outbox
from autoresearch.ledger.synced.telling import told_later
from autoresearch.protocol.statuses import error_of

__all__ = ["Courier", "is_away"]

_MOST_TRIES = 5
_WITHOUT_ID = frozenset({"move", "move_ref", "move_session", "open_segment"})
_TURN_SECONDS = 15.0


def is_away(error: AutoresearchError) -> bool:
    """Whether an error says that the server is not there or cannot now, and nothing about what was asked."""
    if error.details.get("reason") == "lease":
        return False
    return error.retryable or type(error) is AutoresearchError or error.code == "client"


class Courier:
    """Sends what waits.

    Args:
        outbox: Where it waits.
        mirror: The ledger of this machine, which learns what the server said.
        remote: The ledger of the server.
        keyed: Makes a context in which requests carry a key that tells a repeated one.
    """

    def __init__(
        self,
        outbox: Outbox,
        mirror: Mirror,
        remote: Ledger,
        *,
        keyed: Callable[[str], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
    ) -> None:
        self.outbox = outbox
        self._mirror = mirror
        self._remote = remote
        self._keyed = keyed
        self._turn = threading.Lock()

    def send(
        self, wanted: Change | None = None, *, seconds: float, told: Callable[[Change], None] = lambda _: None
    ) -> Any:
        """Send what waits up to one change, or all of it; answers what the server said to that one.

        Args:
            wanted: The change whose answer is waited for.
            seconds: For how long changes before it may be sent first.
            told: Called after each change that the server has.

        Raises:
            Unavailable: The server does not answer, or there is more to send than these seconds allow.
            Unauthorized: The server refuses the key; everything goes on waiting.
            AutoresearchError: The server refused ``wanted``, of which nothing remains in the outbox.
        """
        until = time.monotonic() + seconds
        with self._turn, self.outbox.sending(_TURN_SECONDS) as mine:
            if not mine:
                raise Unavailable("Another process is sending.", hint="It will send this too.")
            while (change := self.outbox.first()) is not None:
                if wanted is not None and change.place > wanted.place:
                    break
                if (wanted is None or change.place != wanted.place) and time.monotonic() > until:
                    raise Unavailable(
                        f"{self.outbox.waiting()} changes wait to be sent, which takes longer than {seconds:g} seconds.",
                        hint="`autoresearch sync` sends them.",
                    )
                self._deliver(change)
                told(change)
        return None if wanted is None else self._outcome(wanted)

    def _outcome(self, change: Change) -> Any:
        found = self.outbox.change(change.place)
        if found is None or found.outcome is None:
            raise Unavailable(f"What became of {change} is not known.", hint="Look at the project.")
        if found.state == "sent":
            return saying.answer_of(found.part, found.call, found.outcome)
        self.outbox.withdraw(found)
        raise error_of(json.loads(found.outcome)) or Conflict("The server refused the change.")

    def _deliver(self, change: Change) -> None:
        try:
            arguments = renamed(saying.understood(change.said), change.trees, self.outbox.number_of)
            if change.mirrored:
                arguments = told_later(change, arguments, self._mirror.ledger)
            answer = self._called(change, arguments)
        except Unauthorized:
            raise
        except AutoresearchError as error:
            if is_away(error) and not self._is_hopeless(change, error):
                raise
            self.outbox.reject(change, error)
            return
        self.outbox.sent(change, saying.written(change.part, change.call, answer))
        if change.call == "log":
            self.outbox.learn(answer.artifact, answer.tree, answer.number)
        self._mirror.follow(change, arguments, answer)

    def _is_hopeless(self, change: Change, error: AutoresearchError) -> bool:
        """Whether the server fails over this change each time, so that what comes after it must not wait for ever."""
        if type(error) is not AutoresearchError and error.code != "client":
            return False
        return self.outbox.tried(change) >= _MOST_TRIES

    def _called(self, change: Change, arguments: dict[str, Any]) -> Any:
        mirror = self._mirror.ledger
        push(mirror.objects, self._remote.objects, blobs_of(arguments, mirror))
        # What has an id is known by it; a key that a killed server still holds would only keep it waiting.
        keyed = self._keyed(change.key) if change.call in _WITHOUT_ID else contextlib.nullcontext()
        with keyed, made_by(change.agent):
            return getattr(getattr(self._remote, change.part), change.call)(**arguments)
