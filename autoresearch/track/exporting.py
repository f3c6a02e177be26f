"""Points of runs into files: which metrics are meant, and their pages one after the other."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, cast

from autoresearch.errors import Invalid
from autoresearch.exchange.aligning import Key, key_of, title_of
from autoresearch.exchange.files import whole_file
from autoresearch.exchange.points import FORMATS, Format, Source, write_points
from autoresearch.ledger.base import Runs
from autoresearch.records.base import Record
from autoresearch.records.run import Run
from autoresearch.series.curve import Curve, History

__all__ = ["Exported", "exported", "meant", "pages"]

_PAGE = 10_000
_SYSTEM = "system/"


class Exported(Record):
    """What an export wrote: ``rows`` steps with a column for each of ``metrics``; ``path`` is None for a stream."""

    path: str | None
    format: Format
    runs: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: int


def meant(runs: Runs, run_ids: Sequence[str], names: Sequence[str]) -> Sequence[str] | None:
    """The metrics that names and patterns such as ``val/*`` mean.

    None when none is meant, since an empty list means all of them.
    """
    if not any(map(_is_pattern, names)):
        return names
    known = {info.name for one in run_ids for info in runs.catalog(one) if info.kind == "metric"}
    found: dict[str, None] = {}
    for name in names:
        exact = name in known or not _is_pattern(name)
        found.update(dict.fromkeys([name] if exact else fnmatch.filter(sorted(known), name)))
    return list(found) or None


def pages(
    runs: Runs,
    run_id: str,
    names: Sequence[str] | None,
    labels: Mapping[str, str] | None = None,
    *,
    first_step: int | None = None,
    last_step: int | None = None,
    since: float | None = None,
    until: float | None = None,
) -> Iterator[History]:
    """The full history, page after page; none where ``names`` is None, as :func:`meant` answers."""
    cursor: str | None = None
    while names is not None:
        page = runs.history(
            run_id,
            names,
            labels=labels,
            first_step=first_step,
            last_step=last_step,
            since=since,
            until=until,
            limit=_PAGE,
            cursor=cursor,
        )
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return


def exported(
    runs: Runs,
    path: str | Path | BinaryIO,
    chosen: Sequence[Run],
    names: Sequence[str],
    *,
    form: Format | None,
    replace: bool,
) -> Exported:
    """Write points to a file or stream; :meth:`Archive.export` says how, and what is raised."""
    place = Path(path).absolute() if isinstance(path, str | Path) else None
    told = _form(form, place)
    keys = _keys(runs, chosen, names)
    sources = [Source(run.number, run.name, _parts(runs, run.id, keys)) for run in chosen]
    target: AbstractContextManager[BinaryIO]
    target = nullcontext(cast("BinaryIO", path)) if place is None else whole_file(place, replace=replace)
    with target as out:
        rows = write_points(out, told, keys, sources)
    return Exported(
        path=None if place is None else str(place),
        format=told,
        runs=tuple(run.id for run in chosen),
        metrics=tuple(map(title_of, keys)),
        rows=rows,
    )


def _keys(runs: Runs, chosen: Sequence[Run], names: Sequence[str]) -> list[Key]:
    """The series that an export has, those of the system last."""
    wanted = meant(runs, [run.id for run in chosen], names) or ()
    keys = {
        key_of(info.name, info.labels)
        for run in chosen
        for info in runs.catalog(run.id)
        if info.kind == "metric" and (info.name in wanted if names else not _of_system(info.name))
    }
    return sorted(keys, key=lambda key: (_of_system(key[0]), key))


def _parts(runs: Runs, run_id: str, keys: Sequence[Key]) -> Iterator[Sequence[Curve]]:
    for system in (False, True):
        names = list(dict.fromkeys(name for name, _ in keys if _of_system(name) is system))
        for page in pages(runs, run_id, names or None):
            yield page.curves


def _of_system(name: str) -> bool:
    return name.startswith(_SYSTEM)


def _is_pattern(name: str) -> bool:
    return "*" in name


def _form(asked: str | None, place: Path | None) -> Format:
    told = asked or (place.suffix.removeprefix(".").lower() if place else "")
    if told not in FORMATS:
        name = place.name if place else "a stream"
        said = f"The format was {asked!r}." if asked else f"The format cannot be told from {name!r}."
        raise Invalid(said, hint=f"Use one of {', '.join(FORMATS)}.")
    return cast("Format", told)
