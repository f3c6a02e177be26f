"""Tools that measure: start a trial of the code in the working tree, wait for it, stop it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import anyio.to_thread
from pydantic import Field

from autoresearch.mcp_server.answering import DEFAULT_CHARS, Reply, fenced, listed, newest, plain
from autoresearch.mcp_server.rows import Cursor, ExperimentRef, Limit, MaxChars, Row, TrialRef
from autoresearch.mcp_server.target import Target
from autoresearch.mcp_server.tools_recording import NoteText

if TYPE_CHECKING:
    from autoresearch.loop.trial_states import TrialState

__all__ = ["ROWS", "list_trials", "start_trial", "stop_trial", "wait_trial"]

_LOOK = 0.25
_TELL = 2.0
_LINES = 15

_Progress = Callable[[float, float | None, str | None], Awaitable[None]]


def start_trial(
    target: Target,
    *,
    note: NoteText,
    command: Annotated[
        list[str] | None, Field(description="Program and arguments; else the command of autoresearch.toml.")
    ] = None,
    config: Annotated[dict[str, Any] | None, Field(description="Values it is run with, by name.")] = None,
    parent: Annotated[
        ExperimentRef | None, Field(description="What it was made from; else the best.")
    ] = None,
    runs: Annotated[
        int | None,
        Field(ge=1, le=20, description="Runs, with SEED counting from 0; else as many as it takes."),
    ] = None,
    seconds: Annotated[
        float | None, Field(gt=0, description="Seconds of one run, at most the goal's.")
    ] = None,
    judge: Annotated[
        bool, Field(description="Keep or drop it by the rule for noise as soon as it has ended.")
    ] = False,
    parallel: Annotated[bool, Field(description="Start it although another trial runs here.")] = False,
) -> Reply:
    """Record the code in your working tree as an experiment and start to measure exactly that code, apart from it.

    Edit first. It answers at once with an id; then call wait_trial. Protected files are put back before the run, and a change
    to one is refused. The score is read from what the run logs or prints as `metric: number`.
    """
    from autoresearch.loop.trials import started_trial

    state = started_trial(
        target.workspace,
        note,
        command=tuple(command or ()),
        config=config,
        parent=parent,
        runs=runs,
        seconds=seconds,
        judge=judge,
        parallel=parallel,
    )
    return _said(state)


async def wait_trial(
    target: Target,
    *,
    progress: _Progress,
    trial: TrialRef = "last",
    seconds: Annotated[
        float,
        Field(ge=0, le=3600, description="Wait so long at most; many clients give up after 60 seconds."),
    ] = 45.0,
) -> Reply:
    """Wait for a trial: its samples when it has ended, else how far it is and the end of what it prints.

    When `ended` is false, call it again; the trial goes on meanwhile. When it has ended, call decide_experiment.
    """
    from autoresearch.loop.trials import trial_of

    begun = told = time.monotonic()
    look = partial(trial_of, target.workspace, trial)
    state = await anyio.to_thread.run_sync(look)
    look = partial(trial_of, target.workspace, state.id)
    while not state.ended and time.monotonic() - begun < seconds:
        await anyio.sleep(_LOOK)
        state = await anyio.to_thread.run_sync(look)
        if time.monotonic() - told >= _TELL:
            told = time.monotonic()
            runs = f"{len(state.samples)} of {state.wanted or '?'} runs measured"
            await progress(told - begun, seconds, f"experiment {state.number}: {runs}")
    return _said(state)


def stop_trial(
    target: Target,
    *,
    trial: TrialRef = "last",
    reason: Annotated[str, Field(max_length=1000, description="Why.")] = "",
) -> Reply:
    """Stop a trial and everything it started. Its experiment stays recorded, without a verdict."""
    from autoresearch.loop.trials import stopped_trial

    return _said(stopped_trial(target.workspace, trial, reason))


def list_trials(
    target: Target, *, limit: Limit = 10, cursor: Cursor = None, max_chars: MaxChars = DEFAULT_CHARS
) -> Reply:
    """List the trials that were started here, newest first, those that run now among them."""
    from autoresearch.loop.trials import trials_of

    known = trials_of(target.workspace)

    def fetch(most: int) -> tuple[list[dict[str, Any]], str | None]:
        found, following = newest(known, most, cursor)
        return [_short(one) for one in found], following

    return listed("trials", fetch, limit, max_chars, total=len(known))


def _short(state: TrialState) -> dict[str, Any]:
    said = {
        "trial": state.id,
        "experiment": state.number,
        "ended": state.ended,
        "outcome": state.outcome,
        "score": state.score,
        "samples": list(state.samples),
        "reason": state.reason,
        "verdict": state.verdict,
    }
    return {name: value for name, value in said.items() if value is not None}


def _said(state: TrialState) -> Reply:
    from autoresearch.briefs.fence import log_lines

    said = {
        **_short(state),
        "stage": state.stage,
        "runs_wanted": state.wanted,
        "metrics": state.metrics,
        "seconds": round(state.seconds, 2),
        "seconds_limit": state.limit,
        "elapsed": round(max(0.0, state.updated_at - state.started_at), 1),
        "command": list(state.command),
        "standing": state.standing,
        "next": _next(state),
    }
    # What it printed matters where something went wrong, and while it goes on.
    tail = () if state.outcome == "measured" else log_lines(state.log_tail, lines=_LINES, width=300)
    return Reply({**plain(said), "ended": state.ended, "log_tail": fenced("\n".join(tail)) if tail else ""})


def _next(state: TrialState) -> str:
    if not state.ended:
        return "wait_trial"
    if state.verdict is not None:
        return "get_context"
    if state.outcome in {"stopped", "abandoned", "refused"}:
        return "start_trial"
    return "decide_experiment"


ROWS = (
    Row(start_trial, "Start a measured trial", "execute", "trial start", folder=True),
    Row(wait_trial, "Wait for a trial", "read", "trial wait", folder=True),
    Row(stop_trial, "Stop a trial", "change", "trial stop", folder=True),
    Row(list_trials, "List trials", "read", "trial list", folder=True),
)
