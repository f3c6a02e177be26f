"""From journals into a ledger: the one way, for a run that goes on, for one whose process died, and for ``sync``."""

from __future__ import annotations

import os
import time

from autoresearch.errors import AutoresearchError, Conflict, StoreCorrupt, TooLarge, Unavailable
from autoresearch.journal.layout import DAMAGED, segment_name
from autoresearch.journal.locks import adopt, dead, segments
from autoresearch.journal.reader import Reader
from autoresearch.series.batch import Batch, Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from autoresearch.ledger.local.ingest import LocalIngest
    from autoresearch.track.live.sending import Sender

__all__ = ["LOCAL", "OFFLINE", "Taken", "adopt_all", "drain", "spools"]

LOCAL = "journals"
OFFLINE = "offline"
_ENDS = frozenset(("finish", "leave", "vanished"))
_WINDOW, _LEAST_WINDOW = 4 << 20, 64 << 10


class Taken:
    """What was brought into the ledger.

    Attributes:
        writers: Journals that were brought to their end.
        points: Numbers in them that were not stored before.
        told: Called with the number of points of each part that is stored.
        left: One sentence for each journal that had to stay, with the reason.
        faults: One sentence for each damage that was met.
    """

    __slots__ = ("faults", "left", "points", "told", "writers")

    def __init__(self, told: Callable[[int], None] = lambda _: None) -> None:
        self.told = told
        self.writers = 0
        self.points = 0
        self.left: list[str] = []
        self.faults: list[str] = []


def spools(home: str) -> tuple[str, str]:
    """The two folders of journals below a home: of runs that are drained as they go, and of offline ones."""
    return os.path.join(home, LOCAL), os.path.join(home, OFFLINE)


def drain(reader: Reader, ingest: LocalIngest | Sender, *, final: bool = False) -> int:
    """Store what a journal has beyond what is stored, and free the segments that are done; answers how many points.

    Args:
        reader: Of a journal that this process writes, or holds as a dead writer's.
        ingest: Where the points go.
        final: Whether the writer is gone: everything is then checked, and a torn tail is its end.
    """
    points = 0

    def count(batch: Batch) -> None:
        nonlocal points
        points += batch.points

    reader.release(_brought(reader, ingest, count, final=final))
    return points


def _brought(
    reader: Reader, ingest: LocalIngest | Sender, took: Callable[[Batch], None], *, final: bool
) -> int:
    """Hand over everything beyond what is stored; answers up to where it is stored then."""
    most = _WINDOW
    while True:
        after = ingest.position(reader.writer)
        try:
            for batch in reader.batches(after, most_bytes=most, final=final):
                after = ingest.ingest(batch)
                took(batch)
        except TooLarge:
            if most <= _LEAST_WINDOW:
                raise
            most //= 4
        except Conflict as error:
            # An attempt whose answer was lost has arrived after all: what is beyond it goes on from there.
            reached = error.details.get("sequence")
            if not isinstance(reached, int) or reached <= after:
                raise
        else:
            return after


def adopt_all(folder: str, ingest: LocalIngest | Sender, taken: Taken | None = None) -> Taken:
    """Bring the journals of dead writers to their end, each by one process alone.

    A journal that cannot be read now (a newer version, a disk that is full) stays as it is, and is named. Where the server
    does not answer, all of them stay.
    """
    taken = taken or Taken()
    waiting = dead(folder)
    for place, writer in enumerate(waiting):
        try:
            _adopt(folder, writer, ingest, taken)
        except Unavailable as error:
            count = len(waiting) - place
            taken.left.append(
                f"{count} journal{'s wait' if count > 1 else ' waits'} to be sent: {error.message}"
            )
            break
        except AutoresearchError as error:
            taken.left.append(f"Journal {writer}: {error.message}")
    return taken


def _adopt(folder: str, writer: str, ingest: LocalIngest | Sender, taken: Taken) -> None:
    with adopt(folder, writer) as held:
        if not held:
            return
        reader = Reader(folder, writer)
        if not _names_its_run(reader):
            taken.faults.append(_put_aside(folder, writer))
            return
        seen, ended = 0.0, False

        def took(batch: Batch) -> None:
            nonlocal seen, ended
            taken.points += batch.points
            taken.told(batch.points)
            ended = ended or any(message.body.get("op") in _ENDS for message in batch.messages)
            seen = max(seen, _latest(batch))
            taken.faults.extend(batch.faults)

        after = _brought(reader, ingest, took, final=True)
        if not ended:
            # The ledger ignores this for a writer whose end it knows already.
            body = {"op": "vanished", "at": seen or time.time()}
            gone = Message(after + 1, time.time(), body)
            after = ingest.ingest(Batch(reader.run, writer, after + 1, after + 1, messages=[gone]))
        reader.release(after)
        taken.writers += 1


def _names_its_run(reader: Reader) -> bool:
    try:
        return bool(reader.run)
    except StoreCorrupt:
        return False


def _put_aside(folder: str, writer: str) -> str:
    aside = os.path.join(folder, DAMAGED)
    os.makedirs(aside, exist_ok=True)
    for number in segments(folder, writer):
        name = segment_name(writer, number)
        os.replace(os.path.join(folder, name), os.path.join(aside, name))
    return f"Journal {writer} does not say whose run it is: its files are damaged, and lie in {aside} now."


def _latest(batch: Batch) -> float:
    times = [memoryview(rows.times).cast("d")[-1] for rows in batch.rows if len(rows)]
    times += [text.time for text in batch.texts[-1:]]
    times += [message.time for message in batch.messages[-1:]]
    return max(times, default=0.0)
