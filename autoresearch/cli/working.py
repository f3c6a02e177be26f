"""``session``, ``experiment``, ``decide`` and ``note``: what is written while working."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from autoresearch.cli import options as o
from autoresearch.cli.answer import Answer, Cell, Column, Facts, Table, shown
from autoresearch.cli.declaring import ExperimentRef, command, group, numbers, pairs
from autoresearch.cli.experiments import experiment_answer, experiment_table
from autoresearch.cli.face import workspace_of
from autoresearch.errors import NotFound, UsageError

if TYPE_CHECKING:
    from autoresearch.records.experiment import Decision, Experiment, Session

__all__ = [
    "app",
    "close_session",
    "decide",
    "list_experiments",
    "list_sessions",
    "note",
    "open_session",
    "record",
    "reopen_session",
    "show_experiment",
]

app = typer.Typer(rich_markup_mode=None)
_TAIL = 20_000

_sessions = group(
    app,
    "session",
    "session by-hand           # the same as: session open by-hand",
    "session list",
    "session close",
    about="Open, close, reopen and list sessions.",
    without="list",
    otherwise="open",
)
_experiments = group(
    app,
    "experiment",
    'experiment --note "cosine schedule"      # the same as: experiment record --note …',
    "experiment list --state kept",
    "experiment show 12",
    about="Record a tried change; list and show what was recorded.",
    otherwise="record",
)

_SessionRef = Annotated[
    str | None,
    typer.Argument(metavar="SESSION", help="Number, tag or id; else the active one.", show_default=False),
]


@command(_sessions, "open", "session open warmup", "session open sweep --branch autoresearch/sweep")
def open_session(
    context: typer.Context,
    tag: Annotated[str, typer.Argument(metavar="TAG", help="Name of the stretch of work.")],
    *,
    branch: o.Branch = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="What it is for.", show_default=False)] = "",
) -> Answer:
    """Open a session and make it the active one."""
    with workspace_of(context) as workspace:
        return _session(workspace.session(tag, branch, note=note))


@command(_sessions, "close", "session close", "session close 3")
def close_session(context: typer.Context, session: _SessionRef = None) -> Answer:
    """Close a session: nothing more is recorded in it."""
    return _move(context, session, "close")


@command(_sessions, "reopen", "session reopen 3", "session reopen warmup")
def reopen_session(
    context: typer.Context,
    session: Annotated[str, typer.Argument(metavar="SESSION", help="Number, tag or id.")],
) -> Answer:
    """Reopen a closed session and make it the active one."""
    return _move(context, session, "reopen")


@command(_sessions, "list", "session list", "session list --json")
def list_sessions(context: typer.Context) -> Answer:
    """List the sessions of the project."""
    from autoresearch.track.sessions import sessions as all_sessions

    with workspace_of(context) as workspace:
        found, active = all_sessions(workspace), workspace.project.active_session
        columns = [
            Column("#", "number"),
            Column("tag"),
            Column("state"),
            Column("branch"),
            Column("note", "flexible"),
        ]
        rows: list[list[Cell]] = [
            [s.number, s.tag, "active" if s.id == active else s.state, s.branch, s.note] for s in found
        ]
        return Answer(
            document={"project": workspace.name, "active": active, "sessions": [shown(s) for s in found]},
            ids=[session.id for session in found],
            blocks=[Table(columns, rows, empty="no session yet")],
            following="autoresearch session open TAG",
        )


def _move(context: typer.Context, session: str | None, move: Literal["close", "reopen"]) -> Answer:
    from autoresearch.track.sessions import find_session

    with workspace_of(context) as workspace:
        return _session(workspace.ledger.research.move_session(find_session(workspace, session).id, move))


def _session(session: Session) -> Answer:
    rows: list[tuple[str, Cell]] = [
        ("session", f"{session.number} {session.tag}"),
        ("state", session.state),
        ("branch", session.branch),
        ("note", session.note or None),
        ("id", session.id),
    ]
    following = 'autoresearch experiment --note "what was wrong and what is tried"'
    return Answer(
        document={"session": shown(session)},
        ids=[session.id],
        blocks=[Facts(rows)],
        following=following if session.state == "open" else "",
    )


@command(
    _experiments,
    "record",
    'experiment record --note "lr too hot early; 200 steps of warm-up"',
    'experiment --note "wider heads" --config heads=8 --config lr=0.02 --command "python train.py"',
    "git diff | autoresearch experiment --note piped --diff - --no-snapshot --json",
)
def record(
    context: typer.Context,
    *,
    note: Annotated[
        str, typer.Option(metavar="TEXT", help="The flaw that was seen and the fix that is tried.")
    ],
    commit: o.Commit = None,
    diff: o.Diff = None,
    snapshot: o.Snapshot = None,
    no_snapshot: o.NoSnapshot = False,
    config: o.Config = None,
    run: o.Command = None,
    parent: o.Parent = None,
    uses: o.Uses = None,
    made_id: o.MadeId = None,
) -> Answer:
    """Record a tried change, with the code that runs.

    Commit, branch, the uncommitted change and a snapshot of the files are taken from the folder as it is now, goal and
    command from autoresearch.toml where none was set or given.
    """
    if snapshot and no_snapshot:
        raise UsageError("--snapshot and --no-snapshot exclude each other.", hint="Leave one of them out.")
    with workspace_of(context) as workspace:
        made = workspace.experiment(
            note,
            commit=commit,
            diff=None if diff is None else _read(diff),
            snapshot=None if no_snapshot else snapshot or ".",
            config={name: _value(text) for name, text in pairs(config or (), "--config").items()},
            command=_words(run) if run else (),
            parent=parent,
            uses=uses or (),
            id=made_id,
        )
        return Answer(
            document={"experiment": shown(made)},
            ids=[made.id],
            blocks=[_recorded(made)],
            following=f"autoresearch decide {made.number} keep --score SCORE",
            notices=made.notices,
        )


def _recorded(made: Experiment) -> Facts:
    size = f"{made.diff.size:,} bytes, {', '.join(made.files[:5])}" if made.diff else "none"
    change = f"{size}, over the cap: only its digest was kept" if made.diff and made.diff.truncated else size
    return Facts(
        [
            ("experiment", made.number),
            ("id", made.id),
            ("note", made.note),
            ("commit", made.commit),
            ("change", change),
            ("snapshot", made.tree or "none"),
        ]
    )


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    if not Path(path).is_file():
        raise NotFound(f"There is no file {path!r}.", hint="Name a file, or - for standard input.")
    return Path(path).read_bytes()


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(
            f"The command {text!r} was not understood: {error}.", hint="Close its quotes."
        ) from None


@command(
    _experiments,
    "list",
    "experiment list",
    "experiment list --state crashed --limit 5",
    "experiment list --json",
)
def list_experiments(
    context: typer.Context,
    *,
    state: o.StateOption = None,
    session: o.SessionOption = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="At most this many, the newest.")
    ] = 20,
    cursor: o.Cursor = None,
) -> Answer:
    """List experiments, the newest first."""
    from autoresearch.track.sessions import find_session

    with workspace_of(context) as workspace:
        page = workspace.ledger.research.experiments(
            workspace.name,
            session_id=find_session(workspace, session).id if session else None,
            state=state,
            newest_first=True,
            limit=limit,
            cursor=cursor,
        )
        more = f"autoresearch experiment list --cursor {page.next_cursor}" if page.next_cursor else ""
        return Answer(
            document={
                "project": workspace.name,
                "experiments": [shown(item) for item in page.items],
                "next_cursor": page.next_cursor,
            },
            ids=[item.id for item in page.items],
            blocks=[experiment_table(page.items)],
            following=more or "autoresearch show EXP",
        )


@command(_experiments, "show", "experiment show 12", "experiment show best --json")
def show_experiment(context: typer.Context, experiment: ExperimentRef) -> Answer:
    """Show one experiment and its verdicts; the same as `autoresearch show`."""
    with workspace_of(context) as workspace:
        return experiment_answer(workspace, experiment)


@command(
    app,
    "decide",
    "decide 12 keep --score 2.41",
    'decide last drop --score 2.52 --reason "0.1 worse: too few steps"',
    "decide 13 keep --samples 2.40,2.42,2.41 --metrics memory_gb=11.2",
    'decide 14 crash --reason "out of memory" --log run.log',
)
def decide(
    context: typer.Context,
    experiment: ExperimentRef,
    verdict: Annotated[
        str, typer.Argument(metavar="VERDICT", help="keep, drop (also discard, revert, reject) or crash.")
    ],
    *,
    score: o.Score = None,
    samples: o.Samples = None,
    metric: o.Metric = None,
    metrics: o.Metrics = None,
    reason: o.Reason = "",
    seconds: o.Seconds = None,
    log: o.Log = None,
    made_id: o.MadeId = None,
) -> Answer:
    """Give a verdict on an experiment: keep, drop or crash.

    A keep needs a score. A later verdict on the same experiment supersedes the earlier one.
    """
    with workspace_of(context) as workspace:
        made = workspace.decision(
            experiment,
            verdict,
            score=score,
            samples=numbers(samples or (), "--samples"),
            metric=metric,
            metrics={
                name: numbers([text], "--metrics")[0]
                for name, text in pairs(metrics or (), "--metrics").items()
            },
            reason=reason,
            seconds=seconds,
            log_tail=_read(log)[-_TAIL:].decode("utf-8", "replace") if log else "",
            id=made_id,
        )
        return Answer(
            document={"decision": shown(made)},
            ids=[made.id],
            blocks=[_judged(made)],
            following="autoresearch context",
        )


def _judged(made: Decision) -> Facts:
    return Facts(
        [
            ("experiment", made.number),
            ("verdict", made.status),
            (made.metric, made.score),
            ("standing", made.standing),
            ("violations", "; ".join(made.violations) or None),
        ]
    )


@command(
    app,
    "note",
    'note "do not touch the tokenizer: the grader depends on it"',
    'note "seeds vary by 0.01" --experiment 12',
    "note - < remarks.txt",
)
def note(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The remark; - reads it from standard input.")],
    *,
    experiment: o.About = None,
) -> Answer:
    """Leave a remark that every later context shows."""
    said = _read("-").decode("utf-8", "replace").strip() if text == "-" else text
    with workspace_of(context) as workspace:
        made = workspace.note(said, experiment)
        rows: list[tuple[str, Cell]] = [
            ("note", made.text),
            ("experiment", made.experiment_number),
            ("by", str(made.actor)),
        ]
        return Answer(
            document={"note": shown(made)},
            ids=[made.id],
            blocks=[Facts(rows)],
            following="autoresearch context",
        )
