"""Where a search stands still, and what is asked for then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from autoresearch.briefs.facts import AttemptFacts, Facts, GoalFacts, NoiseFacts, StepFacts, Totals
from autoresearch.errors import Invalid
from autoresearch.exchange.reading import read_log
from autoresearch.loop.plateau import Instruction, instruct
from tests import replay

STATES: dict[str, Any] = {"keep": "kept", "drop": "dropped", "crash": "crashed"}


def facts(
    rows: Sequence[tuple[str, float | None, str]], *, noise: float = 0.0, min_delta: float = 0.0
) -> Facts:
    """A project from (verdict, gain, note) of each experiment; the first keep is the baseline."""
    steps, recent = list[StepFacts](), list[AttemptFacts]()
    for number, (verdict, given, note) in enumerate(rows, 1):
        step = verdict == "keep" and (not steps or (given or 0.0) > 0)
        gain = given if steps else None
        if step:
            steps.append(StepFacts(number=number, score=0.0, gain=gain))
        recent.append(
            AttemptFacts(number=number, state=STATES[verdict], gain=gain, on_frontier=step, note=note)
        )
    return Facts(
        project="p",
        goal=GoalFacts(metric="loss", direction="min", min_delta=min_delta),
        noise=NoiseFacts(sd=noise, n=3, source="repeats") if noise else None,
        frontier=tuple(steps if len(steps) <= 50 else steps[:10] + steps[-40:]),
        recent=tuple(recent[-50:]),
        totals=Totals(frontier=len(steps)),
    )


BASE = ("keep", None, "baseline")
LOSS = ("drop", -1.0, "")


def test_a_search_that_moves_is_left_alone() -> None:
    assert instruct(facts([])) == Instruction("steady")
    assert instruct(facts([BASE])).mode == "steady"
    assert instruct(facts([BASE, *[LOSS] * 9])) == Instruction("steady", since=9)
    assert instruct(facts([BASE, *[LOSS] * 9, ("keep", 0.5, "")])).since == 0


def test_ten_experiments_without_a_gain_ask_for_something_bolder() -> None:
    said = instruct(facts([BASE, *[LOSS] * 10]))
    assert (said.mode, said.since) == ("bolder", 10)
    assert said.reason.startswith("the last 10 experiments gave nothing better; ")


def test_what_came_near_is_combined_best_first() -> None:
    rows = [BASE, *[LOSS] * 8, ("drop", 0.3, "a"), ("drop", -0.1, "b"), ("drop", 0.4, "c")]
    said = instruct(facts(rows, noise=0.5))
    assert (said.mode, said.experiments) == ("combine", (12, 10, 11))
    assert said.reason.endswith("these came near: #12 +0.4, #10 +0.3, #11 -0.1")


def test_what_was_kept_is_in_the_best_already_and_came_not_near() -> None:
    rows = [BASE, *[LOSS] * 8, ("keep", 0.3, "a"), ("keep", 0.1, "b")]
    said = instruct(facts(rows, noise=0.5))
    assert said.mode == "bolder"
    assert "moved the best by 0.4 in all, no more than the 1 that may be noise" in said.reason


def test_many_small_steps_that_add_up_are_no_plateau() -> None:
    creeping = [BASE, *[("keep", 0.3, "")] * 12]
    assert instruct(facts(creeping, noise=0.5)).since == 3
    assert instruct(facts(creeping, min_delta=9.0)).mode == "bolder"


def test_a_crashed_idea_is_tried_again_until_it_was() -> None:
    crash, wide = ("crash", None, "width 256 -> 512"), ("drop", -1.0, "width 256 -> 384")
    stuck = [BASE, crash, *[LOSS] * 9]
    said = instruct(facts(stuck))
    assert (said.mode, said.experiments) == ("retry", (2,))
    assert instruct(facts([*stuck[:5], wide, *stuck[5:]])).mode == "bolder"
    assert instruct(facts([*stuck[:5], crash, *stuck[5:]])).experiments == (6,)
    assert instruct(facts([*stuck[:5], crash, wide, *stuck[5:]])).mode == "bolder"


def test_three_crashes_in_a_row_are_looked_at_at_once() -> None:
    rows = [BASE, LOSS, *[("crash", None, name) for name in "abc"]]
    assert instruct(facts(rows)) == Instruction("retry", "the last 3 experiments crashed", (5, 4, 3), 4)
    assert instruct(facts(rows[:-1])).mode == "steady"


def test_the_kinds_follow_each_other_until_the_best_moves() -> None:
    kept = [BASE, *[("keep", 9.0, "")] * 3]
    rows = [*kept, ("crash", None, "a"), *[LOSS] * 7, ("drop", 0.3, ""), ("drop", 0.2, "")]
    modes = [instruct(facts([*rows, *[LOSS] * more], noise=0.5)).mode for more in range(20)]
    assert modes == [*["combine"] * 4, *["retry"] * 4, *["bolder"] * 4, *["simplify"] * 4, *["combine"] * 4]
    assert instruct(facts([*rows, ("keep", 9.0, "")], noise=0.5)).mode == "steady"


def test_workers_that_ask_at_the_same_time_are_told_different_things() -> None:
    rows = [BASE, ("crash", None, "a"), *[LOSS] * 9]
    assert [instruct(facts(rows), turn=turn).mode for turn in range(3)] == ["retry", "bolder", "retry"]


def test_experiments_without_a_verdict_do_not_count() -> None:
    known = facts([BASE, *[LOSS] * 9])
    waiting = AttemptFacts(number=11, state="recorded")
    assert instruct(Facts(project="p", frontier=known.frontier, recent=(*known.recent, waiting))).since == 9


@pytest.mark.parametrize("wrong", [{"patience": 0}, {"hold": 0}])
def test_numbers_that_mean_nothing_are_refused(wrong: Any) -> None:
    with pytest.raises(Invalid):
        instruct(facts([BASE]), **wrong)


# --- logs of real agents ------------------------------------------------------------------------------------------


def replayed(file: str, noise: float = 0.0) -> Iterator[Instruction]:
    """The instruction after each experiment of a log, with the best as the log kept it."""
    log = read_log((replay.require() / file).read_bytes())
    sign = 1 if log.direction == "max" else -1
    best: float | None = None
    rows: list[tuple[str, float | None, str]] = []
    for row in log.rows:
        gain = None if row.score is None or best is None else sign * (row.score - best)
        keep = row.verdict == "keep" and row.score is not None and (gain is None or gain > 0)
        rows.append(("keep" if keep else row.verdict if row.verdict != "keep" else "drop", gain, row.note))
        best = row.score if keep else best
        yield instruct(facts(rows, noise=noise))


@pytest.mark.parametrize(
    ("file", "first", "share"),
    [
        # Logs in which gains went on until the end: it never fires.
        ("EthanBobbyTR__mamba-auto-full.tsv", None, 0.0),
        ("Nunchi-trade__auto-researchtrading.tsv", None, 0.0),
        # Agents of the field, with stretches of standing still.
        ("karpathy__autoresearch__H100-mar8.tsv", 32, 0.30),
        ("ewijaya__autoresearch-mol/nlp__run_1__results.tsv", 17, 0.16),
        # Random search on the same task stands still for most of its time.
        ("ewijaya__autoresearch-mol/baselines__random_nas__nlp__run_1__results.tsv", 11, 0.76),
        # 618 experiments after most of what there was to gain.
        ("Fchaubard__zero_order_diffusion__mar17.tsv", 28, 0.68),
    ],
)
def test_it_fires_in_real_logs_where_they_stood_still(file: str, first: int | None, share: float) -> None:
    told = list(replayed(file))
    fired = [number for number, said in enumerate(told, 1) if said.mode != "steady"]
    assert (fired[0] if fired else None) == first
    assert round(len(fired) / len(told), 2) == share


def test_keeps_below_the_noise_count_as_standing_still() -> None:
    """The log's own probe of a seed moved the metric by 0.0007, and most of its keeps gained less."""
    file = "karpathy__autoresearch__H100-mar8.tsv"
    blind = sum(said.mode != "steady" for said in replayed(file))
    aware = [said for said in replayed(file, noise=0.0005) if said.mode != "steady"]
    assert len(aware) > 2 * blind
    assert {said.mode for said in aware} == {"combine", "retry", "bolder", "simplify"}
