"""Tools that write experiments down: the change that is tried, and the verdict on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from autoresearch.errors import Conflict, Invalid
from autoresearch.mcp_server.answering import Reply, plain
from autoresearch.mcp_server.rows import ExperimentRef, Row
from autoresearch.mcp_server.target import Target

if TYPE_CHECKING:
    from autoresearch.loop.trial_states import TrialState
    from autoresearch.records.experiment import Decision, Diff, Experiment

__all__ = ["ROWS", "NoteText", "decide_experiment", "record_experiment"]

NoteText = Annotated[
    str,
    Field(min_length=1, max_length=100_000, description="The flaw that was seen and the fix that is tried."),
]


def record_experiment(
    target: Target,
    *,
    note: NoteText,
    config: Annotated[dict[str, Any] | None, Field(description="Values it was run with, by name.")] = None,
    command: Annotated[list[str] | None, Field(description="How it is run: program and arguments.")] = None,
    parent: Annotated[
        ExperimentRef | None, Field(description="What it was made from; else the best.")
    ] = None,
    uses: Annotated[
        list[str] | None, Field(description="Artifact versions that go in, such as char-lm:v3.")
    ] = None,
    commit: Annotated[
        str | None, Field(description="Commit to record; else the folder's present one.")
    ] = None,
    diff: Annotated[
        str | None,
        Field(
            max_length=1_000_000,
            description="Patch to record; else the folder's uncommitted change is captured.",
        ),
    ] = None,
) -> Reply:
    """Record a tried change with its exact code, to run it yourself. start_trial records, runs and measures in one call.

    Call it after the edit and before the run; the working tree is captured as it is.
    """
    given: dict[str, Any] = {
        "command": tuple(command or ()),
        "config": config or {},
        "uses": tuple(uses or ()),
    }
    if target.folder is not None:
        made = target.folder.experiment(note, commit=commit, diff=diff, parent=parent, **given)
    else:
        made = _recorded(target, note, commit, diff, parent, given)
    return Reply({"experiment": {**plain(_of(made)), "notices": plain(list(made.notices))}})


def _of(made: Experiment) -> dict[str, Any]:
    said = {"number": made.number, "id": made.id, "commit": made.commit, "files": list(made.files[:50])}
    return {
        **said,
        "diff_bytes": made.diff.size if made.diff else 0,
        "snapshot": made.tree,
        "note": made.note,
    }


def _recorded(  # noqa: PLR0917  one value for each column
    target: Target, note: str, commit: str | None, diff: str | None, parent: str | None, given: dict[str, Any]
) -> Experiment:
    """Without a folder: what the caller gives is all there is."""
    from autoresearch.records.base import utc_now
    from autoresearch.records.experiment import ExperimentRequest
    from autoresearch.records.ids import new_id
    from autoresearch.research.keys import repro_key

    made, research = new_id(), target.ledger.research
    stored = _stored(target, diff) if diff else None
    request = ExperimentRequest.make(
        id=made,
        project=target.name,
        session_id=_session_id(target),
        note=note,
        commit=commit,
        parent_id=parent and research.find(target.name, parent).id,
        diff=stored,
        change=diff or "",
        repro_key=repro_key(commit, stored.digest if stored else None, given["config"], None, otherwise=made),
        occurred_at=utc_now(),
        **given,
    )
    return research.record(request)


def _stored(target: Target, diff: str) -> Diff:
    from autoresearch.records.experiment import Diff

    try:
        data = diff.encode()
    except UnicodeEncodeError:
        raise Invalid("diff has lone surrogates.", hint="Send the patch as UTF-8.") from None
    return Diff(digest=target.ledger.snapshots.put(data), size=len(data))


def _session_id(target: Target) -> str:
    from autoresearch.records.experiment import SessionRequest
    from autoresearch.records.ids import new_id

    active = target.active_session()
    if active is None:
        request = SessionRequest.make(id=new_id(), project=target.name, tag="default")
        active = target.ledger.research.open_session(request)
    return active.id


def decide_experiment(
    target: Target,
    *,
    experiment: ExperimentRef,
    verdict: Annotated[
        Literal["keep", "drop", "crash"] | None,
        Field(
            description="keep needs a score, crash has none; leave it out after a trial for the verdict of the rule."
        ),
    ] = None,
    score: Annotated[float | None, Field(description="Value of the metric; not after a trial.")] = None,
    samples: Annotated[
        list[float] | None,
        Field(max_length=10_000, description="Repeated measurements; their mean is the score."),
    ] = None,
    metrics: Annotated[
        dict[str, float] | None, Field(description="Other metrics, which constraints bound.")
    ] = None,
    reason: Annotated[str, Field(max_length=10_000, description="Why, in a sentence.")] = "",
    seconds: Annotated[float | None, Field(ge=0, description="Seconds it took.")] = None,
) -> Reply:
    """Judge an experiment: keep, drop or crash. The frontier and the ref `winner` follow.

    After start_trial the score is what was measured, and nothing else; give only the experiment, and a verdict if yours
    differs from the rule's. Then commit what is kept in your working tree, and undo what is not.
    """
    target.adopt_goal()
    found = target.ledger.research.find(target.name, experiment)
    given = {"score": score, "samples": samples, "metrics": metrics, "seconds": seconds}
    measured = _trial_of(target, found)
    if measured is not None:
        return _of_trial(
            target, measured, verdict, reason, [name for name, value in given.items() if value is not None]
        )
    if verdict is None:
        raise Invalid(
            "verdict is missing: no trial of this experiment was measured here.", hint="Give verdict."
        )
    return _by_hand(target, found.id, verdict, reason, given)


def _by_hand(target: Target, experiment_id: str, verdict: str, reason: str, given: dict[str, Any]) -> Reply:
    from autoresearch.records.experiment import DecisionRequest
    from autoresearch.records.ids import new_id

    request = DecisionRequest.make(
        id=new_id(),
        experiment_id=experiment_id,
        status=verdict,
        score=given["score"],
        samples=tuple(given["samples"] or ()),
        metrics=dict(given["metrics"] or {}),
        reason=reason,
        seconds=given["seconds"],
    )
    return Reply({"decision": plain(_judged(target.ledger.research.decide(request)))})


def _trial_of(target: Target, experiment: Experiment) -> TrialState | None:
    """The last trial of an experiment that gave something to judge, or goes on."""
    if target.folder is None:
        return None
    from autoresearch.loop.trials import trials_of

    mine = [one for one in trials_of(target.folder) if one.experiment_id == experiment.id]
    return next((one for one in reversed(mine) if one.outcome not in {"stopped", "abandoned"}), None)


def _of_trial(
    target: Target, measured: TrialState, verdict: str | None, reason: str, beside: list[str]
) -> Reply:
    if beside:
        raise Conflict(
            f"Experiment {measured.number} was measured by a trial, whose numbers stand; {', '.join(beside)} cannot be given.",
            hint="Leave them out.",
        )
    from autoresearch.loop.trial_states import folder_of, write_state
    from autoresearch.loop.trial_work import judged

    state = judged(target.workspace, measured, verdict, reason)
    write_state(folder_of(target.workspace.home, state.id), state)
    last = target.ledger.research.decisions(measured.experiment_id)[-1]
    return Reply({"decision": plain({**_judged(last), "samples": list(last.samples)})})


def _judged(made: Decision) -> dict[str, Any]:
    names = ("score", "gain", "advanced", "within_noise", "reason", "standing")
    said = {name: getattr(made, name) for name in names}
    return {"experiment": made.number, "verdict": made.status, **said, "violations": list(made.violations)}


ROWS = (
    Row(record_experiment, "Record an experiment", "append", "experiment record"),
    Row(decide_experiment, "Judge an experiment", "change", "decide"),
)
