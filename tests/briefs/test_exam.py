"""An exam: questions about a long project, answered by looking words up in its brief, at four budgets."""

from __future__ import annotations

import random

import pytest

from autoresearch.briefs import facts as f
from autoresearch.briefs.brief import build

KNOBS = (
    "LR",
    "DEPTH",
    "WARMDOWN",
    "HEAD_DIM",
    "WEIGHT_DECAY",
    "EMBED_LR",
    "SOFTCAP",
    "BETA2",
    "BATCH",
    "ROPE_BASE",
)


def project() -> f.Facts:
    """Ten thousand experiments on ten knobs, as the ledger hands them over."""
    made = random.Random(12)
    steps = tuple(
        f.StepFacts(
            number=1 + 160 * n,
            score=1.0 - 0.002 * n,
            gain=0.002 if n else None,
            note=f"{KNOBS[n % 10]} step {n}",
        )
        for n in range(50)
    )
    tried = tuple(
        f.TriedFacts(
            subject=f"train.py:{knob}",
            attempts=200 + n,
            dropped=190 + n,
            crashed=10,
            values=tuple(
                f.TriedValue(
                    value=f"0.{made.randint(1000, 9999)}", state="dropped", gain=-made.random() / 100
                )
                for _ in range(4)
            ),
            best_gain=-0.0001 * (n + 1),
            last_number=9900 + n,
        )
        for n, knob in enumerate(KNOBS)
    )
    recent = tuple(
        f.AttemptFacts(
            number=9996 + n,
            state="dropped",
            score=0.91 + n / 1000,
            gain=-0.008 - n / 1000,
            reason="worse",
            note=f"BATCH try {n}",
        )
        for n in range(5)
    )
    return f.Facts(
        project="char-lm",
        goal=f.GoalFacts(
            metric="val_bpb",
            direction="min",
            target=0.9,
            constraints=("memory_gb <= 24",),
            protected=("prepare.py",),
            max_experiments=12_000,
        ),
        session="long",
        noise=f.NoiseFacts(sd=0.0012, n=9, source="repeats"),
        baseline=f.BaselineFacts(number=1, score=1.0, n=9),
        incumbent=f.IncumbentFacts(
            number=7841,
            id="x",
            score=0.902,
            note="ROPE_BASE step 49",
            age=2159,
            edits=("train.py:ROPE_BASE 1e4 -> 2e5",),
        ),
        frontier=steps,
        tried=tried,
        remarks=(f.RemarkFacts(author="ann", text="the tokenizer must stay", number=7),),
        recent=recent,
        crashes=(
            f.CrashFacts(
                number=9990, note="BATCH 2**21", reason="exit 1", log_tail="step 1\nCUDA out of memory\n"
            ),
        ),
        counts=f.Counts(kept=300, dropped=9400, crashed=300),
        totals=f.Totals(frontier=90, tried=10, recent=10_000, crashes=300, remarks=1),
        left=f.BudgetLeft(experiments=2000),
    )


def questions(facts: f.Facts) -> list[tuple[str, str, bool]]:
    """Question, the words that answer it, and whether no brief may be without them."""
    asked = [
        ("what is improved", '"val_bpb"', True),
        ("in which direction", "minimize", True),
        ("what is the target", "target 0.9", True),
        ("which experiment is best", "#7841", True),
        ("what is the best score", "#7841 0.902", True),
        ("how far off is the target", "0.002 short of the target", True),
        ("which files are protected", '"prepare.py"', False),
        ("which constraint holds", '"memory_gb <= 24"', False),
        ("what is the noise", "sd 0.0012", False),
        ("is the best beyond noise", "may be luck: repeat it", False),
        ("what made the best", '"train.py:ROPE_BASE 1e4 -> 2e5"', False),
        ("where did it start", "#1 1 baseline", False),
        ("what was the last step worth", "#7841 0.902 +0.002 within noise", False),
        ("how many experiments were there", "10000 experiments", False),
        ("how many crashed", "300 crashed", False),
        ("how many are left", "2000 experiments", False),
        ("what did people say", '"the tokenizer must stay"', False),
        ("what crashed last", '#9990 "BATCH 2**21"', False),
        ("why did it crash", "| CUDA out of memory", False),
        ("what was done last", "#10000 dropped 0.914 -0.012", False),
        ("what was left out", "9995 earlier experiments", False),
        ("how is more asked for", "autoresearch search", False),
    ]
    for attempt in facts.recent:
        asked.append(
            (f"what became of {attempt.number}", f"#{attempt.number} dropped {attempt.score:.6g}", False)
        )
    for group in facts.tried:
        asked.append((f"was {group.subject} tried", f'"{group.subject}" {group.attempts}x', False))
        asked.append((f"what was the last value of {group.subject}", f'"{group.values[-1].value}"', False))
    return asked


@pytest.mark.parametrize(
    ("budget", "floor"), [(120, 0.12), (500, 0.35), (1000, 0.65), (2000, 0.9), (4000, 1.0)]
)
def test_the_brief_answers_its_exam(budget: int, floor: float) -> None:
    facts = project()
    brief = build(facts, budget=budget).markdown
    asked = questions(facts)
    missed = [question for question, answer, _ in asked if answer not in brief]
    assert [question for question, _, always in asked if always and question in missed] == []
    assert 1 - len(missed) / len(asked) >= floor, missed
