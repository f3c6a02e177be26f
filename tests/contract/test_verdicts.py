from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.base import Ledger
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Actor, DecisionRequest
from autoresearch.records.goal import Constraint
from autoresearch.records.ids import new_id
from tests.contract_helpers import (
    PROJECT,
    decide,
    experiment,
    experiment_request,
    goal,
    kept,
    session,
    staircase,
)


def test_the_frontier_is_the_staircase_of_running_bests(ledger: Ledger) -> None:
    goal(ledger)
    kept(ledger, session(ledger).id, [3.0, 3.5, 2.5, 2.7, 2.0])
    frontier = ledger.research.frontier(PROJECT)
    assert [step.score for step in frontier.steps] == [3.0, 2.5, 2.0]
    assert [step.gain for step in frontier.steps] == [None, 0.5, 0.5]
    assert (frontier.baseline and frontier.baseline.number, frontier.best and frontier.best.number) == (1, 5)


def test_higher_is_better_when_the_goal_says_so(ledger: Ledger) -> None:
    goal(ledger, metric="accuracy", direction="max", target=0.9)
    kept(ledger, session(ledger).id, [0.5, 0.4, 0.95])
    assert staircase(ledger) == [0.5, 0.95]
    assert ledger.research.frontier(PROJECT).reached


def test_a_tie_does_not_advance_the_frontier(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    kept(ledger, opened, [2.0])
    tie = decide(ledger, experiment(ledger, opened).id, "keep", 2.0)
    assert not tie.advanced
    assert "a tie does not advance" in tie.standing
    assert staircase(ledger) == [2.0]


def test_a_gain_below_the_least_gain_does_not_advance(ledger: Ledger) -> None:
    goal(ledger, min_delta=0.1)
    opened = session(ledger).id
    kept(ledger, opened, [2.0])
    small = decide(ledger, experiment(ledger, opened).id, "keep", 1.95)
    assert not small.advanced
    assert "0.1" in small.standing
    assert decide(ledger, experiment(ledger, opened).id, "keep", 1.875).advanced


def test_a_gain_of_exactly_the_least_gain_advances(ledger: Ledger) -> None:
    goal(ledger, min_delta=0.125)
    kept(ledger, session(ledger).id, [2.0, 1.875])
    assert staircase(ledger) == [2.0, 1.875]


def test_a_metric_exactly_at_its_bound_holds_the_constraint(ledger: Ledger) -> None:
    bounds = (
        Constraint.make(metric="memory_gb", op="<=", bound=24),
        Constraint.make(metric="accuracy", op=">=", bound=0.5),
    )
    goal(ledger, constraints=bounds)
    made = experiment(ledger, session(ledger).id)
    assert decide(ledger, made.id, "keep", 2.0, metrics={"memory_gb": 24, "accuracy": 0.5}).violations == ()


def test_a_change_to_a_protected_path_is_not_on_the_frontier(ledger: Ledger) -> None:
    goal(ledger, protected=("evaluate.py", "data/"))
    opened = session(ledger).id
    fair = experiment(ledger, opened, files=("train.py", "notes/evaluate.md"))
    assert decide(ledger, fair.id, "keep", 3.0).advanced
    for files in (("train.py", "evaluate.py"), ("data/val/text.bin",)):
        graded = decide(ledger, experiment(ledger, opened, files=files).id, "keep", 0.0)
        assert graded.violations == (f"{files[-1]} was changed, and it is protected",)
    assert staircase(ledger) == [3.0]
    goal(ledger)
    assert staircase(ledger) == [3.0, 0.0]


@pytest.mark.parametrize("word", ["drop", "discard", "revert", "reject", "DROP", " Discard "])
def test_every_spelling_of_drop_is_a_drop(ledger: Ledger, word: str) -> None:
    goal(ledger)
    made = experiment(ledger, session(ledger).id)
    assert decide(ledger, made.id, word, 1.0).status == "drop"
    assert ledger.research.experiment(made.id).state == "dropped"
    assert staircase(ledger) == []


@pytest.mark.parametrize("score", [None, math.nan, math.inf, -math.inf, "2.0", True, 2**60])
def test_a_keep_needs_a_finite_score(score: object) -> None:
    with pytest.raises(Invalid, match="score"):
        DecisionRequest.make(id=new_id(), experiment_id=new_id(), status="keep", score=score)


@pytest.mark.parametrize("score", [0.0, math.nan, -1.0, None])
def test_a_crash_has_no_score_whatever_number_comes_with_it(ledger: Ledger, score: float | None) -> None:
    goal(ledger)
    opened = session(ledger).id
    kept(ledger, opened, [2.0])
    made = experiment(ledger, opened)
    crash = decide(ledger, made.id, "crash", score)
    assert (crash.score, crash.advanced) == (None, False)
    assert ledger.research.experiment(made.id).score is None
    assert staircase(ledger) == [2.0]


def test_an_unknown_verdict_names_the_known_ones(ledger: Ledger) -> None:
    with pytest.raises(Invalid, match="'maybe' is not a verdict") as caught:
        decide(ledger, new_id(), "maybe", 1.0)
    assert "keep, drop" in caught.value.hint


def test_a_verdict_without_an_experiment_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="no experiment"):
        decide(ledger, new_id(), "drop")


def test_a_score_of_another_metric_is_refused(ledger: Ledger) -> None:
    goal(ledger)
    made = experiment(ledger, session(ledger).id)
    with pytest.raises(Invalid, match="'loss'"):
        decide(ledger, made.id, "keep", 1.0, metric="loss")
    assert ledger.research.experiment(made.id).state == "recorded"


def test_a_broken_constraint_keeps_an_experiment_off_the_frontier_and_says_so(ledger: Ledger) -> None:
    goal(ledger, constraints=(Constraint.make(metric="memory_gb", op="<=", bound=24),))
    opened = session(ledger).id
    fine = decide(ledger, experiment(ledger, opened).id, "keep", 3.0, metrics={"memory_gb": 20})
    large = decide(ledger, experiment(ledger, opened).id, "keep", 2.0, metrics={"memory_gb": 30})
    unmeasured = decide(ledger, experiment(ledger, opened).id, "keep", 2.0)
    diverged = decide(ledger, experiment(ledger, opened).id, "keep", 2.0, metrics={"memory_gb": math.nan})
    assert fine.advanced
    assert large.violations == ("memory_gb is 30, and memory_gb <= 24 is required",)
    assert "Not on the frontier" in large.standing
    assert "not measured" in unmeasured.violations[0]
    assert diverged.metrics == {"memory_gb": None}
    assert staircase(ledger) == [3.0]


def test_a_later_verdict_supersedes_and_the_history_stays(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    first, lucky, later = kept(ledger, opened, [3.0, 1.0, 2.0])
    assert staircase(ledger) == [3.0, 1.0]
    decide(ledger, lucky.id, "drop", 3.2, reason="did not hold on another seed")
    assert staircase(ledger) == [3.0, 2.0]
    history = ledger.research.decisions(lucky.id)
    assert [(d.status, d.score, d.superseded) for d in history] == [
        ("keep", 1.0, True),
        ("drop", 3.2, False),
    ]
    assert ledger.research.experiment(later.id).on_frontier
    assert not ledger.research.experiment(lucky.id).on_frontier
    assert ledger.research.experiment(first.id).on_frontier


def test_a_new_score_keeps_its_place_in_the_order_of_first_verdicts(ledger: Ledger) -> None:
    goal(ledger)
    first, *_ = kept(ledger, session(ledger).id, [3.0, 2.0])
    decide(ledger, first.id, "keep", 1.5)
    assert staircase(ledger) == [1.5]
    decide(ledger, first.id, "keep", 2.5)
    assert staircase(ledger) == [2.5, 2.0]


def test_parallel_experiments_advance_in_the_order_in_which_they_were_judged(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    a, b = experiment(ledger, opened), experiment(ledger, opened)
    assert decide(ledger, b.id, "keep", 2.0).advanced
    assert not decide(ledger, a.id, "keep", 2.5).advanced
    assert [step.number for step in ledger.research.frontier(PROJECT).steps] == [b.number]


def test_a_crash_may_be_judged_again_when_it_was_measured_after_all(ledger: Ledger) -> None:
    goal(ledger)
    made = experiment(ledger, session(ledger).id)
    decide(ledger, made.id, "crash", log_tail="Traceback")
    assert decide(ledger, made.id, "keep", 2.0).advanced
    assert staircase(ledger) == [2.0]


def test_an_agent_may_not_overturn_the_verdict_of_a_person(tmp_path: Path) -> None:
    with LocalLedger.open(tmp_path, actor=Actor(kind="human", name="ada")) as person:
        goal(person)
        made = experiment(person, session(person).id)
        decide(person, made.id, "drop", 2.0)
    with LocalLedger.open(tmp_path, actor=Actor(kind="agent", name="codex")) as agent:
        with pytest.raises(Conflict, match=re.escape("codex (agent) may not overturn")):
            decide(agent, made.id, "keep", 1.0)
        other = experiment(agent, made.session_id)
        assert decide(agent, other.id, "keep", 1.0).advanced
    with LocalLedger.open(tmp_path, actor=Actor(kind="human", name="ada")) as person:
        assert decide(person, other.id, "drop").status == "drop"
        assert decide(person, made.id, "keep", 1.5).advanced


def test_repeated_measurements_give_the_score_and_the_noise(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    base = decide(ledger, experiment(ledger, opened).id, "keep", samples=[2.0, 2.2, 2.4])
    assert base.score == pytest.approx(2.2)
    noise = ledger.research.frontier(PROJECT).noise
    assert noise is not None
    assert noise.sd == pytest.approx(0.2)
    assert (noise.n, noise.source) == (3, "repeats")
    close = decide(ledger, experiment(ledger, opened).id, "keep", 2.1)
    assert close.within_noise
    assert "within the noise" in close.standing
    far = decide(ledger, experiment(ledger, opened).id, "keep", 1.0)
    assert not far.within_noise


def test_the_same_code_measured_by_several_experiments_is_pooled(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    twins = [experiment(ledger, opened, repro_key="a" * 64) for _ in range(2)]
    decide(ledger, twins[0].id, "keep", 1.0)
    assert ledger.research.frontier(PROJECT).noise is None
    decide(ledger, twins[1].id, "drop", 3.0)
    noise = ledger.research.frontier(PROJECT).noise
    assert noise is not None
    assert noise.sd == pytest.approx(math.sqrt(2))
    assert noise.n == 2
    decide(ledger, twins[1].id, "crash")
    assert ledger.research.frontier(PROJECT).noise is None


def test_known_noise_is_taken_as_given(ledger: Ledger) -> None:
    goal(ledger, noise=0.5)
    kept(ledger, session(ledger).id, [3.0, 2.0])
    frontier = ledger.research.frontier(PROJECT)
    assert frontier.noise is not None
    assert frontier.noise.source == "goal"
    assert frontier.steps[1].sigmas == pytest.approx(2.0)


def test_the_same_request_again_answers_the_same(ledger: Ledger) -> None:
    goal(ledger)
    request = experiment_request(session(ledger).id, id=new_id())
    first = ledger.research.record(request)
    assert ledger.research.record(request) == first
    verdict = new_id()
    given = decide(ledger, first.id, "keep", 2.0, id=verdict)
    assert decide(ledger, first.id, "keep", 2.0, id=verdict) == given
    assert ledger.research.project(PROJECT).experiments == 1
    assert len(ledger.research.decisions(first.id)) == 1


def test_the_same_id_with_other_content_is_a_conflict(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    made = experiment(ledger, opened, id=(taken := new_id()), note="one")
    with pytest.raises(Conflict, match="taken"):
        experiment(ledger, opened, id=taken, note="two")
    decide(ledger, made.id, "keep", 2.0, id=(verdict := new_id()))
    with pytest.raises(Conflict, match="taken"):
        decide(ledger, made.id, "keep", 2.1, id=verdict)


def test_negative_zero_is_zero(ledger: Ledger) -> None:
    goal(ledger)
    made = experiment(ledger, session(ledger).id)
    score = decide(ledger, made.id, "keep", -0.0).score
    assert score == 0.0
    assert math.copysign(1, score) == 1


def test_experiments_are_found_by_number_word_and_part_of_the_id(ledger: Ledger) -> None:
    goal(ledger)
    made = kept(ledger, session(ledger).id, [2.0, 1.0, 3.0])
    find = ledger.research.find
    assert find(PROJECT, "2").id == find(PROJECT, "#2").id == made[1].id
    assert find(PROJECT, "best").id == made[1].id
    assert find(PROJECT, "last").id == made[2].id
    assert find(PROJECT, made[0].id).id == made[0].id
    assert find(PROJECT, made[0].id[-12:]).id == made[0].id
    with pytest.raises(NotFound, match="fits '99'"):
        find(PROJECT, "99")
    with pytest.raises(Conflict, match="several"):
        find(PROJECT, made[0].id[:4])  # the time to within weeks: more of it may change between two of them


def test_a_new_experiment_descends_from_the_incumbent(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    best, *_ = kept(ledger, opened, [2.0, 3.0])
    assert experiment(ledger, opened).parent_id == best.id
    with pytest.raises(NotFound, match="no experiment"):
        experiment(ledger, opened, parent_id=new_id())


def test_the_frontier_of_a_session_counts_its_own_experiments_only(ledger: Ledger) -> None:
    goal(ledger)
    one, two = session(ledger, "one"), session(ledger, "two")
    kept(ledger, one.id, [2.0])
    kept(ledger, two.id, [3.0, 2.5])
    assert staircase(ledger, session_id=two.id) == [3.0, 2.5]
    progress = ledger.research.progress(PROJECT, session_id=two.id)
    assert [(a.number, a.best) for a in progress.attempts] == [(2, 3.0), (3, 2.5)]


def test_progress_shows_every_attempt_and_the_running_best(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    kept(ledger, opened, [3.0])
    decide(ledger, experiment(ledger, opened).id, "crash")
    decide(ledger, experiment(ledger, opened).id, "drop", 3.5)
    kept(ledger, opened, [2.0])
    experiment(ledger, opened)
    progress = ledger.research.progress(PROJECT)
    assert [(a.state, a.score, a.best) for a in progress.attempts] == [
        ("kept", 3.0, 3.0),
        ("crashed", None, 3.0),
        ("dropped", 3.5, 3.0),
        ("kept", 2.0, 2.0),
        ("recorded", None, 2.0),
    ]


def test_every_change_appends_an_event_with_before_and_after(ledger: Ledger) -> None:
    goal(ledger)
    made = kept(ledger, session(ledger).id, [3.0, 2.0])
    decide(ledger, made[1].id, "drop", 3.1)
    events = ledger.memory.events(project=PROJECT).items
    assert [e.seq for e in events] == sorted({e.seq for e in events})
    kinds = [e.kind for e in events]
    assert kinds.count("experiment.recorded") == 2
    assert kinds.count("decision.made") == 3
    assert kinds.count("frontier.moved") == 3
    last = [e for e in events if e.kind == "frontier.moved"][-1]
    assert (last.before or {})["score"] == 2.0
    assert (last.after or {})["score"] == 3.0
    assert last.actor.kind == "system"
    judged = [e for e in events if e.kind == "decision.made"][-1]
    assert (judged.before or {})["state"] == "kept"
    assert judged.actor.name == "ada"


def test_a_batch_is_recorded_whole_or_not_at_all(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    batch = []
    for score in (3.0, 2.0):
        request = experiment_request(opened)
        verdict = DecisionRequest.make(
            id=new_id(), experiment_id=request.id, status="keep", score=score, metric="val_bpb"
        )
        batch.append((request, verdict))
    wrong = DecisionRequest.make(
        id=new_id(), experiment_id=batch[1][0].id, status="keep", score=1.0, metric="other"
    )
    with pytest.raises(Invalid, match="other"):
        ledger.research.record_judged([batch[0], (batch[1][0], wrong)])
    assert ledger.research.experiments(PROJECT).items == ()
    assert ledger.research.record_judged(batch) == 2
    assert ledger.research.record_judged(batch) == 0
    assert staircase(ledger) == [3.0, 2.0]
