"""Values of a configuration keep their types, and texts of values come back verbatim."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.records.typed import KINDS, config_of_text, config_value, special, text_of_config

TEXTS = {
    "null": st.just(""),
    "bool": st.sampled_from(["true", "false"]),
    "int": st.integers().map(str),
    "float": st.floats().map(str),
    "str": st.text(),
    "datetime": st.datetimes(timezones=st.none() | st.just(datetime.UTC)).map(str),
    "string_set": st.sets(st.text()).map(lambda words: json.dumps(sorted(words))),
}


@given(st.one_of(*(st.tuples(st.just(kind), texts) for kind, texts in TEXTS.items())))
def test_type_and_text_of_a_value_come_back_verbatim(typed: tuple[str, str]) -> None:
    kept = config_of_text(*typed)
    assert text_of_config(json.loads(json.dumps(kept))) == typed


@pytest.mark.parametrize(
    "typed",
    [
        ("float", "1e-3"),
        ("float", "-0.0"),
        ("float", "1E5"),
        ("int", "+7"),
        ("int", "007"),
        ("int", "1" * 3000),
        ("int", "-0"),
        ("string_set", '["b","a"]'),
        ("datetime", "2026-01-02 03:04:05.123+02:00"),
    ],
)
def test_unusual_spellings_come_back_verbatim_as_well(typed: tuple[str, str]) -> None:
    assert text_of_config(config_of_text(*typed)) == typed


def test_usual_values_stand_for_themselves() -> None:
    plain = {"null": ("", None), "bool": ("true", True), "int": ("3", 3), "float": ("0.001", 0.001)}
    for kind, (text, value) in plain.items():
        kept = config_of_text(kind, text)
        assert (kept, type(kept)) == (value, type(value))
    assert config_of_text("str", "true") == "true"


@pytest.mark.parametrize(
    "typed",
    [
        ("bool", "True"),
        ("int", "1.0"),
        ("int", ""),
        ("int", "٣"),
        ("float", "x"),
        ("datetime", "soon"),
        ("string_set", "{}"),
        ("string_set", "[1]"),
        ("string_set", "["),
        ("complex", "1j"),
    ],
)
def test_a_text_that_is_none_of_its_type_is_refused(typed: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        config_of_text(*typed)


@given(
    st.integers(min_value=2**53 + 1)
    | st.integers(max_value=-(2**53) - 1)
    | st.just(math.inf)
    | st.just(-math.inf)
    | st.datetimes()
    | st.datetimes(timezones=st.just(datetime.UTC))
    | st.sets(st.text())
)
def test_python_values_that_json_has_not_come_back_as_they_were(value: Any) -> None:
    kept = special(value)
    assert kept is not None
    read = json.loads(json.dumps({"in": [kept]}))
    assert config_value(read) == {"in": [value]}
    assert text_of_config(kept)[0] in KINDS


def test_nan_comes_back_as_nan() -> None:
    assert math.isnan(config_value(special(math.nan)))


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "NaN", [1], {"a": 1}, {1, "a"}, 2**53])
def test_what_json_has_needs_no_other_form(value: Any) -> None:
    assert special(value) is None


@pytest.mark.parametrize(
    "value",
    [
        {"$type": "torch.Adam", "value": "1"},
        {"$type": "int", "value": 5},
        {"$type": "string_set", "value": [1]},
        {"$type": "datetime", "value": "x", "more": 1},
        {"$type": ["int"], "value": "1"},
        {"$type": "float"},
    ],
)
def test_an_object_of_somebody_else_is_left_as_it_is(value: dict[str, Any]) -> None:
    assert config_value(value) == value
    assert text_of_config(value) == ("str", json.dumps(value))


def test_a_damaged_value_is_given_as_its_text() -> None:
    assert config_value({"$type": "datetime", "value": "soon"}) == "soon"
    assert config_value({"$type": "int", "value": "many"}) == "many"
