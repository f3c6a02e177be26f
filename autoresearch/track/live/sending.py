"""Journals to a server: what a run that goes on, a command that finds a dead one's journal, and ``sync`` hand batches to.

It has the operations of :class:`~autoresearch.ledger.local.ingest.LocalIngest`. Bytes that a message names (media, the change
of the code) travel before the message.
"""

from __future__ import annotations

import os
import time

from autoresearch.errors import AutoresearchError, NotFound, Unavailable
from autoresearch.journal.warning import warn
from autoresearch.records.jsontext import json_text
from autoresearch.track.live.requesting import Requests

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autoresearch.series.batch import Batch
    from autoresearch.track.live.servers import Server

__all__ = ["Sender"]

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_LONGEST_ASKED = 300.0
_JSON = "application/json"


class Sender:
    """The way to a server.

    Args:
        server: The server.
        objects: Folders in which the bytes lie that messages name; the first that has them counts.
        requests: The connection; a new one when left out.
        clock: Seconds that only grow.

    Every method but ``pause`` and ``close`` raises what :class:`Requests` raises.
    """

    __slots__ = (
        "_answered",
        "_clock",
        "_failures",
        "_objects",
        "_positions",
        "_reached",
        "_requests",
        "_sent",
        "_server",
        "_until",
    )

    def __init__(
        self,
        server: Server,
        *,
        objects: tuple[str, ...] = (),
        requests: Requests | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._objects = (os.path.join(server.home, "objects"), *objects)
        self._requests = requests or Requests(server.url, server.key)
        self._clock = clock
        self._positions: dict[str, int] = {}
        self._reached: dict[str, int] = {}
        self._sent: set[str] = set()
        self._answered = 0.0
        self._failures = 0
        self._until = 0.0

    def ingest(self, batch: Batch) -> int:
        """Send a batch; answers the sequence number up to which the server keeps everything.

        Raises:
            Conflict: It has part of it already; ``details["sequence"]`` says how far.
        """
        from autoresearch.protocol.points_packing import MEDIA_TYPE, pack

        self._push(batch)
        if _links(batch):
            self._send_experiments(_links(batch))
        answer = self._tried(
            lambda: self._requests.post("/v1/ingest", pack([batch]), MEDIA_TYPE), batch.writer
        )
        reached = _whole(answer.get("results"), batch.last)
        self._positions[batch.writer] = self._reached[batch.writer] = reached
        return reached

    def reached(self, writer: str) -> int:
        """The sequence number up to which the server is known to keep everything of a writer; nothing is asked."""
        return self._reached.get(writer, 0)

    def answered(self) -> float:
        """When the server did last what it was asked, by the clock; 0 when it never did."""
        return self._answered

    def position(self, writer: str) -> int:
        """The last sequence number that the server keeps of a writer; it is asked once, and again after a failure."""
        if writer not in self._positions:
            from urllib.parse import quote

            path = f"/v1/ingest/position?writer_id={quote(writer, safe='')}"
            answer = self._tried(lambda: self._requests.get(path), writer)
            self._positions[writer] = self._reached[writer] = _whole([answer], None)
            self._claim()
        return self._positions[writer]

    def compact(self, run: str, most_points: int) -> int:  # noqa: ARG002  a server does that by itself
        """Nothing: answers 0."""
        return 0

    def beat(self, run: str, writer: str) -> None:
        """Say that a writer lives although it has logged nothing."""
        body = json_text({"run_id": run, "writer_id": writer}).encode()
        try:
            self._tried(lambda: self._requests.post("/v1/ingest/beat", body, _JSON), writer)
        except NotFound:
            return  # a server that knows no run yet, or is of an older version: what is logged will say it

    def pause(self) -> float:
        """Seconds for which a new attempt makes no sense: more after each failure, and never the same for two processes."""
        return max(0.0, self._until - self._clock())

    def close(self) -> None:
        """End the connection for good."""
        self._requests.close()

    def _tried(self, request: Callable[[], dict[str, Any]], writer: str) -> dict[str, Any]:
        try:
            answer = request()
        except AutoresearchError as error:
            self._positions.pop(writer, None)
            self._failed(error)
            raise
        self._failures, self._until, self._answered = 0, 0.0, self._clock()
        return answer

    def _failed(self, error: AutoresearchError) -> None:
        chance = 0.5 + os.urandom(1)[0] / 255
        pause = chance * min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures, 10))
        asked = error.details.get("retry_after")
        if isinstance(asked, int | float):
            pause += min(float(asked), _LONGEST_ASKED)
        if not error.retryable and "sequence" not in error.details:
            pause = _LONGEST_PAUSE * chance
        self._failures += 1
        self._until = self._clock() + pause

    def _send_experiments(self, wanted: set[str]) -> None:
        """An experiment that a run executes is on the server before the run says so, also where it was recorded offline."""
        outbox = os.path.join(self._server.home, "outbox.sqlite")
        if wanted <= self._sent or not os.path.exists(outbox):
            return
        import sqlite3

        try:
            connection = sqlite3.connect(f"file:{outbox}?mode=ro", uri=True, timeout=5)
            try:
                waiting = connection.execute("SELECT said FROM changes WHERE state = 'waiting'").fetchall()
            finally:
                connection.close()
        except sqlite3.Error:
            return  # whoever records the next experiment says what is wrong with the file
        if any(one in said for (said,) in waiting for one in wanted):
            from autoresearch.track.connecting import send_held

            send_held(self._server)
        self._sent |= wanted

    # Bytes before the message that names them

    def _push(self, batch: Batch) -> None:
        wanted = {digest for message in batch.messages for digest in message.digests()} - self._sent
        here = {digest: path for digest in sorted(wanted) if (path := self._path(digest))}
        if not here:
            return
        body = json_text({"digests": list(here)}).encode()
        answer = self._tried(lambda: self._requests.post("/v1/blobs/missing", body, _JSON), batch.writer)
        missing = answer.get("missing")
        for digest in missing if isinstance(missing, list) else ():
            if digest in here:
                self._upload(digest, here[digest], batch.writer)
        self._sent.update(here)

    def _upload(self, digest: str, path: str, writer: str) -> None:
        try:
            file = open(path, "rb")  # noqa: SIM115  closed below; what fails is only the opening
        except OSError:
            return  # removed since it was looked for: the run says then that its bytes are not there
        with file:
            size = os.fstat(file.fileno()).st_size
            try:
                self._tried(
                    lambda: self._requests.post_file(f"/v1/blobs?digest={digest}", file, size), writer
                )
            except AutoresearchError as error:
                if error.retryable or error.code in {"unauthorized", "forbidden"}:
                    raise
                # What the server will never take must not hold back the rest; the run says that the bytes are not there.
                warn(f"The server does not take object {digest} ({size:,} bytes): {error.message}")

    def _path(self, digest: str) -> str | None:
        for folder in self._objects:
            path = os.path.join(folder, digest[:2], digest[2:])
            if os.path.isfile(path):
                return path
        return None

    def _claim(self) -> None:
        """Note whose folder this is, once the server has said it: what waits in it may go nowhere else."""
        if self._server.organization() is None:
            try:
                answer = self._requests.get("/v1/auth/status")
            except AutoresearchError:
                return  # what is sent matters more; it is asked again by the next process
            name = answer.get("organization_id") or answer.get("organization")
            if isinstance(name, str):
                self._server.claim(name)


def _links(batch: Batch) -> set[str]:
    """Ids of the experiments that a run says it executes."""
    found = set()
    for message in batch.messages:
        body = message.body if hasattr(message.body, "get") else {}
        field = {"open": "experiment", "experiment": "id"}.get(str(body.get("op")))
        said = body.get(field) if field else None
        if isinstance(said, str) and said:
            found.add(said)
    return found


def _whole(results: Any, least: int | None) -> int:
    """The sequence number in an answer.

    Raises:
        Unavailable: There is none, or it takes back what was said.
    """
    found = (
        results[0].get("sequence")
        if isinstance(results, list) and results and isinstance(results[0], dict)
        else None
    )
    if not isinstance(found, int) or found < (least or 0):
        raise Unavailable(
            f"The server's answer says nothing of what it keeps: {json_text(results)[:100]}.",
            hint="Look whether AUTORESEARCH_BASE_URL is the address of an autoresearch server.",
        )
    return found
