from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.errors import Invalid
from autoresearch.research.matching import FIELDS, Place, look_up, parse, place, rank

NAN = float("nan")


@pytest.mark.parametrize(
    ("text", "where", "op", "value"),
    [
        ("config.lr > 0.001", Place("config", "lr"), ">", 0.001),
        ("config.optimizer.name=adam", Place("config", "optimizer.name"), "=", "adam"),
        ("summary.best <= -1e3", Place("summary", "best"), "<=", -1000.0),
        ("val/loss < 2", Place("metric", "val/loss"), "<", 2.0),
        ("loss{split=train} < 2", Place("metric", "loss{split=train}"), "<", 2.0),
        ("loss{x < 1", Place("metric", "loss{x"), "<", 1.0),
        ("note = {a} < {b}", Place("field", "note"), "=", "{a} < {b}"),
        ("a < {b}", Place("metric", "a"), "<", "{b}"),
        ('"loss{split=train}" < 2', Place("metric", "loss{split=train}"), "<", 2.0),
        ("latest.name >= 1", Place("metric", "name"), ">=", 1.0),
        ("name ~ warm", Place("field", "name"), "~", "warm"),
        ("state == running", Place("field", "state"), "=", "running"),
        ("config.flag != true", Place("config", "flag"), "!=", True),
        ("config.x = 'true'", Place("config", "x"), "=", "true"),
        ('note = "a \\"b\\" < c"', Place("field", "note"), "=", 'a "b" < c'),
        ("started > 1970-01-02", Place("field", "started"), ">", 86400.0),
        ("started > 1970-01-01T01:00+01:00", Place("field", "started"), ">", 0.0),
        ("the val loss <1_000", Place("metric", "the val loss"), "<", 1000.0),
        ("config.x = inf", Place("config", "x"), "=", float("inf")),
    ],
)
def test_a_condition_is_read_as_name_operator_and_value(
    text: str, where: Place, op: str, value: object
) -> None:
    found = parse(text)
    assert (found.place, found.op, found.value) == (where, op, value)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("loss", "no operator"),
        ("", "no operator"),
        ("< 2", "no name"),
        ("loss <", "no value"),
        ('"a" b < 2', "no operator"),
        ("started > yesterday", "needs a time"),
        ("x" * 2000 + " < 1", "longer than"),
    ],
)
def test_what_is_no_condition_is_refused_with_what_to_write(text: str, match: str) -> None:
    with pytest.raises(Invalid, match=match) as caught:
        parse(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("config.x = 1", 1, True),
        ("config.x = 1", 1.0, True),
        ("config.x = 1", "1", True),
        ("config.x = 1", True, False),
        ("config.x = true", True, True),
        ("config.x = true", "true", True),
        ("config.x > 0", True, False),
        ("config.x < 2", "1", False),
        ("config.x < b", "a", True),
        ("config.x < b", 1, False),
        ("config.x = '1'", 1, True),
        ("config.x ~ DAM", "Adam", True),
        ("config.x ~ 2", [1, 2], True),
        ("config.x ~ deep", {"deep": 1}, True),
        ("config.x != 1", None, True),
        ("config.x = 1", None, False),
        ("loss < 1", NAN, False),
        ("loss != 1", NAN, True),
        ("tags = a", ["a", "b"], True),
        ("tags != a", ["a", "b"], False),
        ("tags != c", ["a", "b"], True),
        ("tags ~ al", ["alpha"], True),
        ("tags ~ al", [], False),
    ],
)
def test_a_condition_holds_for_values_of_its_kind(text: str, value: object, *, holds: bool) -> None:
    assert parse(text).holds(value) is holds


def test_a_dotted_name_finds_nested_values_and_names_with_dots() -> None:
    values = {"a": {"b": {"c": 1}}, "a.b": {"d": 2}, "x.y": 3, "n": None}
    assert look_up(values, "a.b.c") == 1
    assert look_up(values, "x.y") == 3
    assert look_up(values, "a.b") == {"d": 2}
    assert look_up(values, "a.z") is None
    assert look_up({"a.b": {"d": 2}}, "a.b.d") == 2
    assert look_up({}, "a.b") is None


def test_every_field_stands_for_itself_and_other_names_for_metrics() -> None:
    assert {place(name).source for name in FIELDS} == {"field"}
    assert place("config.") == Place("metric", "config.")
    assert place("val/acc") == Place("metric", "val/acc")


def test_numbers_come_before_texts_and_missing_values_have_no_rank() -> None:
    values = [1, -2.5, True, "b", "a", [1], {"k": 2}]
    ranks = sorted(found for value in values if (found := rank(value)) is not None)
    assert [kind for kind, _, _ in ranks] == [0, 0, 0, 1, 1, 2, 2]
    assert rank(None) is None
    assert rank(NAN) is None


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except Invalid:
        return
    assert found.place.name
    assert found.holds(None) is (found.op == "!=")


@given(
    st.text(min_size=1, max_size=30),
    st.one_of(st.text(max_size=30), st.floats(allow_nan=False), st.integers(-(2**60), 2**60)),
)
def test_a_quoted_name_and_value_come_back_as_they_are(name: str, value: str | float) -> None:
    if isinstance(value, str):
        quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    else:
        quoted = repr(value)
    written = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    found = parse(f"{written} = {quoted}")
    assert found.place == place(name)
    if found.place != Place("field", "started"):
        assert found.holds(value)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), st.lists, max_leaves=5))
def test_every_json_value_can_be_compared_with_every_condition(value: object) -> None:
    for op in ("=", "!=", "<", ">=", "~"):
        for wanted in ("1", "abc", "true", "'1'"):
            held = parse(f"config.x {op} {wanted}").holds(value)
            assert isinstance(held, bool)
    found = rank(value)
    assert found is None or json.dumps(found)
