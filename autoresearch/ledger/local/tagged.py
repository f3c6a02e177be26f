"""Configuration of a run as values with the name of their type, beside the same values in their JSON form."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from autoresearch.ledger.local.run_listing import row_of
from autoresearch.ledger.local.unnumbered import Unnumbered, tell
from autoresearch.store.rows import Row
from autoresearch.store.tagged_schema import tagged_configs

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger

__all__ = ["Tagged", "Told", "change", "stored"]


class Tagged(NamedTuple):
    """A value: the name of its type, its text, and when it was set last; None where that is not known."""

    tag: str
    value: str
    updated_at: datetime.datetime | None = None


Told = Callable[[Row, Mapping[str, Tagged], Mapping[str, Tagged]], Sequence[Mapping[str, Any]]]
"""From the run's row, the values that change, and what these were before, to what is said of the run by that."""


def change(
    ledger: LocalLedger,
    client: Unnumbered,
    run_id: str,
    values: Mapping[str, Tagged],
    *,
    at: float,
    told: Told,
) -> None:
    """Set values, and say of the run what follows, in one transaction; values that it has already say nothing.

    Raises:
        NotFound: There is no such run.
    """
    ledger.runs.settle({"id": run_id})
    with ledger.write() as unit:
        run = row_of(unit, run_id)
        before = _of(unit.rows.list(tagged_configs, order="path", run_id=run_id))
        changed = {
            path: new
            for path, new in values.items()
            if path not in before or (before[path].tag, before[path].value) != (new.tag, new.value)
        }
        for path in changed.keys() & before.keys():
            new, where = changed[path], {"run_id": run_id, "path": path}
            unit.rows.update(tagged_configs, where, tag=new.tag, value=new.value, updated_at=unit.now)
        unit.rows.insert_all(
            tagged_configs,
            [
                {"run_id": run_id, "path": path, "tag": new.tag, "value": new.value, "updated_at": unit.now}
                for path, new in changed.items()
                if path not in before
            ],
        )
        tell(unit, run_id, client.writer(run_id), told(run, changed, before), at)


def stored(ledger: LocalLedger, run_id: str) -> dict[str, Tagged]:
    """The values of a run that came with their type, in order of path."""
    with ledger.read() as unit:
        return _of(unit.rows.list(tagged_configs, order="path", run_id=run_id))


def _of(rows: Sequence[Row]) -> dict[str, Tagged]:
    return {row["path"]: Tagged(row["tag"], row["value"], row["updated_at"]) for row in rows}
