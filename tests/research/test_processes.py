from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autoresearch.research import processes
from autoresearch.research.processes import Processes


def began(*writers: str) -> Processes:
    known: Processes = {}
    for at, writer in enumerate(writers):
        processes.join(known, writer, started=float(at), resumes=False)
    return known


def test_a_run_is_running_while_one_of_its_processes_is() -> None:
    known = began("a", "b")
    assert processes.end(known, "a", "finished", 10.0)
    assert processes.state(known) == "running"
    assert processes.end(known, "b", "finished", 11.0)
    assert processes.state(known) == "finished"


@given(st.lists(st.sampled_from(["finished", "killed", "failed", "crashed"]), min_size=1, max_size=6))
def test_an_ended_run_is_what_became_of_its_worst_process(states: list[str]) -> None:
    known = began(*map(str, range(len(states))))
    for writer, state in enumerate(states):
        processes.end(known, str(writer), state, 10.0)
    worst = next(state for state in ("crashed", "failed", "killed", "finished") if state in states)
    assert processes.state(known) == worst


def test_a_process_that_comes_after_all_ended_begins_a_new_generation() -> None:
    known = began("a")
    processes.end(known, "a", "failed", 10.0)
    assert processes.join(known, "b", started=20.0, resumes=True) == "resumed"
    assert list(known) == ["b"]
    processes.end(known, "b", "finished", 30.0)
    assert processes.state(known) == "finished"


def test_a_process_whose_word_comes_late_belongs_to_those_it_ran_beside() -> None:
    known = began("a")
    processes.end(known, "a", "failed", 10.0)
    assert processes.join(known, "b", started=1.0, resumes=False) == "joined"
    processes.end(known, "b", "finished", 9.0)
    assert processes.state(known) == "failed"


def test_a_process_ends_once_and_only_if_it_is_of_the_run() -> None:
    known = began("a")
    assert not processes.end(known, "stranger", "crashed", 1.0)
    assert processes.end(known, "a", "finished", 1.0)
    assert not processes.end(known, "a", "crashed", 2.0)
    assert not processes.vanish(known, "a", 2.0)
    assert processes.state(known) == "finished"
    assert not processes.is_running(known, "a")


def test_a_process_that_died_before_the_run_was_resumed_does_not_count() -> None:
    known = began("a")
    processes.join(known, "b", started=50.0, resumes=True)
    assert processes.vanish(known, "a", 40.0)
    processes.end(known, "b", "finished", 60.0)
    assert processes.state(known) == "finished"


def test_a_silent_process_may_be_heard_again_or_say_how_it_ended() -> None:
    known = began("a", "b")
    processes.fall_silent(known, 10.0)
    assert processes.state(known) == "crashed"
    processes.revive(known)
    assert processes.state(known) == "running"
    assert processes.is_running(known, "a")
    processes.fall_silent(known, 20.0)
    assert processes.end(known, "a", "finished", 30.0)
    assert processes.end(known, "b", "finished", 30.0)
    assert processes.state(known) == "finished"
