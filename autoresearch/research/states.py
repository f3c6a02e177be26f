"""The state machine: which states there are, which moves, and who may make them.

Sessions::

    open ──close──▶ closed ──reopen──▶ open          close: anyone · reopen: anyone

Experiments::

    recorded ──keep──▶ kept                           anyone
             ──drop──▶ dropped
             ──crash─▶ crashed
    kept, dropped, crashed ──any verdict──▶ …         anyone, but a person's verdict only by a person

Whatever is not in the tables is one ``Conflict`` that says what is possible instead.
"""

from __future__ import annotations

from typing import Literal

from autoresearch.errors import Conflict
from autoresearch.records.experiment import Actor, State, Verdict

__all__ = ["VERDICT_STATES", "judge", "move_session", "require_open"]

_SessionState = Literal["open", "closed"]

VERDICT_STATES: dict[Verdict, State] = {"keep": "kept", "drop": "dropped", "crash": "crashed"}

_SESSION_MOVES: dict[tuple[str, str], _SessionState] = {
    ("open", "close"): "closed",
    ("closed", "reopen"): "open",
}


def move_session(state: _SessionState, move: Literal["close", "reopen"], *, tag: str) -> _SessionState:
    """The state after a move.

    Raises:
        Conflict: The session is already there.
    """
    after = _SESSION_MOVES.get((state, move))
    if after is None:
        raise Conflict(
            f"Session {tag!r} is {state} and cannot {move}.",
            hint="Close an open session, or reopen a closed one.",
        )
    return after


def require_open(state: _SessionState, *, tag: str) -> None:
    """Experiments are recorded in open sessions only.

    Raises:
        Conflict: The session is closed.
    """
    if state != "open":
        raise Conflict(
            f"Session {tag!r} is closed, so nothing more can be recorded in it.",
            hint="Open a new session, or reopen this one.",
        )


def judge(state: State, verdict: Verdict, *, by: Actor, last: Actor | None, number: int) -> State:
    """The state after a verdict.

    Args:
        state: Present state of the experiment.
        verdict: The new verdict.
        by: Who gives it.
        last: Who gave the present verdict, or None while there is none.
        number: Number of the experiment, for the message.

    Raises:
        Conflict: A person's verdict would be overturned by something that is not a person.
    """
    if state != "recorded" and last is not None and last.kind == "human" and by.kind != "human":
        raise Conflict(
            f"Experiment {number} was judged by {last.name}, a person, and {by} may not overturn that.",
            hint="Record a new experiment, or ask the person to judge again.",
        )
    return VERDICT_STATES[verdict]
