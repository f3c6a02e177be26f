from __future__ import annotations

import pytest

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.base import Ledger
from autoresearch.records.experiment import SessionRequest
from autoresearch.records.goal import Constraint, Goal, GoalRequest, SegmentRequest
from autoresearch.records.ids import new_id
from tests.contract_helpers import PROJECT, decide, experiment, goal, kept, session, staircase


def test_a_goal_makes_its_project(ledger: Ledger) -> None:
    made = goal(ledger, target=2.4)
    assert (made.segment, made.revision, made.target) == (1, 1, 2.4)
    assert ledger.research.project(PROJECT).goal == made


def test_setting_the_same_goal_again_changes_nothing(ledger: Ledger) -> None:
    first = goal(ledger, target=2.4)
    again = goal(ledger, target=2.4)
    assert again == first
    assert [e.kind for e in ledger.memory.events(project=PROJECT).items].count("goal.set") == 1


def test_a_new_target_keeps_the_segment(ledger: Ledger) -> None:
    goal(ledger)
    kept(ledger, session(ledger).id, [3.0, 2.5])
    changed = goal(ledger, target=1.0)
    assert (changed.segment, changed.revision) == (1, 2)
    assert staircase(ledger) == [3.0, 2.5]


def test_another_metric_opens_a_segment_and_nothing_is_compared_across_it(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    kept(ledger, opened, [3.0, 2.5])
    assert goal(ledger, metric="accuracy", direction="max").segment == 2
    assert staircase(ledger) == []
    kept(ledger, opened, [0.1])
    assert staircase(ledger) == [0.1]
    assert staircase(ledger, segment=1) == [3.0, 2.5]


def test_another_direction_opens_a_segment(ledger: Ledger) -> None:
    goal(ledger)
    assert goal(ledger, direction="max").segment == 2


def new_segment(ledger: Ledger, reason: str) -> Goal:
    return ledger.research.open_segment(SegmentRequest.make(project=PROJECT, reason=reason))


def test_a_segment_may_be_opened_under_the_same_goal(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        new_segment(ledger, "too early")
    opened = session(ledger).id
    with pytest.raises(Conflict, match="no goal"):
        new_segment(ledger, "still too early")
    goal(ledger)
    kept(ledger, opened, [2.0])
    assert new_segment(ledger, "the evaluator was mended").segment == 2
    kept(ledger, opened, [5.0])
    late = experiment(ledger, opened, segment=1)
    decide(ledger, late.id, "keep", 1.0)
    assert staircase(ledger) == [5.0]
    assert staircase(ledger, segment=1) == [2.0, 1.0]
    assert ledger.memory.facts(PROJECT).segment.reason == "the evaluator was mended"
    with pytest.raises(NotFound, match="no segment 3"):
        experiment(ledger, opened, segment=3)
    with pytest.raises(Invalid, match="reason"):
        new_segment(ledger, "")


def test_segments_are_listed_with_their_goals_and_sums(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        ledger.research.segments(PROJECT)
    opened = session(ledger).id
    assert [(one.number, one.goal) for one in ledger.research.segments(PROJECT)] == [(1, None)]
    goal(ledger)
    kept(ledger, opened, [2.0])
    decide(ledger, experiment(ledger, opened).id, "crash", seconds=1.5)
    decide(ledger, experiment(ledger, opened).id, "drop", 3.0, seconds=60.0)
    experiment(ledger, opened)
    goal(ledger, "accuracy", "max")
    first, second = ledger.research.segments(PROJECT)
    assert (first.number, first.recorded, first.kept, first.dropped, first.crashed) == (1, 4, 1, 1, 1)
    assert (first.seconds, first.reason) == (61.5, "")
    assert (second.number, second.recorded, second.seconds) == (2, 0, 0.0)
    assert [one.goal and one.goal.metric for one in (first, second)] == ["val_bpb", "accuracy"]
    assert "val_bpb (min) to accuracy (max)" in second.reason


def test_a_session_may_be_opened_beside_the_active_one(ledger: Ledger) -> None:
    active = session(ledger)
    aside = SessionRequest.make(id=new_id(), project=PROJECT, tag="aside", activate=False)
    ledger.research.open_session(aside)
    ledger.research.move_session(aside.id, "close")
    ledger.research.move_session(aside.id, "reopen", activate=False)
    assert ledger.research.project(PROJECT).active_session == active.id


def test_an_experiment_is_judged_by_the_goal_of_its_own_segment(ledger: Ledger) -> None:
    goal(ledger)
    waiting = experiment(ledger, session(ledger).id)
    goal(ledger, metric="accuracy", direction="max")
    with pytest.raises(Invalid, match="judged by 'val_bpb'"):
        decide(ledger, waiting.id, "keep", 0.5, metric="accuracy")
    assert decide(ledger, waiting.id, "keep", 2.0, metric="val_bpb").segment == 1
    assert staircase(ledger) == []


def test_experiments_recorded_before_there_is_a_goal_belong_to_the_first_segment(ledger: Ledger) -> None:
    made = experiment(ledger, session(ledger).id)
    with pytest.raises(Conflict, match="no goal"):
        decide(ledger, made.id, "keep", 1.0)
    goal(ledger)
    assert decide(ledger, made.id, "keep", 1.0).advanced


def test_changed_constraints_recompute_the_frontier(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    for score, memory in ((3.0, 10), (2.5, 30), (2.0, 12)):
        decide(ledger, experiment(ledger, opened).id, "keep", score, metrics={"memory_gb": memory})
    bound = Constraint.make(metric="memory_gb", op="<=", bound=24)
    goal(ledger, constraints=(bound,))
    assert staircase(ledger) == [3.0, 2.0]
    goal(ledger)
    assert staircase(ledger) == [3.0, 2.5, 2.0]


def test_a_changed_least_gain_recomputes_the_frontier(ledger: Ledger) -> None:
    goal(ledger)
    kept(ledger, session(ledger).id, [3.0, 2.95, 2.5])
    goal(ledger, min_delta=0.1)
    assert staircase(ledger) == [3.0, 2.5]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"direction": "min"}, "metric is missing"),
        ({"metric": "", "direction": "min"}, "metric was ''"),
        ({"metric": "a", "direction": "down"}, "direction"),
        ({"metric": "a", "direction": "min", "target": float("nan")}, "target was nan"),
        ({"metric": "a", "direction": "min", "min_delta": -1}, "min_delta"),
        ({"metric": "a\0b", "direction": "min"}, "metric"),
        ({"metric": "a", "direction": "min", "goal": 3}, "goal"),
    ],
)
def test_a_bad_goal_is_one_clear_error(values: dict[str, object], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        GoalRequest.make(**values)


def test_a_constraint_on_the_objective_itself_is_refused() -> None:
    bound = Constraint.make(metric="val_bpb", op="<=", bound=2)
    with pytest.raises(Invalid, match="secondary"):
        GoalRequest.make(metric="val_bpb", direction="min", constraints=(bound,))


def test_opening_a_session_makes_it_the_active_one(ledger: Ledger) -> None:
    first, second = session(ledger, "one"), session(ledger, "two")
    assert (first.number, second.number) == (1, 2)
    assert ledger.research.project(PROJECT).active_session == second.id
    assert [s.tag for s in ledger.research.sessions(PROJECT).items] == ["one", "two"]


def test_a_closed_session_takes_no_experiments_until_it_is_reopened(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger)
    earlier = experiment(ledger, opened.id)
    assert ledger.research.move_session(opened.id, "close").state == "closed"
    assert ledger.research.project(PROJECT).active_session is None
    with pytest.raises(Conflict, match="closed"):
        experiment(ledger, opened.id)
    assert decide(ledger, earlier.id, "keep", 1.0).advanced
    ledger.research.move_session(opened.id, "reopen")
    assert experiment(ledger, opened.id).number == 2


@pytest.mark.parametrize("move", ["close", "reopen"])
def test_a_move_that_changes_nothing_is_a_conflict(ledger: Ledger, move: str) -> None:
    opened = session(ledger)
    if move == "close":
        ledger.research.move_session(opened.id, "close")
    with pytest.raises(Conflict, match=f"cannot {move}"):
        ledger.research.move_session(opened.id, move)  # type: ignore[arg-type]


def test_unknown_names_are_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="no project 'nothing'"):
        ledger.research.project("nothing")
    with pytest.raises(NotFound, match="no session"):
        ledger.research.session(new_id())
    with pytest.raises(NotFound, match="no experiment"):
        ledger.research.experiment(new_id())
    with pytest.raises(NotFound, match="no session"):
        experiment(ledger, new_id())


def test_lists_are_pages_with_a_cursor(ledger: Ledger) -> None:
    opened = session(ledger).id
    made = [experiment(ledger, opened).id for _ in range(5)]
    page = ledger.research.experiments(PROJECT, limit=2)
    assert [e.id for e in page.items] == made[:2]
    rest = ledger.research.experiments(PROJECT, limit=10, cursor=page.next_cursor)
    assert [e.id for e in rest.items] == made[2:]
    assert rest.next_cursor is None
    newest = ledger.research.experiments(PROJECT, limit=3, newest_first=True)
    assert [e.id for e in newest.items] == made[:1:-1]
    with pytest.raises(Invalid, match="not a cursor"):
        ledger.research.experiments(PROJECT, cursor="'; drop table")
    with pytest.raises(Invalid, match="limit"):
        ledger.research.experiments(PROJECT, limit=0)


def test_a_goal_makes_no_project_of_a_name_that_is_none(ledger: Ledger) -> None:
    for name in ("a\x85b", "a:b", " a"):
        with pytest.raises(Invalid):
            ledger.research.set_goal(name, GoalRequest.make(metric="loss", direction="min"))
    assert ledger.research.projects().items == ()
