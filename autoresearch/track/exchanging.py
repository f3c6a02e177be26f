"""Result logs in, documents out: the ledger's traffic with the files of other tools."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.exchange import writing
from autoresearch.exchange.reading import Log, Row, read_log
from autoresearch.exchange.replaying import replay
from autoresearch.ledger.base import every
from autoresearch.records.base import Direction, utc_now
from autoresearch.records.experiment import (
    DecisionRequest,
    Experiment,
    ExperimentRequest,
    Session,
    SessionRequest,
    State,
    Verdict,
)
from autoresearch.records.goal import Goal, GoalRequest, SegmentRequest
from autoresearch.records.ids import derived_id
from autoresearch.research.keys import repro_key
from autoresearch.track.workspace import Workspace

__all__ = ["Format", "export", "import_log"]

Format = Literal["json", "csv", "tsv"]

_BATCH = 200
_ROUNDED = 1e-5
_STATES: Mapping[Verdict, State] = {"keep": "kept", "drop": "dropped", "crash": "crashed"}
_MOST_BYTES = 256 * 1024 * 1024
_NOT_A_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029/\\:]+")
_NOT_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TAG = "import"


def import_log(
    workspace: Workspace,
    path: str | Path,
    *,
    metric: str | None = None,
    direction: Direction | None = None,
    segment_by: str | None = None,
) -> dict[str, Any]:
    """Record the rows of a result log as experiments with their verdicts.

    A row that was imported before, also from an earlier version of the file, is not recorded again, nor is one that the
    loop wrote there itself (``results`` in autoresearch.toml). Each series of
    ``segment_by`` is a segment of its own, so that nothing is compared across, and a session, which is closed
    afterwards; the session that was active stays so.

    Args:
        workspace: Whose project takes them; its goal is set when it has none.
        path: The log.
        metric: Column of the objective; else it is told from the log.
        direction: Whether lower or higher is better; else told from goal or log.
        segment_by: Column whose value starts a series of its own.

    Returns:
        What the log says, as ``exchange.replaying.replay`` sums it up, with ``project``, ``file``, ``new`` (how many
        were not there before), and each segment's ``session`` (its number).

    Raises:
        NotFound: There is no such file.
        Invalid: It is no log, or metric, direction or segment column cannot be told.
        Conflict: The project has another goal.
    """
    data = _read(Path(path))
    workspace.adopt_goal()
    present = _goal(workspace)
    log = read_log(data, metric=metric, direction=direction, segment_by=segment_by)
    if present is not None and direction is None and log.metric == present.metric:
        # The goal knows the direction; the log could only guess it.
        log = read_log(data, metric=metric, direction=present.direction, segment_by=segment_by)
    _agree(workspace, present, log)
    there = workspace.experiments() if _there(workspace) else ()
    known, own = {experiment.id: experiment.segment for experiment in there}, _own(there)
    if present is None:
        goal = GoalRequest.make(metric=log.metric, direction=log.direction)
        workspace.ledger.research.set_goal(workspace.name, goal)
    fresh = [row for row in log.rows if _experiment_id(workspace, row) not in known and not _is_own(row, own)]
    segments = _segments(workspace, log, known) if fresh and segment_by else {}
    sessions = _record(workspace, log, fresh, Path(path).name, segments)
    summary: dict[str, Any] = {"project": workspace.name, "file": str(path), "new": len(fresh), **replay(log)}
    for segment in summary["segments"]:
        session = sessions.get(segment["label"])
        segment["session"] = session and session.number
    return summary


def _segments(workspace: Workspace, log: Log, known: Mapping[str, int]) -> dict[str, int]:
    """The ledger's segment for each label: the one its rows are in already, else one of its own."""
    found: dict[str, int] = {}
    for row in log.rows:
        if (there := known.get(_experiment_id(workspace, row))) is not None:
            found.setdefault(row.segment, there)
    for label in log.segments:
        if label in found:
            continue
        # A project that has only been given its goal begins with the segment it has.
        unused = not known and not found
        found[label] = workspace.project.segment
        if not unused:
            reason = _line(f"imported series {label}") or "imported series"
            request = SegmentRequest.make(project=workspace.name, reason=reason)
            found[label] = workspace.ledger.research.open_segment(request).segment
    return found


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}.", hint="Name a result log, such as results.tsv.")
    if path.stat().st_size > _MOST_BYTES:
        raise Invalid(f"{str(path)!r} is larger than {_MOST_BYTES:,} bytes.", hint="Import it in parts.")
    return path.read_bytes()


def _there(workspace: Workspace) -> bool:
    try:
        return workspace.project is not None
    except NotFound:
        return False


def _own(experiments: Iterable[Experiment]) -> dict[tuple[str, State], list[float | None]]:
    """The scores of experiments that were not imported, by note and verdict as a line of a log says them."""
    found: dict[tuple[str, State], list[float | None]] = {}
    for experiment in experiments:
        if experiment.source is None:
            key = (writing.one_line(experiment.note) or "-", experiment.state)
            found.setdefault(key, []).append(experiment.score)
    return found


def _is_own(row: Row, own: Mapping[tuple[str, State], Sequence[float | None]]) -> bool:
    for score in own.get((row.note, _STATES[row.verdict]), ()):
        if score is None or row.score is None:
            return score == row.score
        if math.isclose(score, row.score, rel_tol=_ROUNDED, abs_tol=_ROUNDED):
            return True
    return False


def _goal(workspace: Workspace) -> Goal | None:
    return workspace.project.goal if _there(workspace) else None


def _agree(workspace: Workspace, present: Goal | None, log: Log) -> None:
    if present is None or (present.metric, present.direction) == (log.metric, log.direction):
        return
    raise Conflict(
        f"Project {workspace.name!r} has the goal {present.metric} ({present.direction}), and the log is read as "
        f"{log.metric} ({log.direction}).",
        hint="Import into a project of its own (--project), or say what the log measures (--metric, --direction).",
    )


def _experiment_id(workspace: Workspace, row: Row) -> str:
    return derived_id("import", workspace.name, row.key)


def _session_id(workspace: Workspace, label: str) -> str:
    return derived_id("import-session", workspace.name, label)


def _record(
    workspace: Workspace, log: Log, fresh: Sequence[Row], file: str, segments: Mapping[str, int]
) -> dict[str, Session]:
    """Record the rows that are new; the sessions of all series by label."""
    research = workspace.ledger.research
    needed = {row.segment for row in fresh}
    sessions: dict[str, Session] = {}
    for label in log.segments:
        tag = _NOT_A_NAME.sub(" ", label).strip()[:200].strip() or _TAG
        request = SessionRequest.make(
            id=_session_id(workspace, label),
            project=workspace.name,
            tag=tag if tag not in {".", ".."} else _TAG,
            activate=False,
        )
        sessions[label] = research.open_session(request)
        if label in needed and sessions[label].state == "closed":
            research.move_session(sessions[label].id, "reopen", activate=False)
    for batch in _batches(fresh):
        research.record_judged(
            [_requests(workspace, row, log, file, segments.get(row.segment)) for row in batch]
        )
    for label in needed:
        research.move_session(sessions[label].id, "close")
    return sessions


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for begin in range(0, len(rows), _BATCH):
        yield rows[begin : begin + _BATCH]


def _requests(
    workspace: Workspace, row: Row, log: Log, file: str, segment: int | None
) -> tuple[ExperimentRequest, DecisionRequest]:
    made = _experiment_id(workspace, row)
    source = {"file": file, "line": row.line, "id": row.id, "status": row.status, **_extra(row)}
    experiment = ExperimentRequest.make(
        id=made,
        project=workspace.name,
        session_id=_session_id(workspace, row.segment),
        segment=segment,
        note=row.note[:100_000],
        commit=row.commit,
        # What ran beside the commit is not known, so no two rows are taken for the same code.
        repro_key=repro_key(None, None, {}, otherwise=made),
        source=source,
        occurred_at=utc_now(),
    )
    decision = DecisionRequest.make(
        id=derived_id("import-decision", workspace.name, row.key),
        experiment_id=made,
        status=row.verdict,
        score=row.score,
        metric=log.metric,
        metrics={name: value for key, value in row.metrics.items() if (name := _line(key))},
    )
    return experiment, decision


def _extra(row: Row) -> dict[str, Any]:
    return {"columns": dict(row.extra)} if row.extra else {}


def _line(name: str) -> str:
    return _NOT_A_LINE.sub(" ", name).strip()[:1000].strip()


def export(workspace: Workspace, form: Format = "json") -> str:
    """The project as one text.

    Args:
        workspace: Whose project.
        form: ``json`` for everything (goal, sessions, experiments with all verdicts, notes, artifacts with their
            versions), ``csv`` for a spreadsheet, ``tsv`` for a ``results.tsv`` as other loops read it.

    Raises:
        NotFound: Nothing was recorded in the project yet.
        Conflict: It has no goal, which CSV and TSV need for the column of the score.
    """
    if form == "json":
        return json.dumps(_document(workspace), indent=2, allow_nan=False) + "\n"
    goal = workspace.project.goal
    if goal is None:
        raise Conflict(
            f"Project {workspace.name!r} has no goal, so nothing names the column of the score.",
            hint="Set one: `autoresearch goal METRIC --min`, or export JSON.",
        )
    tags = {session.id: session.tag for session in _sessions(workspace)}
    experiments = [one for one in workspace.experiments() if one.segment == goal.segment]
    results = [writing.result_of(one, tags[one.session_id]) for one in experiments]
    write = writing.to_csv if form == "csv" else writing.to_tsv
    return write(results, metric=goal.metric)


def _document(workspace: Workspace) -> dict[str, Any]:
    ledger, project = workspace.ledger, workspace.project
    things = every(
        lambda cursor: ledger.artifacts.artifacts(project=workspace.name, limit=1000, cursor=cursor)
    )
    notes = every(lambda cursor: ledger.memory.notes(workspace.name, limit=1000, cursor=cursor))
    return {
        "schema_version": writing.SCHEMA_VERSION,
        "project": _plain(project),
        "sessions": [_plain(session) for session in _sessions(workspace)],
        "experiments": [
            {**_plain(one), "decisions": _all(ledger.research.decisions(one.id))}
            for one in workspace.experiments()
        ],
        "notes": _all(notes),
        "artifacts": [{**_plain(one), "versions": _all(_versions(workspace, one.name))} for one in things],
    }


def _versions(workspace: Workspace, name: str) -> Iterable[Any]:
    return every(lambda cursor: workspace.ledger.artifacts.versions(name, limit=1000, cursor=cursor))


def _sessions(workspace: Workspace) -> Iterable[Session]:
    return every(lambda cursor: workspace.ledger.research.sessions(workspace.name, limit=1000, cursor=cursor))


def _all(records: Iterable[Any]) -> list[dict[str, Any]]:
    return [_plain(record) for record in records]


def _plain(record: Any) -> dict[str, Any]:
    values: dict[str, Any] = record.model_dump(mode="json")
    return values
