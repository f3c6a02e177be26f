"""What the contract tests share: short ways to make requests, and a ledger that is reopened for every call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from autoresearch.ledger.base import Ledger
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.base import utc_now
from autoresearch.records.experiment import (
    Actor,
    Decision,
    DecisionRequest,
    Experiment,
    ExperimentRequest,
    Session,
    SessionRequest,
)
from autoresearch.records.goal import Goal, GoalRequest
from autoresearch.records.ids import new_id
from autoresearch.records.tree import Tree, TreeEntry
from autoresearch.research.keys import repro_key

PROJECT = "char-lm"
Poke = Callable[..., None]
"""Changes rows behind the ledger's back."""


class _Part:
    def __init__(self, home: Path, actor: Actor, name: str) -> None:
        self._home, self._actor, self._name = home, actor, name

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with LocalLedger.open(self._home, actor=self._actor) as ledger:
                answer = getattr(getattr(ledger, self._name), operation)(*args, **kwargs)
                return list(answer) if operation == "verify" else answer

        return call


class Reopened:
    """A ledger that holds nothing between two calls."""

    def __init__(self, home: Path, actor: Actor) -> None:
        for name in ("research", "memory", "artifacts", "snapshots", "runs", "folders", "campaigns"):
            setattr(self, name, _Part(home, actor, name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


def goal(ledger: Ledger, metric: str = "val_bpb", direction: str = "min", **values: Any) -> Goal:
    request = GoalRequest.make(metric=metric, direction=direction, **values)
    return ledger.research.set_goal(PROJECT, request)


def session(ledger: Ledger, tag: str = "work") -> Session:
    return ledger.research.open_session(SessionRequest.make(id=new_id(), project=PROJECT, tag=tag))


def experiment_request(session_id: str, **values: Any) -> ExperimentRequest:
    made = values.pop("id", None) or new_id()
    given = {
        "note": "a change",
        "commit": "0" * 40,
        "repro_key": repro_key(None, None, {}, otherwise=made),
        "occurred_at": utc_now(),
        **values,
    }
    return ExperimentRequest.make(id=made, project=PROJECT, session_id=session_id, **given)


def experiment(ledger: Ledger, session_id: str, **values: Any) -> Experiment:
    return ledger.research.record(experiment_request(session_id, **values))


def decide(
    ledger: Ledger, experiment_id: str, status: str, score: float | None = None, **values: Any
) -> Decision:
    made = values.pop("id", None) or new_id()
    request = DecisionRequest.make(id=made, experiment_id=experiment_id, status=status, score=score, **values)
    return ledger.research.decide(request)


def kept(ledger: Ledger, session_id: str, scores: Sequence[float]) -> list[Experiment]:
    """Experiments that were each kept with a score, in order."""
    made = [experiment(ledger, session_id, note=f"scored {score}") for score in scores]
    for one, score in zip(made, scores, strict=True):
        decide(ledger, one.id, "keep", score)
    return made


def staircase(ledger: Ledger, **values: Any) -> list[float]:
    return [step.score for step in ledger.research.frontier(PROJECT, **values).steps]


def stored_tree(ledger: Ledger, content: bytes) -> str:
    """The digest of a stored tree of one file."""
    digest = ledger.snapshots.put(content)
    entry = TreeEntry(path="model.bin", mode="100644", size=len(content), sha256=digest)
    return ledger.snapshots.put(Tree([entry]).manifest)
