"""Tools about experiments: look them up, read their code, record them, judge them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from autoresearch.mcp_server.answering import DEFAULT_CHARS, Reply, fenced, lines_of, listed, newest, plain
from autoresearch.mcp_server.rows import Cursor, ExperimentRef, Limit, MaxChars, Row, SessionRef
from autoresearch.mcp_server.target import Target

if TYPE_CHECKING:
    from autoresearch.records.experiment import Experiment
    from autoresearch.records.frontier import Match

__all__ = [
    "ROWS",
    "check_tried",
    "diff_of",
    "get_diff",
    "get_experiment",
    "get_frontier",
    "list_experiments",
    "search_experiments",
]

_Words = Annotated[str, Field(min_length=1, max_length=100_000)]
_FILES, _RUNS, _LOG = 50, 10, 20


def list_experiments(
    target: Target,
    *,
    state: Annotated[
        Literal["recorded", "kept", "dropped", "crashed"] | None,
        Field(description="Only those in this state."),
    ] = None,
    session: SessionRef | None = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    max_chars: MaxChars = DEFAULT_CHARS,
) -> Reply:
    """List experiments, newest first: what was tried, what it gave, and the verdict."""
    from autoresearch.track.sessions import find_session

    research = target.ledger.research
    session_id = find_session(target, session).id if session else None

    def fetch(most: int) -> tuple[list[dict[str, Any]], str | None]:
        page = research.experiments(
            target.name, session_id=session_id, state=state, newest_first=True, limit=most, cursor=cursor
        )
        return [_short(one) for one in page.items], page.next_cursor

    total = None if state or session else target.project.experiments
    return listed("experiments", fetch, limit, max_chars, total=total)


def _short(one: Experiment) -> dict[str, Any]:
    names = ("number", "state", "score", "gain", "on_frontier", "note", "reason")
    said = {name: getattr(one, name) for name in names}
    return {name: value for name, value in said.items() if value is not False}


def get_experiment(
    target: Target,
    *,
    experiment: ExperimentRef,
    detail: Annotated[
        Literal["brief", "full"],
        Field(description="full adds config, files, verdicts, runs and the end of the log."),
    ] = "brief",
    max_chars: MaxChars = DEFAULT_CHARS,  # noqa: ARG001  the answer is held to it by whoever calls
) -> Reply:
    """Read one experiment: its change, score, verdict and the reason for it."""
    from autoresearch.briefs.fence import log_lines

    one = target.ledger.research.find(target.name, experiment)
    said = _short(one) | {"id": one.id, "seconds": one.seconds, "metrics": one.metrics, "commit": one.commit}
    said |= {
        "branch": one.branch,
        "by": str(one.actor),
        "recorded_at": one.recorded_at.isoformat("T", "seconds"),
    }
    said |= {"files": list(one.files[:_FILES]), "diff_bytes": one.diff.size if one.diff else None}
    said["notices"] = list(one.notices)
    if detail == "full":
        said |= _full(target, one)
    tail = log_lines(one.log_tail, lines=_LOG, width=300)
    return Reply({"experiment": plain(said), "log_tail": fenced("\n".join(tail)) if tail else ""})


def _full(target: Target, one: Experiment) -> dict[str, Any]:
    from autoresearch.records.run import RunQuery

    research = target.ledger.research
    target.refresh()
    query = RunQuery.make(project=one.project, experiment_id=one.id)
    runs = target.ledger.runs.runs(query, limit=_RUNS).items
    verdicts = [
        {
            "status": d.status,
            "score": d.score,
            "samples": list(d.samples[:50]),
            "by": str(d.actor),
            "reason": d.reason,
            "standing": d.standing,
            "violations": list(d.violations),
        }
        for d in research.decisions(one.id)
    ]
    return {
        "session": research.session(one.session_id).tag,
        "parent": research.experiment(one.parent_id).number if one.parent_id else None,
        "config": one.config,
        "command": list(one.command),
        "snapshot": one.tree,
        "uses": list(one.uses),
        "source": one.source,
        "verdicts": verdicts,
        "runs": [{"number": run.number, "name": run.name, "state": run.state} for run in runs],
    }


def get_diff(
    target: Target,
    *,
    experiment: ExperimentRef,
    against: Annotated[
        ExperimentRef | None, Field(description="Compare the code of this other experiment with it instead.")
    ] = None,
    cursor: Cursor = None,
    max_chars: MaxChars = DEFAULT_CHARS,
) -> Reply:
    """Read the change of an experiment as a patch, or what differs between the code of two.

    Each line stands behind "| ", and a "<" that could open a tag is shown as another sign; `autoresearch diff` gives exact bytes.
    """
    one = target.ledger.research.find(target.name, experiment)
    head, text = diff_of(target, one, against)
    start = int(cursor) if cursor and cursor.isdecimal() else 0
    shown, following, lines = lines_of(text, start=start, most=max_chars - 1000)
    more = {
        "next_cursor": str(following) if following is not None else None,
        "truncated": following is not None,
    }
    return Reply({**head, "lines": lines, **more, "diff": shown})


def diff_of(target: Target, one: Experiment, against: str | None = None) -> tuple[dict[str, Any], str]:
    """What is said of a change, and its text as it was recorded.

    Raises:
        NotFound: There is no such experiment to compare with.
        Conflict: One of the two has no snapshot.
    """
    if against is None:
        patch = target.ledger.snapshots.patch(one.id)
        return {"experiment": one.number, "bytes": len(patch)}, patch.decode("utf-8", "replace")
    from autoresearch.track.materializing import compare_code

    other = target.ledger.research.find(target.name, against)
    found = compare_code(target, other, one)
    head = {name: plain(list(getattr(found, name)[:_FILES])) for name in ("added", "removed", "changed")}
    said = {"experiment": one.number, "against": other.number, **head}
    return said, found.text.encode("utf-8", "replace").decode("utf-8")


def get_frontier(
    target: Target,
    *,
    session: SessionRef | None = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    max_chars: MaxChars = DEFAULT_CHARS,
) -> Reply:
    """Read the frontier: the running bests from the newest back to the baseline, the noise, and whether the target is met."""
    from autoresearch.track.sessions import find_session

    target.adopt_goal()
    session_id = find_session(target, session).id if session else None
    found = target.ledger.research.frontier(target.name, session_id=session_id)
    goal = found.goal
    head = {
        "metric": plain(goal.metric),
        "direction": goal.direction,
        "target": goal.target,
        "reached": found.reached,
        "segment": found.segment,
        "baseline": found.baseline and found.baseline.score,
        "best": found.best and found.best.score,
        "noise": plain(found.noise),
    }

    def fetch(most: int) -> tuple[list[dict[str, Any]], str | None]:
        steps, following = newest(found.steps, most, cursor)
        return [
            {"number": s.number, "score": s.score, "gain": s.gain, "sigmas": s.sigmas, "note": s.note}
            for s in steps
        ], following

    head = {name: value for name, value in head.items() if value is not None}
    return listed("steps", fetch, limit, max_chars, **head, total=len(found.steps))


def search_experiments(
    target: Target,
    *,
    text: Annotated[_Words, Field(description="Words of a note or a diff.")],
    limit: Limit = 10,
    max_chars: MaxChars = DEFAULT_CHARS,
) -> Reply:
    """Find experiments by words in their note or diff, best match first."""
    return _matches(lambda most: target.ledger.memory.search(target.name, text, limit=most), limit, max_chars)


def check_tried(
    target: Target,
    *,
    change: Annotated[
        _Words, Field(description="The change you think of: a patch, or words such as 'LR 0.04 -> 0.06'.")
    ],
    limit: Limit = 5,
    max_chars: MaxChars = DEFAULT_CHARS,
) -> Reply:
    """Ask whether a change like yours was tried before, and what it gave. Ask before you edit.

    likeness is 1.0 for the same change and near 0 for another one.
    """
    return _matches(
        lambda most: target.ledger.memory.tried(target.name, change, limit=most), limit, max_chars
    )


def _matches(look: Any, limit: int, max_chars: int) -> Reply:
    found: tuple[Match, ...] = look(limit + 1)

    def fetch(most: int) -> tuple[list[dict[str, Any]], str | None]:
        return [
            {
                "number": one.number,
                "likeness": round(one.likeness, 2),
                "state": one.state,
                "score": one.score,
                "gain": one.gain,
                "note": one.note,
                "reason": one.reason,
                "excerpt": one.excerpt,
            }
            for one in found[:most]
        ], None

    reply = listed("matches", fetch, limit, max_chars)
    shown = len(reply.data["matches"])
    return Reply({**reply.data, "truncated": shown < len(found)})


ROWS = (
    Row(list_experiments, "List experiments", "read", "experiment list"),
    Row(get_experiment, "Read an experiment", "read", "show"),
    Row(get_diff, "Read a change", "read", "diff"),
    Row(get_frontier, "Read the frontier", "read", "frontier"),
    Row(search_experiments, "Search experiments", "read", "search"),
    Row(check_tried, "Check whether it was tried", "read", "tried"),
)
