"""Judging: a verdict, what it means for the frontier, and everything that follows, in one transaction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autoresearch.errors import Conflict, Invalid
from autoresearch.ledger.local import frontiers, tries, views
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.experiment import Actor, Decision, DecisionRequest
from autoresearch.records.frontier import Noise
from autoresearch.records.goal import Goal
from autoresearch.research import frontier as rules
from autoresearch.research import noise as noise_rules
from autoresearch.research import states
from autoresearch.research.keys import content_key
from autoresearch.store import schema
from autoresearch.store.rows import Row

__all__ = ["decide", "history"]


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a verdict means for the frontier at its place in the order of first verdicts."""

    eligible: bool
    advanced: bool
    gain: float | None
    within_noise: bool
    violations: tuple[str, ...]
    sentence: str


def decide(unit: Unit, request: DecisionRequest) -> Decision:
    """Give a verdict."""
    content = content_key(request.model_dump(mode="json"))
    seen = unit.repeated(schema.decisions, request.id, content, "decision")
    if seen is not None:
        current = unit.experiment(seen["experiment_id"])["decision_id"]
        return views.decision(seen, superseded=current != seen["id"])
    row = unit.experiment(request.experiment_id)
    goal = _goal(unit, row, request)
    last = Actor(**row["decided_by"]) if row["decided_by"] else None
    state = states.judge(row["state"], request.status, by=unit.actor, last=last, number=row["number"])
    score, samples = _measured(request)
    _count_repeats(unit, row, samples)
    noise = frontiers.noise(unit, goal)
    seq = unit.event(
        "decision.made",
        row["id"],
        project=row["project"],
        before={"state": row["state"], "score": row["score"], "decision_id": row["decision_id"]},
        after={"state": state, "score": score, "decision_id": request.id, "number": row["number"]},
    )
    position = row["position"] if row["position"] is not None else seq
    best = frontiers.best_before(unit, row["project"], row["segment"], position)
    standing = _stand(request, score, goal, best, noise, files=row["files"])
    _store(
        unit,
        request,
        row,
        score=score,
        samples=samples,
        standing=standing,
        seq=seq,
        content=content,
        goal=goal,
    )
    _set_verdict(unit, request, row, state=state, score=score, standing=standing, position=position)
    _count(unit, row, state, request.seconds)
    tries.judged(unit, row, state=state, gain=standing.gain)
    _move_frontier(unit, goal, row, standing, position=position, score=score)
    return views.decision(unit.rows.must(schema.decisions, id=request.id), superseded=False)


def history(unit: Unit, experiment_id: str) -> tuple[Decision, ...]:
    """All verdicts on one experiment, first to last."""
    current = unit.experiment(experiment_id)["decision_id"]
    rows = unit.rows.list(schema.decisions, order="seq", experiment_id=experiment_id)
    return tuple(views.decision(row, superseded=row["id"] != current) for row in rows)


def _goal(unit: Unit, row: Row, request: DecisionRequest) -> Goal:
    segment = unit.rows.one(schema.segments, project=row["project"], number=row["segment"])
    goal = views.goal(segment["goal"] if segment else None)
    if goal is None:
        raise Conflict(
            f"Project {row['project']!r} has no goal, so nothing can be judged.",
            hint="Set one: ar.goal(metric=…) or `autoresearch goal METRIC --min`.",
        )
    if request.metric is not None and request.metric != goal.metric:
        raise Invalid(
            f"The score is of {request.metric!r}, and experiment {row['number']} is judged by {goal.metric!r}.",
            hint=f"Give the value of {goal.metric!r}, or change the goal, which opens a new segment.",
        )
    return goal


def _measured(request: DecisionRequest) -> tuple[float | None, tuple[float, ...]]:
    samples = request.samples
    if request.score is None:
        # To the digits that are certain: a mean of 2.1 and 2.2 is 2.15, not 2.1500000000000004.
        mean = float(f"{math.fsum(samples) / len(samples):.15g}") if samples else None
        return mean, samples
    return request.score, samples or (request.score,)


def _count_repeats(unit: Unit, row: Row, samples: Sequence[float]) -> None:
    """Pool this experiment's measurements with those of others that ran the same code."""
    where = {"project": row["project"], "segment": row["segment"], "repro_key": row["repro_key"]}
    old = unit.rows.one(schema.repeats, **where)
    if row["decision_id"] is None and old is not None:
        known = noise_rules.Repeats(old["n"], old["mean"], old["squares"])
        found = noise_rules.merged(known, noise_rules.repeats(samples))
    else:
        found = noise_rules.repeats([*samples, *_samples_of_twins(unit, row, where)])
    values = {"n": found.n, "mean": found.mean, "squares": found.squares}
    if old is None:
        unit.rows.insert(schema.repeats, **where, **values)
    else:
        unit.rows.update(schema.repeats, where, **values)


def _samples_of_twins(unit: Unit, row: Row, where: dict[str, Any]) -> Iterator[float]:
    for twin in unit.rows.list(schema.experiments, order="number", **where):
        if twin["id"] != row["id"] and twin["decision_id"]:
            decision = unit.rows.one(schema.decisions, id=twin["decision_id"])
            yield from decision["samples"] if decision else ()


def _stand(
    request: DecisionRequest,
    score: float | None,
    goal: Goal,
    best: Row | None,
    noise: Noise | None,
    *,
    files: Sequence[str],
) -> _Standing:
    kept = request.status == "keep" and score is not None
    broken = rules.violations(request.metrics, goal, files) if kept else ()
    eligible = kept and not broken
    gain = None if score is None or best is None else rules.gain(score, best["score"], goal)
    advanced = eligible and score is not None and rules.advances(score, best["score"] if best else None, goal)
    within = gain is not None and noise is not None and abs(gain) < noise_rules.WITHIN * noise.sd
    sentence = _sentence(request, gain, goal, best, broken=broken, advanced=advanced)
    if within and noise is not None:
        sentence += f" That is within the noise (sd {noise.sd:.3g})."
    return _Standing(eligible, advanced, gain, within, broken, sentence)


def _sentence(
    request: DecisionRequest,
    gain: float | None,
    goal: Goal,
    best: Row | None,
    *,
    broken: Sequence[str],
    advanced: bool,
) -> str:
    if broken:
        return f"Not on the frontier: {'; '.join(broken)}."
    if request.status == "crash":
        return "A crash has no score and is never a best."
    if best is None:
        return (
            "The first kept experiment: the baseline to beat."
            if advanced
            else "Nothing is kept yet to compare with."
        )
    if gain is None:
        return (
            f"No score was given to compare with the best, {best['score']:g} of experiment {best['number']}."
        )
    than = f"the best, {best['score']:g} of experiment {best['number']}"
    if gain == 0:
        return f"Equal to {than}; a tie does not advance."
    compared = f"{'Better' if gain > 0 else 'Worse'} than {than}, by {abs(gain):.4g}."
    if request.status == "keep" and gain > 0 and not advanced:
        return f"{compared} The least gain that advances is {goal.min_delta:g}."
    return compared


def _store(
    unit: Unit,
    request: DecisionRequest,
    row: Row,
    *,
    score: float | None,
    samples: Sequence[float],
    standing: _Standing,
    seq: int,
    content: str,
    goal: Goal,
) -> None:
    unit.rows.insert(
        schema.decisions,
        id=request.id,
        experiment_id=row["id"],
        project=row["project"],
        number=row["number"],
        segment=row["segment"],
        seq=seq,
        status=request.status,
        score=score,
        samples=list(samples),
        metric=goal.metric,
        metrics=request.metrics,
        reason=request.reason,
        seconds=request.seconds,
        advanced=standing.advanced,
        gain=standing.gain,
        within_noise=standing.within_noise,
        violations=list(standing.violations),
        standing=standing.sentence,
        actor=unit.actor.model_dump(),
        content=content,
        recorded_at=unit.now,
    )


def _set_verdict(
    unit: Unit,
    request: DecisionRequest,
    row: Row,
    *,
    state: str,
    score: float | None,
    standing: _Standing,
    position: int,
) -> None:
    unit.rows.update(
        schema.experiments,
        {"id": row["id"]},
        state=state,
        decision_id=request.id,
        position=position,
        eligible=standing.eligible,
        score=score,
        metrics=request.metrics,
        # That a crash has no score is said once, by the brief, not with every crash.
        reason=request.reason or ("" if request.status == "crash" else standing.sentence),
        gain=standing.gain,
        seconds=request.seconds if request.seconds is not None else row["seconds"],
        log_tail=request.log_tail or row["log_tail"],
        decided_by=unit.actor.model_dump(),
    )


def _count(unit: Unit, row: Row, state: str, seconds: float | None) -> None:
    spent = 0.0 if seconds is None else seconds - (row["seconds"] or 0.0)
    amounts: dict[str, float] = {"seconds": spent}
    if row["state"] != state:
        amounts[state] = 1
        if row["state"] != "recorded":
            amounts[row["state"]] = -1
    unit.rows.add(schema.segments, {"project": row["project"], "number": row["segment"]}, **amounts)


def _move_frontier(
    unit: Unit, goal: Goal, row: Row, standing: _Standing, *, position: int, score: float | None
) -> None:
    def extend() -> None:
        if standing.advanced and score is not None:
            frontiers.append(unit, row, position=position, score=score, gain=standing.gain)

    if row["position"] is None:
        if standing.advanced:
            frontiers.moved(unit, goal, extend)
    elif row["eligible"] or standing.eligible:
        frontiers.moved(unit, goal, lambda: frontiers.rebuild(unit, goal, position))
