"""``search``, ``tried``, ``show`` and ``events``: what was done, and when."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoresearch.cli.answer import Answer, Cell, Column, Table, shown
from autoresearch.cli.declaring import ExperimentRef, command
from autoresearch.cli.experiments import experiment_answer, match_table
from autoresearch.cli.face import workspace_of
from autoresearch.errors import NotFound, UsageError

if TYPE_CHECKING:
    from autoresearch.records.frontier import Event, Match

__all__ = ["app", "events", "search", "show", "tried"]

app = typer.Typer(rich_markup_mode=None)

_Limit = Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="At most this many.")]


@command(app, "search", 'search "warm-up"', "search schedule --limit 3 --json")
def search(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Words.")],
    *,
    limit: _Limit = 10,
) -> Answer:
    """Find experiments by words in their note or diff.

    The best match comes first. Experiments with all the words are shown, else those with any of them.
    """
    with workspace_of(context) as workspace:
        return _found(workspace.search(text, limit=limit), {"project": workspace.name, "text": text})


@command(
    app,
    "tried",
    'tried "LR 0.04 -> 0.06"',
    "tried --diff proposal.patch",
    "git diff | autoresearch tried --diff -",
)
def tried(
    context: typer.Context,
    change: Annotated[
        str | None, typer.Argument(metavar="CHANGE", help="Words such as 'LR 0.04 -> 0.06'.")
    ] = None,
    *,
    diff: Annotated[
        str | None, typer.Option(metavar="FILE", help="A patch; - reads it from standard input.")
    ] = None,
    limit: _Limit = 10,
) -> Answer:
    """Ask whether something like a change was tried.

    The change is given in words or as a patch; what is most alike comes first.
    """
    if (change is None) == (diff is None):
        raise UsageError("A change in words or a patch is needed.", hint="Give CHANGE, or --diff FILE.")
    text = change if change is not None else _patch(str(diff))
    with workspace_of(context) as workspace:
        return _found(
            workspace.tried(text, limit=limit), {"project": workspace.name, "change": change, "diff": diff}
        )


def _patch(path: str) -> str:
    if path == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    if not Path(path).is_file():
        raise NotFound(f"There is no file {path!r}.", hint="Name a file, or - for standard input.")
    return Path(path).read_text(encoding="utf-8", errors="replace")


def _found(matches: tuple[Match, ...], asked: dict[str, Any]) -> Answer:
    return Answer(
        document={**asked, "matches": [shown(match) for match in matches]},
        ids=[match.experiment_id for match in matches],
        blocks=[match_table(matches)],
        following=f"autoresearch show {matches[0].number}" if matches else "",
    )


@command(app, "show", "show 12", "show best --json", "show last")
def show(context: typer.Context, experiment: ExperimentRef) -> Answer:
    """Show one experiment and its verdicts."""
    with workspace_of(context) as workspace:
        return experiment_answer(workspace, experiment)


@command(app, "events", "events", "events --limit 200 --json", "events --since 1500", "events --all")
def events(
    context: typer.Context,
    *,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=10_000, help="At most this many, the latest.")
    ] = 30,
    since: Annotated[
        int | None, typer.Option(metavar="SEQ", min=0, help="The first ones after this number instead.")
    ] = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Of every project.")] = False,
) -> Answer:
    """List what changed: who, what, when."""
    from itertools import islice

    from autoresearch.ledger.base import every

    with workspace_of(context) as workspace:
        memory = workspace.ledger.memory
        project = None if everywhere else workspace.project.name
        cursor = None if since is None else str(since)
        found = every(lambda more: memory.events(project=project, limit=1000, cursor=more or cursor))
        items = list(islice(found, limit)) if since is not None else list(deque(found, maxlen=limit))
        return Answer(
            document={"project": project, "events": [shown(event) for event in items]},
            ids=[str(event.seq) for event in items],
            blocks=[_history(items, everywhere=everywhere)],
            brief=[_full_history(items)],
            following=f"autoresearch events --since {items[-1].seq}" if items else "",
        )


def _history(events: Sequence[Event], *, everywhere: bool) -> Table:
    columns = [
        Column("seq", "number"),
        Column("at"),
        Column("by"),
        Column("what"),
        Column("after", "flexible"),
    ]
    rows: list[list[Cell]] = []
    for event in events:
        at = event.recorded_at.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
        what = f"{event.project}: {event.kind}" if everywhere else event.kind
        rows.append([event.seq, at, event.actor.name, what, _after(event)])
    return Table(columns, rows, empty="nothing happened")


def _full_history(events: Sequence[Event]) -> Table:
    columns = [Column(name) for name in ("seq", "at", "by", "project", "what", "subject", "after")]
    rows: list[list[Cell]] = [
        [e.seq, e.recorded_at.isoformat(), str(e.actor), e.project, e.kind, e.subject, _after(e)]
        for e in events
    ]
    return Table(columns, rows)


def _after(event: Event) -> str:
    return json.dumps(event.after, ensure_ascii=False) if event.after else ""
