"""What the two wire formats ask for: what goes back as it came, what cannot be sent back, and what is cut or too long."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autoresearch.drivers.base import Assignment
from autoresearch.drivers.models.making import model_agent
from tests.model_agents import EDIT, TRAIN, Agent, Clock, failure, results
from tests.model_server import ModelServer, Reply, Said, call, final


def test_arguments_that_are_no_json_come_back_with_the_reason(
    server: ModelServer, assignment: Assignment, clock: Clock
) -> None:
    server.says(Said(calls=[("edit_file", '{"path": "train.py", ')]), Said(calls=[EDIT]), Said(final()))
    profile = {"wire": "openai-chat", "base_url": server.url}
    model_agent("tested", profile, model="m").propose(assignment)
    (told,) = results(server.asked[1])
    assert told.startswith("error: The call of edit_file was not run: its arguments are no JSON (")
    # A server puts the conversation through a template that fails on broken arguments.
    assert server.asked[1]["messages"][2]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_tokens_from_the_cache_are_read_tokens_at_their_own_price(
    server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said(final(), usage={"read": 100_000, "written": 0, "cached": 900_000}))
    profile = {"wire": "anthropic-messages", "base_url": server.url}
    prices = {"price_input": 10.0, "price_output": 1.0, "price_cached": 1.0}
    made = model_agent("tested", profile, model="m", options=prices).propose(assignment)
    assert made.usage.input_tokens == 1_000_000
    assert made.usage.cost == pytest.approx(1.9)


@pytest.mark.parametrize(
    "too_long",
    [
        Reply(400, {"error": {"code": "context_length_exceeded", "message": "maximum context length is 8"}}),
        Reply(400, {"error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}}),
        Reply(413, {"error": {"type": "request_too_large"}}),
    ],
)
def test_what_old_calls_gave_is_left_out_when_the_conversation_is_too_long(
    agent: Agent, server: ModelServer, assignment: Assignment, too_long: Reply
) -> None:
    (assignment.folder / "long.txt").write_text("word " * 1000)
    server.says(
        Said(calls=[call("read_file", path="long.txt")]),
        Said(calls=[call("read_file", path="train.py")]),
        too_long,
        Said(final()),
    )
    agent().propose(assignment)
    assert results(server.asked[3]) == [
        "[left out to make room; call the tool again if it is needed]",
        TRAIN,
    ]


def test_a_conversation_that_is_too_long_at_once_is_told(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.always(Reply(400, {"error": {"code": "context_length_exceeded", "message": "too long"}}))
    assert "The conversation is too long for the model" in failure(agent(), assignment).message
    assert len(server.asked) == 1


def test_an_answer_that_was_cut_is_asked_for_again_in_short(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said("Let me think", stop="length"), Said(final()))
    agent().propose(assignment)
    assert "Your answer was cut at its limit" in json.dumps(server.asked[1]["messages"])


def test_a_call_that_was_cut_is_not_run(agent: Agent, server: ModelServer, assignment: Assignment) -> None:
    server.says(
        Said(calls=[call("list_files"), call("write_file", path="a", text="")], stop="length"), Said(final())
    )
    agent().propose(assignment)
    told = results(server.asked[1])
    assert "bytes" in told[0]
    assert "cut at its limit before the call was whole" in told[1]
    assert not (assignment.folder / "a").exists()


def test_each_question_is_marked_for_the_cache_up_to_its_end(
    server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said(calls=[EDIT]), Said(final()))
    profile = {"wire": "anthropic-messages", "base_url": server.url}
    model_agent("tested", profile, model="m").propose(assignment)
    for body in server.asked:
        blocks = [block for one in body["messages"] for block in one["content"]]
        assert [block.get("cache_control") for block in blocks[:-1]] == [None] * (len(blocks) - 1)
        assert blocks[-1]["cache_control"] == body["system"][0]["cache_control"] == {"type": "ephemeral"}


def test_thinking_goes_back_as_it_came(server: ModelServer, assignment: Assignment) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "abc="}
    server.says(Said(calls=[EDIT], extra=[thought]), Said(final()))
    profile = {"wire": "anthropic-messages", "base_url": server.url}
    model_agent("tested", profile, model="m").propose(assignment)
    assert server.asked[1]["messages"][1]["content"][0] == thought


def test_fields_that_only_one_server_knows_go_back_as_they_came(
    server: ModelServer, assignment: Assignment
) -> None:
    def step(body: dict[str, Any]) -> Reply:
        said = Said(calls=[EDIT]).as_chat("m")
        said["choices"][0]["message"] |= {"reasoning_content": "hm", "audio": None}
        said["choices"][0]["message"]["tool_calls"][0]["extra"] = {"signature": "abc="}
        return Reply(200, said)

    server.says(step, Said(final()))
    model_agent("tested", {"wire": "openai-chat", "base_url": server.url}, model="m").propose(assignment)
    sent = server.asked[1]["messages"][2]
    assert sent["reasoning_content"] == "hm"
    assert "audio" not in sent
    assert sent["tool_calls"][0]["extra"] == {"signature": "abc="}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"choices": [{"message": "text"}]},
        {"choices": [{"message": {"tool_calls": 7}}]},
        {"choices": [{"message": {"tool_calls": [{"id": "x"}]}}]},
        {"content": "text"},
        {"content": [7]},
        {"content": [{"type": "tool_use", "name": "x"}]},
    ],
)
def test_an_answer_of_another_form_is_told_as_such(
    agent: Agent, server: ModelServer, assignment: Assignment, answer: dict[str, Any]
) -> None:
    server.always(Reply(200, answer))
    assert "not of the form that was expected" in failure(agent(), assignment).message


def test_more_calls_at_once_than_are_run_are_all_answered(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said(calls=[call("list_files")] * 40), Said(final()))
    agent().propose(assignment)
    told = results(server.asked[1])
    assert len(told) == 40
    assert "more than 32 calls at once" in told[-1]
