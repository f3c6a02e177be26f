"""Research to look at: a project with a campaign under way, one without a goal, one without experiments, and hostile words everywhere."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autoresearch.ledger.base import Ledger
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.base import utc_now
from autoresearch.records.campaign import Campaign, CampaignRequest, Step, Trial, TrialRequest, TrialUpdate
from autoresearch.records.experiment import (
    Actor,
    DecisionRequest,
    Diff,
    Experiment,
    ExperimentRequest,
    NoteRequest,
    Session,
    SessionRequest,
)
from autoresearch.records.goal import GoalRequest, ProjectRequest
from autoresearch.records.ids import new_id
from autoresearch.records.tree import Tree, TreeEntry
from autoresearch.research.keys import repro_key

__all__ = ["HOSTILE", "PROJECT", "Seeded", "busy", "judged", "opened", "recorded", "seeded"]

PROJECT = "char-lm"
HOSTILE = '<img src=x onerror="window.struck=1"><script>window.struck=1</script>\u202e{{7*7}}${7*7} javascript:window.struck=1'

IDEAS = (
    ("Loss spikes in the first 200 steps", "longer warm-up, 100 -> 400 steps", "warmup = 100", "warmup = 400"),
    ("The learning rate decays too early", "cosine decay to the last step", "decay = 0.6", "decay = 1.0"),
    ("Attention is most of the time", "half the heads, twice the width", "heads = 8", "heads = 4"),
    ("Weights grow without bound", "weight decay on matrices alone, 0.1", "weight_decay = 0.0", "weight_decay = 0.1"),
    ("Little regularization on 4 MB of text", "dropout 0.1 after attention", "dropout = 0.0", "dropout = 0.1"),
    ("The embedding is learnt twice", "tie input and output embeddings", "tied = False", "tied = True"),
    ("Gradients are noisy at this size", "batch 32 -> 64 by accumulation", "batch = 32", "batch = 64"),
    ("GELU is slow here", "squared ReLU in the MLP", "act = F.gelu", "act = lambda x: F.relu(x).square()"),
    ("Momentum forgets too slowly", "Adam beta2 0.999 -> 0.95", "beta2 = 0.999", "beta2 = 0.95"),
    ("Layer norm after the block", "move it before the block", "pre_norm = False", "pre_norm = True"),
    ("Positions are learnt per index", "rotary positions", "rope = False", "rope = True"),
    ("Half of the context is unused", "context 128 -> 256", "context = 128", "context = 256"),
)  # fmt: skip

PATCH = (Path(__file__).parent / "change.patch").read_text(encoding="utf-8")


@dataclass
class Seeded:
    """What was made."""

    session: Session
    experiments: list[Experiment] = field(default_factory=list)
    campaign: Campaign | None = None


def opened(ledger: Ledger, tag: str, project: str = PROJECT, **values: Any) -> Session:
    return ledger.research.open_session(SessionRequest.make(id=new_id(), project=project, tag=tag, **values))


def recorded(ledger: Ledger, session: Session, note: str, **values: Any) -> Experiment:
    made = new_id()
    given: dict[str, Any] = {
        "commit": f"{random.Random(note).getrandbits(160):040x}",
        "branch": f"autoresearch/{session.tag}",
        "command": ("python", "train.py"),
        "repro_key": repro_key(None, None, {}, otherwise=made),
        "occurred_at": utc_now(),
        **values,
    }
    return ledger.research.record(
        ExperimentRequest.make(id=made, project=session.project, session_id=session.id, note=note, **given)
    )


def judged(
    ledger: Ledger, experiment: Experiment, status: str, score: float | None = None, **values: Any
) -> None:
    ledger.research.decide(
        DecisionRequest.make(id=new_id(), experiment_id=experiment.id, status=status, score=score, **values)
    )


def seeded(ledger: LocalLedger, count: int = 60, *, hostile: str = HOSTILE) -> Seeded:
    """The project ``char-lm``: a baseline measured four times, and then one idea after another."""
    made = random.Random(7)
    ledger.research.set_goal(
        PROJECT,
        GoalRequest.make(
            metric="val_loss",
            direction="min",
            target=1.40,
            description="Lowest validation loss of a character model within 60 seconds of training on two cores.",
        ),
    )
    seeds = Seeded(opened(ledger, "oct-12", note="By hand, to see what the baseline is."))
    first = recorded(ledger, seeds.session, "Baseline: the model as it is", config={"lr": 0.001, "batch": 32})
    judged(ledger, first, "keep", samples=(1.7021, 1.6987, 1.7043, 1.7009), seconds=61.2)
    seeds.experiments.append(first)
    best = 1.7015
    for index in range(1, count):
        if index == 12:
            seeds.session = opened(ledger, "nov-03-agent", branch="autoresearch/nov-03-agent")
        best = _tried(ledger, seeds, made, index, best, hostile)
    return seeds


def _tried(
    ledger: LocalLedger, seeds: Seeded, made: random.Random, index: int, best: float, hostile: str
) -> float:
    flaw, fix, old, new = IDEAS[index % len(IDEAS)]
    note = f"{flaw}: {fix}\n\nRound {index // len(IDEAS) + 1}. Expected -0.01."
    if hostile and index == 9:
        note = hostile
    one = recorded(
        ledger,
        seeds.session,
        note,
        **_changed(ledger, old, new, hostile if index == 9 else ""),
        config={"lr": round(0.001 * made.uniform(0.5, 2), 5), "batch": made.choice([32, 64])},
    )
    seeds.experiments.append(one)
    draw = made.random()
    if draw < 0.1:
        tail = f'Traceback (most recent call last):\n  File "train.py", line 88\nRuntimeError: loss is nan {hostile if index % 2 else ""}'
        judged(ledger, one, "crash", reason="The loss became NaN at step 341.", log_tail=tail, seconds=12.5)
    elif draw < 0.30:
        score = best - abs(made.gauss(0.012, 0.012))
        judged(
            ledger,
            one,
            "keep",
            round(score, 4),
            reason=f"Better than {best:.4f} beyond the noise.",
            seconds=60 + made.random(),
        )
        best = min(best, round(score, 4))
    else:
        score = best + abs(made.gauss(0.015, 0.02)) + (1.9 if index == 30 else 0)
        judged(
            ledger,
            one,
            "drop",
            round(score, 4),
            reason="No gain beyond the noise.",
            seconds=60 + made.random(),
        )
    return best


def busy(ledger: LocalLedger, seeds: Seeded, *, hostile: str = HOSTILE) -> Campaign:
    """A campaign under way in the present session: three workers in three steps, and a few trials that are over."""
    begun = ledger.campaigns.begin(
        CampaignRequest.make(
            id=new_id(),
            project=PROJECT,
            session_id=seeds.session.id,
            agent="claude-code",
            settings={"limits": {"experiments": 40, "hours": 8, "tokens": None, "cost": 5.0}, "workers": 3},
        )
    )
    ledger.campaigns.hold(begun.id, "host-1:4242", 3600)
    best = ledger.research.frontier(PROJECT).best
    assert best is not None
    prompt = ledger.snapshots.put(f"You improve val_loss of a small model.\n\n{hostile}\n".encode())
    for index, outcome in enumerate(("kept", "dropped", "no_change", "crashed", "dropped")):
        trial = _claimed(ledger, begun, f"worker-{index % 3 + 1}", IDEAS[index][1] + f" ({index})")
        one = recorded(
            ledger,
            seeds.session,
            f"{IDEAS[index][0]}: {IDEAS[index][1]}",
            parent_id=best.experiment_id,
            **_changed(ledger, *IDEAS[index][2:]),
        )
        _moved(ledger, trial, "recorded", experiment_id=one.id)
        if outcome == "kept":
            judged(ledger, one, "keep", best.score - 0.011, reason="Better beyond the noise.", seconds=61.0)
        elif outcome == "crashed":
            judged(ledger, one, "crash", reason="Out of memory.", log_tail="MemoryError", seconds=5.0)
        else:
            judged(ledger, one, "drop", best.score + 0.004 * index, reason="Within the noise.", seconds=60.0)
        _moved(
            ledger, trial, "judged", outcome=outcome, seconds=61.0, agent="claude-code", model="opus-5",
            input_tokens=48_200 + index, output_tokens=1_900, cost=0.21, agent_seconds=38.0,
            prompt=prompt, context=prompt, transcript=prompt, prompt_version="proposal-3",
            samples=(best.score - 0.010, best.score - 0.012),
        )  # fmt: skip
    for index, step in enumerate(("proposing", "recorded", "measuring")):
        open_one = _claimed(ledger, begun, f"worker-{index + 1}", f"{IDEAS[7 + index][1]}, once more")
        if step == "proposing":
            _moved(ledger, open_one, "proposing")
            continue
        one = recorded(
            ledger,
            seeds.session,
            f"{IDEAS[7 + index][0]}: {IDEAS[7 + index][1]}",
            parent_id=best.experiment_id,
        )
        _moved(ledger, open_one, "recorded", experiment_id=one.id)
        if step == "measuring":
            _moved(ledger, open_one, "measuring")
    said(ledger, "Leave the tokenizer alone: the evaluation depends on it.")
    said(ledger, f"Look at {hostile}" if hostile else "Try what shortens a step before what adds one.")
    return ledger.campaigns.campaign(begun.id)


def _changed(ledger: LocalLedger, old: str, new: str, note: str = "") -> dict[str, Any]:
    patch = PATCH.format(old=old, new=new, note=note).encode()
    diff = Diff(digest=ledger.snapshots.put(patch), size=len(patch))
    return {
        "diff": diff,
        "change": patch.decode(),
        "files": ("train.py", "README.md"),
        "tree": _tree(ledger, new),
    }


def _tree(ledger: LocalLedger, line: str) -> str:
    """The digest of a small stored tree in which one line is the given one."""
    files = {
        "README.md": b"# char-lm\n\nA small model, trained in a minute.\n",
        "data/tiny.bin": bytes(range(256)) * 4,
        "src/model.py": b"import torch\n\n\ndef layers(depth: int = 12):\n    return [torch.nn.Identity()] * depth\n",
        "train.py": f"# Trains a small model.\nclass Config:\n    seed = 1337\n    {line}\n".encode(),
    }
    entries = [
        TreeEntry(path=path, mode="100644", size=len(data), sha256=ledger.snapshots.put(data))
        for path, data in files.items()
    ]
    return ledger.snapshots.put(Tree(entries).manifest)


def said(ledger: LocalLedger, text: str) -> None:
    by_hand = LocalLedger(
        ledger.database, ledger.store, organization=ledger.organization, actor=Actor(kind="human", name="ada")
    )
    by_hand.memory.add_note(NoteRequest.make(id=new_id(), project=PROJECT, text=text))


def bare(ledger: LocalLedger) -> None:
    """A project without a goal, and one with a goal and nothing tried."""
    ledger.research.make_project(ProjectRequest.make(project="no-goal"))
    ledger.research.set_goal("nothing-tried", GoalRequest.make(metric="accuracy", direction="max"))


def _claimed(ledger: LocalLedger, campaign: Campaign, worker: str, idea: str) -> Trial:
    return ledger.campaigns.claim(
        TrialRequest.make(id=new_id(), campaign_id=campaign.id, worker=worker, idea=idea)
    )


def _moved(ledger: LocalLedger, trial: Trial, step: Step, **values: Any) -> None:
    ledger.campaigns.update(TrialUpdate.make(id=new_id(), trial_id=trial.id, step=step, **values))
