"""Who a token stands for, looked up once for all requests that ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from autoresearch.ledger.access.service import Caller

__all__ = ["Recognizer"]


class Recognizer:
    """Shares look-ups: requests with one token that come while it is being looked up wait together for the next look.

    Nothing is remembered: a look always begins after the request came, so that a key that was revoked is refused at once.

    Args:
        look: Looks a token up; raises Unauthorized for one that stands for nobody.
    """

    def __init__(self, look: Callable[[str], Awaitable[Caller]]) -> None:
        self._look = look
        self._next: dict[str, asyncio.Future[Caller]] = {}
        self._working: dict[str, asyncio.Task[None]] = {}

    async def caller(self, token: str) -> Caller:
        """The caller whose token it is.

        Raises:
            Unauthorized: It stands for nobody.
        """
        found = self._next.get(token)
        if found is None:
            found = self._next[token] = asyncio.get_running_loop().create_future()
        if token not in self._working:
            self._working[token] = asyncio.create_task(self._work(token))
        # One request that goes away must not take the answer from the others.
        return await asyncio.shield(found)

    async def _work(self, token: str) -> None:
        while token in self._next:
            found = self._next.pop(token)
            look = asyncio.ensure_future(self._look(token))
            await asyncio.wait([look])
            error = look.exception()
            if error is None:
                found.set_result(look.result())
            else:
                found.set_exception(error)
                found.exception()  # whoever asked may have gone away
        del self._working[token]
