"""Any sequence of calls gives what the reference ledger gives."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from autoresearch.errors import NotFound
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.artifact import VersionRequest
from autoresearch.records.experiment import Experiment
from autoresearch.records.goal import Constraint
from autoresearch.records.ids import new_id
from autoresearch.research.keys import repro_key
from tests.contract_helpers import PROJECT, decide, experiment, goal, session, stored_tree
from tests.reference_ledger import ReferenceLedger, Rules

SCORES = st.integers(0, 12).map(lambda n: n / 4)


class LedgerMachine(RuleBasedStateMachine):
    recorded: Bundle[int] = Bundle("recorded")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = LocalLedger.open(Path(self.folder.name))
        self.reference = ReferenceLedger()
        self.made: list[Experiment] = []
        self.promoted = False

    @initialize()
    def begin(self) -> None:
        self.sessions = [session(self.ledger, "one"), session(self.ledger, "two")]
        self.set_goal("val_bpb", "min", 0.0, None)

    @rule(
        metric=st.sampled_from(["val_bpb", "val_bpb", "val_bpb", "accuracy"]),
        direction=st.sampled_from(["min", "min", "max"]),
        least=st.sampled_from([0.0, 0.25, 0.5]),
        bound=st.sampled_from([None, 5.0, 8.0]),
    )
    def set_goal(self, metric: str, direction: str, least: float, bound: float | None) -> None:
        before = self.reference.segment
        self.reference.goal(Rules(metric, direction, least, bound))
        bounds = () if bound is None else (Constraint.make(metric="memory", op="<=", bound=bound),)
        goal(self.ledger, metric, direction, min_delta=least, constraints=bounds)
        if self.reference.segment != before:
            # The winner of an old segment stays until the new one keeps something.
            self.promoted = False

    @rule(target=recorded, where=st.sampled_from([0, 1]), code=st.integers(0, 3))
    def record(self, where: int, code: int) -> int:
        key = repro_key(f"commit {code}", None, {})
        self.made.append(experiment(self.ledger, self.sessions[where].id, repro_key=key))
        return self.reference.record(where, code)

    @rule(
        index=recorded,
        status=st.sampled_from(["keep", "keep", "drop", "crash"]),
        score=SCORES,
        samples=st.lists(SCORES, max_size=3).map(tuple),
        memory=st.sampled_from([None, 4.0, 6.0, 9.0]),
        averaged=st.booleans(),
    )
    def decide(
        self,
        index: int,
        status: str,
        score: float,
        samples: tuple[float, ...],
        memory: float | None,
        *,
        averaged: bool,
    ) -> None:
        given = None if averaged and samples else score
        self.reference.decide(index, status, given, samples, memory)
        metrics = {} if memory is None else {"memory": memory}
        answer = decide(self.ledger, self.made[index].id, status, given, samples=samples, metrics=metrics)
        tried = self.reference.experiments[index]
        assert answer.advanced == (index in self.reference.frontier(tried.segment))

    @rule(index=recorded, content=st.sampled_from("abcd"))
    def log(self, index: int, content: str) -> None:
        self.reference.log(content, index)
        tree = stored_tree(self.ledger, content.encode())
        request: dict[str, Any] = {"artifact": "model", "tree": tree, "size": 1, "files": 1}
        made = self.ledger.artifacts.log(
            VersionRequest.make(id=new_id(), project=PROJECT, produced_by=self.made[index].id, **request)
        )
        assert made.number == self.reference.versions.index(content) + 1

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = LocalLedger.open(Path(self.folder.name))

    @invariant()
    def frontiers_agree(self) -> None:
        for segment in self.reference.goals:
            steps = self.ledger.research.frontier(PROJECT, segment=segment).steps
            expected = self.reference.frontier(segment)
            assert [step.number - 1 for step in steps] == expected
            assert [step.score for step in steps] == [
                self.reference.score(self.reference.experiments[index]) for index in expected
            ]
            for where in (0, 1):
                mine = self.ledger.research.frontier(
                    PROJECT, segment=segment, session_id=self.sessions[where].id
                )
                assert [s.number - 1 for s in mine.steps] == self.reference.frontier(segment, where)

    @invariant()
    def states_counts_and_noise_agree(self) -> None:
        for index, tried in enumerate(self.reference.experiments):
            found = self.ledger.research.experiment(self.made[index].id)
            assert (found.state, found.score) == (self.reference.state(tried), self.reference.score(tried))
            assert found.segment == tried.segment
        facts = self.ledger.memory.facts(PROJECT)
        present = [t for t in self.reference.experiments if t.segment == self.reference.segment]
        states = [self.reference.state(tried) for tried in present]
        counts = facts.counts
        assert counts.kept == states.count("kept")
        assert counts.dropped == states.count("dropped")
        assert counts.crashed == states.count("crashed")
        assert counts.waiting == states.count("recorded")
        noise = self.reference.noise(self.reference.segment)
        assert (facts.noise and facts.noise.sd) == (
            None if noise is None else pytest.approx(noise, rel=1e-9, abs=1e-12)
        )

    @precondition(lambda self: self.reference.versions)
    @invariant()
    def the_winner_agrees(self) -> None:
        expected = self.reference.winner()
        try:
            found: int | None = self.ledger.artifacts.version("model", "winner").number
        except NotFound:
            found = None
        if expected is not None:
            self.promoted = True
        if self.promoted or self.reference.segment == 1:
            assert found == expected

    def teardown(self) -> None:
        assert list(self.ledger.snapshots.verify()) == []
        self.ledger.close()
        self.folder.cleanup()


test_any_sequence_of_calls_agrees_with_the_reference_ledger = LedgerMachine.TestCase
test_any_sequence_of_calls_agrees_with_the_reference_ledger.settings = settings(
    max_examples=20, stateful_step_count=25
)
