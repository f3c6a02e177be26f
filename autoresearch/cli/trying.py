"""``trial``: measure the code of the folder, in a process that goes on by itself."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, Annotated

import typer

from autoresearch.cli import options as o
from autoresearch.cli.answer import Answer, Block, Cell, Column, Facts, Quoted, Table
from autoresearch.cli.declaring import command, group
from autoresearch.cli.face import workspace_of
from autoresearch.errors import UsageError

if TYPE_CHECKING:
    from autoresearch.loop.trial_states import TrialState

__all__ = ["app", "list_trials", "start_trial", "stop_trial", "wait_trial"]

app = typer.Typer(rich_markup_mode=None)
_TIMED_OUT = 124

_trial = group(
    app,
    "trial",
    'trial start --note "cosine schedule"',
    "trial wait",
    "trial stop",
    about="Measure the code of the folder: start, wait, stop, list.",
    without="list",
)

_Ref = Annotated[
    str,
    typer.Argument(metavar="[TRIAL]", help="Id, the number of its experiment, or last.", show_default=False),
]


@command(
    _trial,
    "start",
    'trial start --note "lr too hot early; 200 steps of warm-up"',
    'trial start --note "wider heads" --command "python train.py --heads 8" --judge --json',
)
def start_trial(
    context: typer.Context,
    *,
    note: Annotated[
        str, typer.Option(metavar="TEXT", help="The flaw that was seen and the fix that is tried.")
    ],
    run: o.Command = None,
    parent: o.Parent = None,
    runs: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=20, help="Runs; else as many as the noise asks for.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Wall-clock seconds of one run, at most the goal's.")
    ] = None,
    judge: Annotated[
        bool, typer.Option("--judge", help="Keep or drop it by the rule for noise at its end.")
    ] = False,
    parallel: Annotated[bool, typer.Option("--parallel", help="Although another trial runs here.")] = False,
) -> Answer:
    """Record the code of the folder and measure exactly that code.

    It answers at once; the trial goes on in a process and a folder of its own.
    """
    from autoresearch.loop.trials import started_trial

    with workspace_of(context) as workspace:
        return _answer(
            started_trial(
                workspace,
                note,
                command=_words(run or ""),
                parent=parent,
                runs=runs,
                seconds=seconds,
                judge=judge,
                parallel=parallel,
            )
        )


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(
            f"The command {text!r} was not understood: {error}.", hint="Close its quotes."
        ) from None


@command(_trial, "wait", "trial wait", "trial wait 12 --seconds 600")
def wait_trial(
    context: typer.Context,
    trial: _Ref = "last",
    *,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", min=0, help="Wait so long at most; else until its end.")
    ] = None,
) -> Answer:
    """Wait for a trial and show what it gave; exit code 124 when it goes on."""
    from autoresearch.loop.trials import trial_of

    with workspace_of(context) as workspace:
        state = trial_of(workspace, trial)
        until = None if seconds is None else time.monotonic() + seconds
        while not state.ended and (until is None or time.monotonic() < until):
            time.sleep(0.2)
            state = trial_of(workspace, state.id)
        return _answer(state, exit_code=0 if state.ended else _TIMED_OUT)


@command(_trial, "stop", "trial stop", 'trial stop 12 --reason "the loss is NaN"')
def stop_trial(context: typer.Context, trial: _Ref = "last", *, reason: o.Reason = "") -> Answer:
    """Stop a trial and everything it started; its experiment stays recorded, without a verdict."""
    from autoresearch.loop.trials import stopped_trial

    with workspace_of(context) as workspace:
        return _answer(stopped_trial(workspace, trial, reason))


@command(_trial, "list", "trial list", "trial list --json")
def list_trials(context: typer.Context) -> Answer:
    """List the trials that were started on this machine, oldest first."""
    from autoresearch.loop.trials import trials_of

    with workspace_of(context) as workspace:
        known = trials_of(workspace)
    columns = [Column("#", "number"), Column("stage"), Column("outcome"), Column("score", "score")]
    columns += [Column("runs", "number"), Column("verdict", "state"), Column("reason", "flexible")]
    rows: list[list[Cell]] = [
        [one.number, one.stage, one.outcome, one.score, len(one.samples), one.verdict, one.reason]
        for one in known
    ]
    return Answer(
        document={"trials": [_document(one) for one in known]},
        ids=[one.id for one in known],
        blocks=[Table(columns, rows, empty="no trial")],
        following="autoresearch trial wait" if any(not one.ended for one in known) else "",
    )


def _answer(state: TrialState, exit_code: int = 0) -> Answer:
    rows: list[tuple[str, Cell]] = [
        ("trial", state.id),
        ("experiment", state.number),
        ("stage", state.stage),
        ("outcome", state.outcome),
        ("score", state.score),
        ("samples", ", ".join(f"{value:.6g}" for value in state.samples) or None),
        ("reason", state.reason or None),
        ("verdict", state.verdict),
        ("standing", state.standing or None),
    ]
    blocks: list[Block] = [Facts(rows)]
    if state.log_tail.strip() and state.outcome != "measured":
        blocks.append(Quoted("end of the log", state.log_tail))
    following = "autoresearch trial wait" if not state.ended else ""
    if state.ended and state.verdict is None:
        following = f"autoresearch decide {state.number} VERDICT --score {state.score}" if state.score else ""
    return Answer(
        document={"trial": _document(state)},
        ids=[state.id],
        blocks=blocks,
        following=following,
        exit_code=exit_code,
    )


def _document(state: TrialState) -> dict[str, object]:
    import dataclasses

    return {**dataclasses.asdict(state), "score": state.score, "ended": state.ended}
