"""Whatever passes the gate comes back from the store as it went in; the rest is one clear error."""

from __future__ import annotations

import datetime
import math
import string
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from autoresearch.errors import AutoresearchError, Invalid
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.artifact import version_number
from autoresearch.records.base import canonical_json
from autoresearch.records.experiment import DecisionRequest, ExperimentRequest, SessionRequest, verdict
from autoresearch.records.goal import parse_constraint
from autoresearch.records.ids import derived_id, new_id
from tests.contract_helpers import PROJECT, decide, experiment, experiment_request, goal, session

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=60) | st.text(max_size=60)
ANY_NUMBER = st.floats() | st.integers() | st.booleans() | st.none() | st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.lists(st.tuples(ANY_TEXT, JSON, ANY_NUMBER), min_size=1, max_size=6))
def test_what_passes_the_gate_comes_back_as_it_went_in(values: list[tuple[str, Any, Any]]) -> None:
    with tempfile.TemporaryDirectory() as home, LocalLedger.open(Path(home)) as ledger:
        goal(ledger)
        opened = session(ledger).id
        for note, config, score in values:
            try:
                request = experiment_request(opened, note=note, config={"value": config})
            except Invalid as error:
                said = str(error)
            else:
                said = ""
            if said:
                assert "surrogate" in said or "NUL" in said
                continue
            made = ledger.research.record(request)
            assert made.note == note
            assert canonical_json(made.config) == canonical_json(request.config)
            try:
                given = decide(ledger, made.id, "keep", score)
            except Invalid:
                wrong = isinstance(score, bool | str | None) or not math.isfinite(float(score))
                assert wrong or abs(score) > 2**53
                continue
            assert ledger.research.experiment(made.id).score == given.score == float(score)
            assert str(given.score) != "-0.0"


@given(st.text(alphabet=string.printable, max_size=30))
def test_every_word_is_a_verdict_or_one_clear_error(word: str) -> None:
    try:
        found = verdict(word)
    except Invalid as error:
        found, hint = None, error.hint
    assert found in {"keep", "drop", "crash"} or (found is None and "keep" in hint)


@pytest.mark.parametrize(
    "name",
    ["", " a", "a ", "a/b", "a:b", "a\\b", ".", "..", "a\nb", "a\x1b[31m", "x" * 201, "a\u2028b", "\ud800"],
)
def test_a_name_that_could_harm_a_path_or_terminal_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="tag"):
        SessionRequest.make(id=new_id(), project=PROJECT, tag=name)


@pytest.mark.parametrize("bad", ["", "12", "0189-…", "01890000-0000-7000-8000-00000000000G", "A" * 36])
def test_an_id_is_a_uuid_in_one_spelling(bad: str) -> None:
    with pytest.raises(Invalid, match="UUID"):
        DecisionRequest.make(id=bad, experiment_id=new_id(), status="drop")


def test_a_time_without_a_zone_is_refused_and_others_become_utc() -> None:
    with pytest.raises(Invalid, match="time zone"):
        experiment_request(new_id(), occurred_at=datetime.datetime(2026, 1, 1))  # noqa: DTZ001  the point
    east = datetime.datetime(2026, 1, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    assert (
        experiment_request(new_id(), occurred_at=east).occurred_at.isoformat() == "2026-01-01T00:00:00+00:00"
    )


def test_unknown_fields_of_a_request_are_refused() -> None:
    with pytest.raises(Invalid, match="colour"):
        experiment_request(new_id(), colour="red")


def test_numbers_are_not_guessed_from_text() -> None:
    with pytest.raises(ValidationError):
        ExperimentRequest.model_validate_json(b'{"id": 5}')
    with pytest.raises(Invalid, match="score"):
        DecisionRequest.make(id=new_id(), experiment_id=new_id(), status="keep", score="5")


def test_negative_zero_is_zero_before_any_store_sees_it() -> None:
    made = DecisionRequest.make(
        id=new_id(), experiment_id=new_id(), status="keep", score=-0.0, metrics={"gb": -0.0}
    )
    assert [str(made.score), str(made.metrics["gb"])] == ["0.0", "0.0"]


def test_an_array_of_no_dimensions_is_a_number() -> None:
    import numpy as np

    made = DecisionRequest.make(
        id=new_id(), experiment_id=new_id(), status="keep", score=np.float32(0.5), metrics={"gb": np.int64(3)}
    )
    assert (made.score, made.metrics) == (0.5, {"gb": 3.0})


def test_a_configuration_too_large_or_too_deep_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(50):
        deep = [deep]
    with pytest.raises(Invalid, match="nested"):
        experiment_request(new_id(), config={"deep": deep})
    with pytest.raises(Invalid, match="1 MiB"):
        experiment_request(new_id(), config={"large": "x" * 2**20})


def test_values_without_a_json_form_are_kept_as_text() -> None:
    made = experiment_request(
        new_id(), config={"path": Path("/a"), "nan": math.nan, "big": 2**60, "set": {2, 1}, "kind": int}
    )
    assert made.config == {
        "path": "/a",
        "nan": "nan",
        "big": str(2**60),
        "set": [1, 2],
        "kind": "<class 'int'>",
    }


def test_new_ids_are_ordered_by_time_and_derived_ids_repeat() -> None:
    ids = [new_id() for _ in range(200)]
    assert len(set(ids)) == 200
    assert [i[:13] for i in ids] == sorted(i[:13] for i in ids)
    assert derived_id("a", "b") == derived_id("a", "b") != derived_id("ab", "")
    with tempfile.TemporaryDirectory() as home, LocalLedger.open(Path(home)) as ledger:
        assert experiment(ledger, session(ledger).id, id=derived_id("x")).id == derived_id("x")


@pytest.mark.parametrize(
    ("text", "number"), [("v1", 1), ("v0", None), ("v01", None), ("1", None), ("v", None), ("v²", None)]
)
def test_version_names_are_told_from_refs(text: str, number: int | None) -> None:
    assert version_number(text) == number


@pytest.mark.parametrize("text", ["", "memory", "memory < 3", "memory <= much", "<= 3", "a <= nan"])
def test_a_constraint_that_is_not_understood_shows_how_to_write_one(text: str) -> None:
    with pytest.raises(AutoresearchError) as caught:
        parse_constraint(text)
    assert caught.value.code == "invalid"
