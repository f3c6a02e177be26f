"""The thread that works for a run: room ahead of the writer, console lines, points into the ledger, signs of life."""

from __future__ import annotations

import os
import sys
import threading
import time

from autoresearch.errors import AutoresearchError, Unavailable
from autoresearch.journal.reader import Reader
from autoresearch.journal.warning import warn
from autoresearch.track.live.draining import adopt_all, drain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from autoresearch.journal.writer import Writer
    from autoresearch.ledger.local.ingest import LocalIngest
    from autoresearch.track.live.sending import Sender

__all__ = ["INTERVAL", "Keeper"]

INTERVAL = 2.0
"""Seconds between two drains, and so the most that a power loss can take; a killed process loses nothing."""

_BEAT = 30.0
_AT_ONCE = 1_000_000
_SILENCE = 10.0
"""Seconds after which the end of a run gives up on a server that has not answered once meanwhile."""


class Keeper:
    """Works for one writer until it is stopped.

    Args:
        writer: The journal of this process.
        folder: Where the journal lies.
        ingest: Where the points go; None to leave them in the journal.
        interval: Seconds between two drains.
        before: Called before each drain, to hand over what has gathered.
    """

    def __init__(
        self,
        writer: Writer,
        folder: str,
        ingest: LocalIngest | Sender | None,
        *,
        interval: float = INTERVAL,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self.writer = writer
        self.folder = folder
        self.ingest = ingest
        self.interval = interval
        self._before = before
        self._reader = Reader(folder, writer.id)
        self._draining = threading.Lock()
        self._stopped = threading.Event()
        self._said: set[str] = set()
        self._sign = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="autoresearch", daemon=True)

    def start(self) -> None:
        """Begin to work in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end, and wait for it, at most 60 seconds."""
        self._stopped.set()
        self.writer.wanted.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(60)

    def flush(self) -> int:
        """Bring what was logged so far to where it is kept; answers how many points went into the ledger.

        Raises:
            StoreError: The store cannot be used; the journal keeps what it has.
            Unavailable: The server does not answer; the journal keeps what it has.
        """
        self._before()
        if self.ingest is None or self.writer.place == "memory":
            self.writer.sync()
            return 0
        with self._draining:
            try:
                points = drain(self._reader, self.ingest)
            except AutoresearchError:
                # The journal stays all there is: then it is this that a power loss must not take.
                self.writer.sync()
                raise
            self._give_sign(self.ingest, logged=points > 0)
            # Compaction takes numpy; where the script has it loaded, that costs nothing to start with.
            if points and "numpy" in sys.modules:
                self._compact(self.ingest)
        return points

    def _give_sign(self, ingest: LocalIngest | Sender, *, logged: bool) -> None:
        """Say that the run lives, where what it logs has not said so for a while."""
        now = time.monotonic()
        if logged:
            self._sign = now
        elif now - self._sign > _BEAT:
            ingest.beat(self.writer.run, self.writer.id)
            self._sign = now

    def finish(self) -> None:
        """Bring a closed journal to its end, with those of children that died before."""
        self.stop()
        if self.ingest is None:
            return
        with self._draining:
            drain(self._reader, self.ingest)
            if "numpy" in sys.modules:
                self._compact(self.ingest)
        adopt_all(self.folder, self.ingest)

    def send(self, limit: float) -> AutoresearchError | None:
        """The same with a server, for at most ``limit`` seconds; answers what was in the way, None when all is sent.

        It works on a thread of its own, so that nothing a network does can hold the script longer.
        """
        until = time.monotonic() + limit
        self._stopped.set()
        self.writer.wanted.set()
        trouble: list[AutoresearchError | None] = [
            Unavailable(
                f"The upload took longer than {limit:g} seconds.", hint="Raise AUTORESEARCH_FINISH_TIMEOUT."
            )
        ]
        worker = threading.Thread(target=self._send, args=(until, trouble), name="autoresearch", daemon=True)
        worker.start()
        worker.join(limit)
        return trouble[0]

    def _send(self, until: float, trouble: list[AutoresearchError | None]) -> None:
        began = time.monotonic()
        while self.ingest is not None:
            try:
                with self._draining:
                    drain(self._reader, self.ingest)
            except AutoresearchError as error:
                trouble[0] = error
                pause = self.ingest.pause()
                silent = max(began, self.ingest.answered()) + _SILENCE
                if not error.retryable or time.monotonic() + pause > min(until, silent):
                    return
                time.sleep(pause)
            except Exception as error:  # noqa: BLE001  a background thread, and the end of a run: the journal keeps everything
                trouble[0] = Unavailable(f"{type(error).__name__}: {error}.")
                return
            else:
                trouble[0] = None
                adopt_all(self.folder, self.ingest)
                return

    def _compact(self, ingest: LocalIngest | Sender) -> None:
        while ingest.compact(self.writer.run, _AT_ONCE):
            pass

    def _work(self) -> None:
        # Journals that others left behind wait for the second round: a script that just starts has better things to do.
        due, adopted = time.monotonic() + self.interval, False
        self.writer.prepare()
        while not self._stopped.is_set():
            self.writer.wanted.wait(max(0.0, due - time.monotonic()))
            if self._stopped.is_set():
                break
            self.writer.wanted.clear()
            self._guarded(self.writer.prepare)
            if time.monotonic() < due:
                continue
            self._guarded(self.flush)
            if not adopted and self.ingest is not None:
                self._guarded(self._adopt)
                adopted = True
            pause = 0.0 if self.ingest is None else self.ingest.pause()
            due = time.monotonic() + max(self.interval, pause)

    def _adopt(self) -> None:
        if self.ingest is not None:
            adopt_all(self.folder, self.ingest)

    def _guarded(self, work: Callable[[], object]) -> None:
        """Run a part of the work; what goes wrong is said once, and is tried again in the next round."""
        try:
            work()
        except AutoresearchError as error:
            self._warn(type(error).__name__, f"{error.message} {error.hint}")
        except Exception as error:  # noqa: BLE001  a background thread: training goes on whatever happens here
            self._warn(type(error).__name__, f"{type(error).__name__}: {error}.")

    def _warn(self, kind: str, said: str) -> None:
        if kind in self._said or self._stopped.is_set():
            return
        self._said.add(kind)
        kept = os.path.join(self.folder, self.writer.id)
        warn(
            f"Run {self.writer.run} goes on, and nothing is lost: its journal {kept} keeps what could not be stored. {said}"
        )
