from __future__ import annotations

import pytest

from autoresearch.errors import Invalid, NotFound
from autoresearch.ledger.base import Ledger
from autoresearch.records.experiment import NoteRequest
from autoresearch.records.ids import new_id
from tests.contract_helpers import PROJECT, decide, experiment, goal, kept, session

PATCH = """diff --git a/train.py b/train.py
--- a/train.py
+++ b/train.py
@@ -3,3 +3,3 @@ import numpy
 DEPTH = 4
-LR = {before}
+LR = {after}
 SEED = 0
"""


def patch(before: str, after: str) -> str:
    return PATCH.format(before=before, after=after)


def remark(ledger: Ledger, text: str, about: str | None = None) -> None:
    request = NoteRequest.make(id=new_id(), project=PROJECT, text=text, experiment_id=about)
    ledger.memory.add_note(request)


def test_search_finds_words_of_notes_and_diffs(ledger: Ledger) -> None:
    opened = session(ledger).id
    warm = experiment(ledger, opened, note="lr too hot early; added a warmup of 200 steps")
    knob = experiment(ledger, opened, note="smaller steps", change=patch("0.04", "0.02"), files=("train.py",))
    assert [m.experiment_id for m in ledger.memory.search(PROJECT, "warmup steps")] == [warm.id]
    assert [m.experiment_id for m in ledger.memory.search(PROJECT, "LR 0.02")] == [knob.id]
    assert [m.experiment_id for m in ledger.memory.search(PROJECT, "train.py")] == [knob.id]
    assert ledger.memory.search(PROJECT, "DEPTH") == (), "what stands around a change was not changed"
    assert {m.number for m in ledger.memory.search(PROJECT, "warm hamster steps")} == {1, 2}
    assert ledger.memory.search(PROJECT, "hamster") == ()


@pytest.mark.parametrize(
    "text", ['"', "AND", "NEAR(a b)", "a* OR (", "note:x", "^", "", "   ", "-", "{}", "'; --"]
)
def test_search_takes_any_text_as_words(ledger: Ledger, text: str) -> None:
    experiment(ledger, session(ledger).id, note="a b x")
    assert isinstance(ledger.memory.search(PROJECT, text), tuple)
    assert isinstance(ledger.memory.tried(PROJECT, text), tuple)


def test_the_same_change_is_recognized_whatever_its_white_space(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    made = experiment(ledger, opened, change=patch("0.04", "0.06"))
    decide(ledger, made.id, "drop", 3.0, reason="diverged")
    match, *_ = ledger.memory.tried(PROJECT, patch(" 0.04", "  0.06"))
    assert (match.experiment_id, match.likeness, match.state) == (made.id, 1.0, "dropped")
    assert match.reason == "diverged"


def test_a_note_and_a_patch_that_set_the_same_knob_are_alike(ledger: Ledger) -> None:
    opened = session(ledger).id
    far = experiment(ledger, opened, change=patch("0.04", "0.5"))
    near = experiment(ledger, opened, change=patch("0.04", "0.06"))
    experiment(ledger, opened, note="swap relu for gelu")
    found = ledger.memory.tried(PROJECT, "LR 0.04 -> 0.06")
    assert [m.experiment_id for m in found[:2]] == [near.id, far.id]
    assert found[0].likeness > found[1].likeness


def test_what_failed_is_grouped_by_what_was_edited(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    kept(ledger, opened, [3.0])
    for after, status, score in (("0.06", "drop", 3.2), ("0.08", "crash", None), ("0.02", "drop", 3.1)):
        decide(ledger, experiment(ledger, opened, change=patch("0.04", after)).id, status, score)
    facts = ledger.memory.facts(PROJECT)
    (group,) = facts.tried
    assert (group.subject, group.attempts, group.dropped, group.crashed) == ("train.py:LR", 3, 2, 1)
    assert [v.value for v in group.values] == ["0.06", "0.08", "0.02"]
    assert group.best_gain == pytest.approx(-0.1)
    assert (facts.counts.kept, facts.counts.dropped, facts.counts.crashed) == (1, 2, 1)


def test_a_superseded_verdict_changes_its_group(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    kept(ledger, opened, [3.0])
    made = experiment(ledger, opened, change=patch("0.04", "0.06"))
    decide(ledger, made.id, "drop", 3.2)
    decide(ledger, made.id, "keep", 2.0)
    facts = ledger.memory.facts(PROJECT)
    assert facts.tried == ()
    assert facts.totals.tried == 0
    assert facts.incumbent is not None
    assert facts.incumbent.edits == ("train.py:LR 0.04 -> 0.06",)
    assert (facts.counts.kept, facts.counts.dropped) == (2, 0)


def test_the_best_gain_of_a_group_falls_back_when_it_is_judged_again(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    kept(ledger, opened, [3.0])
    near, far = (experiment(ledger, opened, change=patch("0.04", after)) for after in ("0.05", "0.5"))
    decide(ledger, near.id, "drop", 3.125)
    decide(ledger, far.id, "drop", 4.0)
    assert ledger.memory.facts(PROJECT).tried[0].best_gain == -0.125
    decide(ledger, near.id, "drop", 3.5)
    assert ledger.memory.facts(PROJECT).tried[0].best_gain == -0.5
    decide(ledger, near.id, "crash")
    assert ledger.memory.facts(PROJECT).tried[0].best_gain == -1.0


def test_facts_carry_the_goal_the_best_and_what_is_left(ledger: Ledger) -> None:
    from autoresearch.records.goal import Budget

    goal(ledger, target=1.0, budget=Budget.make(max_experiments=10, max_seconds=100), protected=("eval.py",))
    opened = session(ledger).id
    first = experiment(ledger, opened)
    decide(ledger, first.id, "keep", samples=[3.0, 3.2], seconds=30)
    decide(ledger, experiment(ledger, opened).id, "crash", log_tail="Traceback\nValueError: nan", seconds=5)
    experiment(ledger, opened, note="waiting")
    facts = ledger.memory.facts(PROJECT, limit=2)
    assert facts.goal is not None
    assert (facts.goal.metric, facts.goal.target, facts.goal.protected) == ("val_bpb", 1.0, ("eval.py",))
    assert facts.incumbent is not None
    assert (facts.incumbent.number, facts.incumbent.score, facts.incumbent.n) == (1, 3.1, 2)
    assert facts.incumbent.age == 2
    assert facts.noise is not None
    assert (facts.left.experiments, facts.left.seconds) == (7, 65)
    assert [a.number for a in facts.recent] == [2, 3]
    assert facts.totals.recent == 3
    assert facts.crashes[0].log_tail.endswith("ValueError: nan")
    assert facts.counts.waiting == 1


def test_remarks_are_kept_in_order_with_their_author(ledger: Ledger) -> None:
    made = experiment(ledger, session(ledger).id)
    remark(ledger, "try a smaller model")
    remark(ledger, "this one looks odd", made.id)
    notes = ledger.memory.notes(PROJECT).items
    assert [(n.text, n.experiment_number, n.actor.name) for n in notes] == [
        ("try a smaller model", None, "ada"),
        ("this one looks odd", 1, "ada"),
    ]
    assert [r.number for r in ledger.memory.facts(PROJECT).remarks] == [None, 1]
    with pytest.raises(NotFound):
        remark(ledger, "about nothing", new_id())
    with pytest.raises(Invalid, match="empty"):
        remark(ledger, "  ")


def test_a_long_frontier_hands_over_its_beginning_and_its_end(ledger: Ledger) -> None:
    goal(ledger)
    kept(ledger, session(ledger).id, [100.0 - n for n in range(60)])
    facts = ledger.memory.facts(PROJECT)
    assert [s.number for s in facts.frontier] == [*range(1, 11), *range(21, 61)]
    assert facts.totals.frontier == 60
