"""Everything that works for a run beside the script: keeper, console, telemetry, code; started and ended together."""

from __future__ import annotations

import os
import threading

from autoresearch.errors import AutoresearchError
from autoresearch.journal.warning import warn
from autoresearch.track.live.code_state import CodeState
from autoresearch.track.live.keeper import INTERVAL, Keeper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from autoresearch.journal.writer import Writer
    from autoresearch.ledger.local.ingest import LocalIngest
    from autoresearch.settings import Settings
    from autoresearch.track.live.sending import Sender

__all__ = ["Crew", "Telemetry"]

_SETTLED = 1.0


class Crew:
    """Those who work for a run in this process.

    Args:
        writer: The journal of this process.
        folder: Where the journal lies.
        home: Folder of the store.
        ingest: Where the points go; None to leave them in the journal.
        interval: Seconds between two drains.
        limit: Seconds that the end waits for the upload to a server; None where no network is between.
    """

    def __init__(
        self,
        writer: Writer,
        folder: str,
        home: str,
        ingest: LocalIngest | Sender | None,
        *,
        interval: float | None = None,
        limit: float | None = None,
    ) -> None:
        self._writer = writer
        self._home = home
        self._ingest = ingest
        self._interval = INTERVAL if interval is None else interval
        self._limit = limit
        self._folder = folder
        self._keeper = self._new_keeper()
        self._console: Any = None
        self._telemetry: Telemetry | None = None
        self._code: CodeState | None = None

    def start(
        self, settings: Settings, *, work_folder: str, console: bool, code: bool, telemetry: float | None
    ) -> None:
        """Begin to work; ``telemetry`` is the seconds between two measurements, None for none."""
        self._writer.on_fork = self._forked
        if console:
            from autoresearch.track.console import Console

            self._console = Console(self._line)
            self._console.start()
        self._keeper.start()
        if code:
            limit = settings.max_diff_bytes
            tell = self._writer.message
            self._code = CodeState(
                work_folder, self._home, max_bytes=limit, tell=lambda body: tell(dict(body))
            )
            self._code.start()
        if telemetry is not None:
            self._telemetry = Telemetry(self._writer, self._home, telemetry)
            self._telemetry.start()

    def flush(self) -> None:
        """Bring what was logged so far into the store.

        Raises:
            StoreError: The store cannot be used.
            Unavailable: The server does not answer.
        """
        self._keeper.flush()

    def sent(self) -> int:
        """How many records of this process the server is known to keep."""
        reached = getattr(self._ingest, "reached", None)
        return reached(self._writer.id) if reached is not None else 0

    def finish(self, message: Mapping[str, Any]) -> None:
        """Say how the run ended, close the journal, and bring it into the store.

        Raises:
            StoreError: The store cannot be used; the journal keeps everything.
            Unavailable: The server has not got everything; the journal keeps it.
        """
        if self._code is not None:
            self._code.wait()
        if self._telemetry is not None:
            self._telemetry.stop()
        if self._console is not None:
            self._console.stop()
        if self._limit is None:
            self._keeper.stop()
        counts = {"records": self._writer.records, "points": self._writer.points}
        self._writer.message({**message, **counts})
        # The lock of the journal is kept until it is drained, or a neighbour would take it for that of a dead process.
        self._writer.seal()
        try:
            if self._limit is None:
                self._keeper.finish()
            else:
                self._send(self._limit)
        finally:
            self._writer.close()
            if self._ingest is not None:
                self._ingest.close()

    def _send(self, limit: float) -> None:
        trouble = self._keeper.send(limit)
        if trouble is not None:
            raise trouble

    def store_media(self, key: str, value: Any, step: int, labels: Mapping[str, str]) -> bool:
        """Store an image, table, histogram or file, then say so in the journal; False when it cannot be taken."""
        from pathlib import Path

        from autoresearch.store.blobs import open_objects

        try:
            made = value.encode()
            if not hasattr(made, "media_type"):
                return False
            objects = open_objects(Path(self._home) / "objects")
            data = made.data
            digest = objects.put(data) if isinstance(data, bytes) else objects.put_file(Path(data))
            size = objects.size(digest)
        except (AutoresearchError, OSError) as error:
            warn(f"{key!r} was not logged: {error}", stacklevel=4)
            return True
        self._writer.message(
            {
                "op": "media",
                "key": key,
                "step": step,
                "kind": made.kind,
                "media_type": made.media_type,
                "digest": digest,
                "size": size,
                "meta": {**made.meta, **({"labels": dict(labels)} if labels else {})},
            }
        )
        return True

    def _line(self, stream: str, text: str, time: float) -> None:
        self._writer.text(f"console/{stream}", text, time=time)

    def _before_drain(self) -> None:
        if self._console is not None:
            self._console.flush()

    def _new_keeper(self) -> Keeper:
        return Keeper(
            self._writer, self._folder, self._ingest, interval=self._interval, before=self._before_drain
        )

    def _forked(self, _writer: Writer) -> None:
        # In a child only its first log() comes here: it has a journal of its own, and nobody who works for it yet.
        self._telemetry = self._code = None
        self._keeper = self._new_keeper()
        self._keeper.start()


class Telemetry:
    """Measures the machine on a thread of its own.

    Args:
        writer: Where the numbers go, on the axis of ``system/``.
        home: A folder on the disk that is measured.
        interval: Seconds between two measurements.
    """

    def __init__(self, writer: Writer, home: str, interval: float) -> None:
        self._writer = writer
        self._home = home
        self._interval = max(1.0, interval)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="autoresearch-system", daemon=True)

    def start(self) -> None:
        """Begin to measure."""
        self._thread.start()

    def stop(self) -> None:
        """Measure no more."""
        self._stop.set()
        self._thread.join(5)

    def _work(self) -> None:
        # A script that starts has better things to do than to wait for another library to load.
        if self._stop.wait(_SETTLED):
            return
        from autoresearch.telemetry.sampler import Sampler

        sampler = Sampler(os.getpid(), paths=(self._home,))
        while True:
            self._writer.log(sampler.sample(), own_axis="system")
            if self._stop.wait(self._interval):
                return
