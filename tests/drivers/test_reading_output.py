"""What is taken from the output of a program: the documented fields, and nothing that stands between them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.drivers.base import Usage
from autoresearch.drivers.reading import Output, Reader, Said, Selector, pick

_RESULT = {"type": "result"}


def read(output: Output, *events: Any, size: int = 7) -> Said:
    """What is read from events, a line each, that come in pieces of some bytes."""
    data = b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in events)
    reader = Reader(output)
    for start in range(0, len(data), size):
        reader.heard(data[start : start + size])
    return reader.said()


def lines(**selectors: Any) -> Output:
    return Output(form="jsonl", **selectors)


def test_a_path_leads_through_tables_and_lists_to_values_and_names() -> None:
    event = {"models": {"a.1": {"n": 1}, "b": {"n": 2}}, "list": [{"n": 3}, {"m": 4}]}
    assert pick(event, "models.*.n") == [1, 2]
    assert pick(event, "models.@keys") == ["a.1", "b"]
    assert pick(event, "list.*.n") == [3]
    assert pick(event, "models.none.n") == []
    assert pick("text", "n") == []


def test_only_events_that_hold_the_conditions_are_looked_at() -> None:
    output = lines(text=(Selector(where={"type": "result", "error": False}, path="said"),))
    said = read(
        output,
        {"type": "other", "error": False, "said": "no"},
        {"type": "result", "error": 0, "said": "zero is not false"},
        {"type": "result", "error": False, "said": "yes"},
        {"type": "result", "error": True, "said": "no"},
    )
    assert said.text == "yes"


def test_of_several_values_the_last_the_first_the_sum_or_all_are_taken() -> None:
    events = [{"n": 1, "t": "a"}, {"n": 2, "t": "b"}, {"n": 4, "t": "c"}]
    for take, number, text in (("last", 4, "c"), ("first", 1, "a"), ("sum", 7, "abc"), ("join", 7, "abc")):
        output = lines(
            input_tokens=(Selector(path="n", take=take),),
            text=(Selector(path="t", take=take),),
        )
        said = read(output, *events)
        assert (said.usage.input_tokens, said.text) == (number, text)


def test_several_paths_of_one_event_are_added_up() -> None:
    output = lines(input_tokens=(Selector(path=("a.read", "a.cached", "missing")),))
    assert read(output, {"a": {"read": 3, "cached": 4}}).usage.input_tokens == 7


def test_what_was_said_before_the_last_use_of_a_tool_is_not_the_final_text() -> None:
    spoken = Selector(where={"type": "text"}, path="text", take="join", after={"type": "tool"})
    said = read(
        lines(text=(spoken,)),
        {"type": "text", "text": "I shall look."},
        {"type": "tool"},
        {"type": "text", "text": "It is "},
        {"type": "text", "text": "done."},
    )
    assert said.text == "It is done."


def test_the_parts_of_one_message_count_its_cost_once() -> None:
    output = lines(output_tokens=(Selector(path="tokens", distinct="id"),))
    events = [{"id": "a", "tokens": 5}, {"id": "a", "tokens": 5}, {"id": "b", "tokens": 2}]
    assert read(output, *events).usage.output_tokens == 7


def test_the_first_selector_that_finds_something_counts() -> None:
    output = lines(
        cost=(Selector(where=_RESULT, path="cost"), Selector(path="step", take="sum")),
        text=(Selector(path="none"), Selector(path="words")),
    )
    steps = [{"step": 0.5}, {"step": 0.25, "words": "said"}]
    assert read(output, *steps).usage == Usage(cost=0.75)
    assert read(output, *steps, {"type": "result", "cost": 2.5}).usage == Usage(cost=2.5)
    assert read(output, *steps).text == "said"


def test_lines_that_are_no_json_are_passed_over() -> None:
    output = lines(text=(Selector(path="text"),))
    said = read(output, b"npm warn deprecated", b"{broken", b"[1]", {"text": "good"}, b"\xff\xfe", b'"x"')
    assert said.text == "good"


def test_a_last_line_without_an_end_is_read() -> None:
    reader = Reader(lines(text=(Selector(path="text"),)))
    reader.heard(b'{"text": "cut"}')
    assert reader.said().text == "cut"


def test_a_line_beyond_all_measure_is_passed_over_and_the_next_one_is_read() -> None:
    reader = Reader(lines(text=(Selector(path="text"),)))
    for _ in range(20):
        reader.heard(b"x" * 1_000_000)
    reader.heard(b'{"text": "no"}\n{"text": "yes"}\n')
    assert reader.said().text == "yes"


def test_one_object_over_many_lines_is_read_after_words_of_warning() -> None:
    output = Output(form="json", text=(Selector(path="result"),), model=(Selector(path="models.@keys"),))
    whole = json.dumps({"result": "done", "models": {"m-1": {}, "m-2": {}}}, indent=2)
    said = read(output, b"Warning: {old}", whole.encode())
    assert (said.text, said.model) == ("done", "m-1 m-2")


def test_of_a_program_that_prints_text_all_of_it_is_the_final_text() -> None:
    assert read(Output(), b"first", b"last").text == "first\nlast\n"


def test_a_failure_and_a_trouble_are_told_apart() -> None:
    output = lines(
        failure=(Selector(where={"type": "failed"}, path="why"),),
        trouble=(Selector(where={"type": "retry"}, path="why"),),
    )
    said = read(output, {"type": "retry", "why": "busy"}, {"type": "failed", "why": {"code": 5}})
    assert (said.failure, said.trouble) == ('{"code": 5}', "busy")


def test_a_program_that_tries_again_in_vain_is_over_after_a_few_times() -> None:
    output = lines(hopeless=(Selector(where={"status": (401, 403)}, path="why"),), patience=2)
    reader = Reader(output)
    reader.heard(b'{"status": 401, "why": "refused"}\n{"status": 500, "why": "broken"}\n')
    assert reader.over() == ""
    reader.heard(b'{"status": 403, "why": "refused"}\n')
    assert reader.over() == "it tried 2 times in vain: refused"


@pytest.mark.parametrize("cost", [True, -1, "7", None, 1e300, [1], float("nan")], ids=repr)
def test_what_is_no_amount_is_no_amount(cost: Any) -> None:
    output = lines(cost=(Selector(path="cost"),), input_tokens=(Selector(path="cost"),))
    assert read(output, {"cost": cost}).usage == Usage()


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 50))
def test_no_output_whatever_makes_the_reader_fail(parts: list[bytes], size: int) -> None:
    for form in ("jsonl", "json", "text"):
        output = Output(form=form, text=(Selector(path="a.*.b", take="join"),))
        assert isinstance(read(output, *parts, size=size).text, str)
