"""A model over HTTP: asked, given tools, heard until it answers, and held to its limits."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autoresearch.drivers.base import Assignment, Proposal
from autoresearch.drivers.models.agent import ModelAgent
from autoresearch.drivers.models.making import model_agent
from autoresearch.drivers.models.requests import Waiting
from autoresearch.errors import AgentError
from autoresearch.execution.runner import ended_when
from tests.model_server import KEY, ModelServer, Reply, Said, call, final

TRAIN = "LR = 1\nprint('loss:', LR)\n"
WIRES = ("openai-chat", "anthropic-messages")
EDIT = call("edit_file", path="train.py", old="LR = 1", new="LR = 2")


class Clock:
    """A clock that goes forward by what is waited, and by nothing else."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waited: list[float] = []

    def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    for name in ("folder", "scratch"):
        (tmp_path / name).mkdir()
    (tmp_path / "folder" / "train.py").write_text(TRAIN)
    brief = {"goal": {"metric": "loss", "protected": ["evaluate.py", "data/"]}}
    return Assignment(
        brief=brief, folder=tmp_path / "folder", scratch=tmp_path / "scratch", prompt="Improve it."
    )


Agent = Callable[..., ModelAgent]


@pytest.fixture(params=WIRES)
def agent(request: pytest.FixtureRequest, server: ModelServer, clock: Clock) -> Agent:
    """An agent in each wire format."""

    def make(**options: Any) -> ModelAgent:
        profile = {"wire": request.param, "base_url": f"{server.url}/v1", "key_variable": "MODEL_KEY"}
        waiting = Waiting(pause=clock.pause, clock=clock, **options.pop("waiting", {}))
        return model_agent(
            "tested", profile, model="m", options=options, environment={"MODEL_KEY": KEY}, waiting=waiting
        )

    return make


def proposed(agent: ModelAgent, assignment: Assignment) -> Proposal:
    proposal = agent.propose(assignment)
    assert proposal is not None
    return proposal


def failure(agent: ModelAgent, assignment: Assignment) -> AgentError:
    with pytest.raises(AgentError) as caught:
        agent.propose(assignment)
    return caught.value


def results(body: dict[str, Any]) -> list[str]:
    """What the calls gave, as the last question tells the model, in either wire format."""
    found = [one["content"] for one in body["messages"] if one["role"] == "tool"]
    for one in body["messages"]:
        if isinstance(one["content"], list):
            found += [block["content"] for block in one["content"] if block["type"] == "tool_result"]
    return found


def lines(assignment: Assignment) -> list[dict[str, Any]]:
    text = (assignment.scratch / "transcript.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_model_reads_edits_and_answers(agent: Agent, server: ModelServer, assignment: Assignment) -> None:
    server.says(
        Said("I look first.", [call("list_files"), call("read_file", path="train.py")]),
        Said(calls=[EDIT]),
        Said(final("slow -> faster", lr=2)),
    )
    made = proposed(agent(), assignment)
    assert (made.note, made.config, made.edits) == ("slow -> faster", {"lr": 2}, {})
    assert (assignment.folder / "train.py").read_text() == TRAIN.replace("LR = 1", "LR = 2")
    assert results(server.asked[1]) == [f"train.py ({len(TRAIN)} bytes)", TRAIN]
    assert (made.usage.input_tokens, made.usage.output_tokens, made.usage.cost) == (300, 30, None)
    assert made.model == "m-2026"


def test_the_question_and_the_tools_go_with_every_request(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said(calls=[call("list_files")]), Said(final()))
    proposed(agent(body={"temperature": 0.5}), assignment)
    for body in server.asked:
        assert "Improve it." in json.dumps(body["messages"])
        assert len(body["tools"]) == 5
        assert body["temperature"] == 0.5


def test_everything_that_was_said_is_in_the_transcript_but_the_key(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(
        Reply(500, {"error": {"message": f"down, your key is {KEY}"}}), Said(calls=[EDIT]), Said(final())
    )
    made = proposed(agent(), assignment)
    assert made.transcript == assignment.scratch / "transcript.jsonl"
    said = lines(assignment)
    assert [one["kind"] for one in said] == ["begun", "remark", "answer", "call", "answer"]
    assert said[3]["arguments"]["new"] == "LR = 2"
    assert KEY not in made.transcript.read_text()


def test_a_key_goes_into_a_header_and_nowhere_else(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said(final()))
    one = agent()
    proposed(one, assignment)
    assert KEY in " ".join(server.headers[0].values())
    assert KEY not in json.dumps(server.asked) + repr(one)


def test_a_busy_server_is_asked_again_after_as_long_as_it_says(
    agent: Agent, server: ModelServer, assignment: Assignment, clock: Clock
) -> None:
    server.says(Reply(429, {"error": {"message": "slow down"}}, {"retry-after": "7"}), Said(final()))
    proposed(agent(), assignment)
    assert clock.waited == [7.0]


def test_a_server_that_wants_an_hour_is_asked_again_after_a_minute(
    agent: Agent, server: ModelServer, assignment: Assignment, clock: Clock
) -> None:
    server.says(Reply(529, b"", {"retry-after": "3600"}), Said(final()))
    proposed(agent(), assignment)
    assert clock.waited == [60.0]


@pytest.mark.parametrize(
    "broken",
    [
        Reply(408, b""),
        Reply(409, {"error": "conflict"}),
        Reply(503, b"<html>no</html>"),
        Reply(200, {"choices": [], "content": []}, cut=True),
        Reply(200, b'{"half": '),
        Reply(200, b"[1]"),
        Reply(dropped=True),
    ],
    ids=["408", "409", "503", "cut", "half", "list", "dropped"],
)
def test_what_passes_is_tried_again(
    agent: Agent, server: ModelServer, assignment: Assignment, clock: Clock, broken: Reply
) -> None:
    server.says(broken, Said(final()))
    proposed(agent(), assignment)
    assert len(clock.waited) == 1
    assert 0.5 <= clock.waited[0] <= 0.75


def test_waits_grow_and_the_attempts_end(
    agent: Agent, server: ModelServer, assignment: Assignment, clock: Clock
) -> None:
    server.always(Reply(500, {"error": {"message": "broken for good"}}))
    error = failure(agent(waiting={"attempts": 4}), assignment)
    assert "no answer in 4 attempts" in error.message
    assert "broken for good" in error.message
    assert error.details["fatal"] is False
    assert error.details["retry_after"] >= clock.waited[-1]
    assert sorted(clock.waited) == clock.waited
    assert len(clock.waited) == 3


@pytest.mark.parametrize(
    ("reply", "said", "fatal"),
    [
        (Reply(401, {"error": {"message": f"bad key {KEY}"}}), "bad key ***", True),
        (Reply(404, {"error": {"message": "no such model"}}), "no such model", True),
        (Reply(400, {"error": {"message": "bad field"}}), "bad field", False),
        (Reply(302, b"", {"location": "http://127.0.0.1:9/"}), "status 302", False),
        (Reply(429, {"error": {"code": "insufficient_quota", "message": "pay"}}), "pay", True),
        (Reply(422, {"detail": "unprocessable"}), "unprocessable", False),
    ],
)
def test_a_refused_question_is_not_asked_again(
    agent: Agent, server: ModelServer, assignment: Assignment, reply: Reply, said: str, fatal: bool
) -> None:
    server.always(reply)
    error = failure(agent(), assignment)
    assert said in error.message
    assert error.details["fatal"] is fatal
    assert len(server.asked) == 1


def test_no_server_at_all_is_told_with_its_address(
    server: ModelServer, assignment: Assignment, clock: Clock
) -> None:
    profile = {"wire": "openai-chat", "base_url": "http://127.0.0.1:9/v1"}
    one = model_agent(
        "tested", profile, model="m", waiting=Waiting(attempts=2, pause=clock.pause, clock=clock)
    )
    assert "http://127.0.0.1:9/v1/chat/completions" in failure(one, assignment).message


def test_time_runs_out_while_a_server_is_busy(
    agent: Agent, server: ModelServer, assignment: Assignment, clock: Clock
) -> None:
    server.always(Reply(429, b"", {"retry-after": "40"}))
    error = failure(agent(max_seconds=100), assignment)
    assert "no answer in 3 attempts" in error.message
    assert clock.waited == [40.0, 40.0]


def test_a_server_that_drips_bytes_is_left_when_time_is_up(
    server: ModelServer, assignment: Assignment
) -> None:
    server.always(Reply(200, Said(final()).as_chat("m"), dripping=True))
    profile = {"wire": "openai-chat", "base_url": server.url, "max_seconds": 0.3}
    error = failure(model_agent("tested", profile, model="m"), assignment)
    assert "ReadTimeout" in error.message


@pytest.mark.parametrize("silent", [True, False])
def test_a_campaign_that_ends_waits_for_no_model(
    server: ModelServer, assignment: Assignment, silent: bool
) -> None:
    # The server answers nothing, or the beginning of its headers and a byte, and then waits.
    asked = threading.Event()

    def step(body: dict[str, Any]) -> Reply:
        asked.set()
        if silent:
            server.released.wait(20)
        return Reply(200, Said(final()).as_chat("m"), dripping=True)

    server.always(step)
    waiting = Waiting(stopped=lambda: "the campaign ends" if asked.is_set() else "")
    profile = {"wire": "openai-chat", "base_url": server.url}
    error = failure(model_agent("tested", profile, model="m", waiting=waiting), assignment)
    assert error.message == "The model was not waited for: the campaign ends."
    for thread in threading.enumerate():
        if thread.name == "autoresearch-model":
            thread.join(5)
            assert not thread.is_alive()


def test_a_campaign_that_ends_does_not_sit_out_a_wait(server: ModelServer, assignment: Assignment) -> None:
    server.always(Reply(429, b"", {"retry-after": "50"}))
    profile = {"wire": "openai-chat", "base_url": server.url}
    agent = model_agent("tested", profile, model="m")
    with ended_when(lambda: "the campaign ends" if server.asked else ""):
        error = failure(agent, assignment)
    assert error.message == "The model was not waited for: the campaign ends."
    assert len(server.asked) == 1


def test_arguments_that_are_no_json_come_back_with_the_reason(
    server: ModelServer, assignment: Assignment, clock: Clock
) -> None:
    server.says(Said(calls=[("edit_file", '{"path": "train.py", ')]), Said(calls=[EDIT]), Said(final()))
    profile = {"wire": "openai-chat", "base_url": server.url}
    proposed(model_agent("tested", profile, model="m"), assignment)
    (told,) = results(server.asked[1])
    assert told.startswith("error: The call of edit_file was not run: its arguments are no JSON (")
    # A server puts the conversation through a template that fails on broken arguments.
    assert server.asked[1]["messages"][2]["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (call("run_shell", command="rm -rf /"), 'There is no tool "run_shell".'),
        (call("read_file"), "path is needed"),
        (call("read_file", path=None), "path is needed"),
        (call("edit_file", path="train.py", old="\ud800", new="x"), "is not in train.py"),
        (call("write_file", path="train.py", text="\ud800"), "half a character"),
        (call("read_file", path="train.py", mode="rb"), 'no argument "mode"'),
        (call("read_file", path=7), "path was 7. Give a string."),
        (call("read_file", path="train.py", lines=True), "lines was true. Give an integer."),
        (call("read_file", path="train.py", lines=0), "lines was 0. It goes from 1"),
        (("read_file", []), "its arguments are no JSON object"),
    ],
)
def test_a_call_that_cannot_be_run_is_answered_with_what_to_do(
    agent: Agent, server: ModelServer, assignment: Assignment, wanted: tuple[str, Any], said: str
) -> None:
    server.says(Said(calls=[wanted]), Said(final()))
    proposed(agent(), assignment)
    (told,) = results(server.asked[1])
    assert said in told


def test_a_path_out_of_the_folder_is_refused_and_the_model_goes_on(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    outside = assignment.folder.parent / "outside.txt"
    outside.write_text("secret")
    (assignment.folder / "link").symlink_to(outside)
    server.says(
        Said(
            calls=[
                call("read_file", path="../outside.txt"),
                call("read_file", path=str(outside)),
                call("read_file", path="link"),
                call("write_file", path="link", text="x"),
                call("write_file", path=".git/hooks/post-checkout", text="x"),
            ]
        ),
        Said(final()),
    )
    proposed(agent(), assignment)
    told = results(server.asked[1])
    assert len(told) == 5
    assert "secret" not in " ".join(told)
    assert outside.read_text() == "secret"
    assert not (assignment.folder / ".git").exists()


def test_a_protected_file_is_refused_at_once(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(
        Said(
            calls=[
                call("write_file", path="evaluate.py", text="print(0)"),
                call("write_file", path="data/x", text=""),
            ]
        ),
        Said(final()),
    )
    proposed(agent(), assignment)
    assert [("is protected" in told) for told in results(server.asked[1])] == [True, True]
    assert [path.name for path in assignment.folder.iterdir()] == ["train.py"]


def test_endless_calls_end_after_a_last_turn_without_tools(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.always(Said(calls=[call("list_files")]))
    error = failure(agent(max_turns=5), assignment)
    assert "went on calling tools in its last turn, after 5 of them" in error.message
    assert len(server.asked) == 5
    assert "This is your last turn" in json.dumps(server.asked[-1]["messages"])
    assert error.details["usage"] == {"input_tokens": 500, "output_tokens": 50, "cost": None}
    assert Path(error.details["transcript"]).is_file()


def test_a_model_that_is_told_of_its_last_turn_may_answer(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said(calls=[EDIT]), Said(final("one -> two")))
    assert proposed(agent(max_turns=2), assignment).note == "one -> two"
    choice = server.asked[1]["tool_choice"]
    assert choice in ("none", {"type": "none"})


def test_tokens_are_not_spent_beyond_their_limit(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.always(Said(calls=[call("list_files")]))
    error = failure(agent(max_tokens=400), assignment)
    spent = error.details["usage"]
    assert spent["input_tokens"] + spent["output_tokens"] <= 400
    assert len(server.asked) == 3
    assert "This is your last turn" in json.dumps(server.asked[2]["messages"])


def test_a_question_that_would_go_beyond_the_limit_is_not_asked(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.always(Said(calls=[call("list_files")], usage={"read": 300, "written": 10}))
    error = failure(agent(max_tokens=400), assignment)
    assert "it has taken 310 tokens" in error.message
    assert len(server.asked) == 1


def test_money_is_counted_by_the_prices_and_limited(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.always(Said(calls=[call("list_files")], usage={"read": 1_000_000, "written": 100_000}))
    error = failure(agent(max_cost=10.0, price_input=1.0, price_output=10.0), assignment)
    assert error.details["usage"]["cost"] == pytest.approx(len(server.asked) * 2.0)
    assert error.details["usage"]["cost"] <= 10.0


def test_the_cost_of_a_proposal_is_told_with_it(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said(final(), usage={"read": 500_000, "written": 10_000}))
    made = proposed(agent(price_input=2.0, price_output=10.0), assignment)
    assert made.usage.cost == pytest.approx(1.1)


def test_a_server_that_counts_no_tokens_is_limited_by_an_estimate(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.always(Said(calls=[call("list_files")], usage=None))
    error = failure(agent(max_tokens=20_000), assignment)
    assert len(server.asked) < 20
    assert error.details["usage"] == {"input_tokens": None, "output_tokens": None, "cost": None}


def test_tokens_from_the_cache_are_read_tokens_at_their_own_price(
    server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said(final(), usage={"read": 100_000, "written": 0, "cached": 900_000}))
    profile = {"wire": "anthropic-messages", "base_url": server.url}
    prices = {"price_input": 10.0, "price_output": 1.0, "price_cached": 1.0}
    made = proposed(model_agent("tested", profile, model="m", options=prices), assignment)
    assert made.usage.input_tokens == 1_000_000
    assert made.usage.cost == pytest.approx(1.9)


def test_a_refusal_ends_it_with_what_was_said(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said(refusal="I will not do this."))
    error = failure(agent(), assignment)
    assert error.message == 'The model refused: "I will not do this.".'
    assert error.details["usage"]["input_tokens"] == 100


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
    proposed(agent(), assignment)
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
    proposed(agent(), assignment)
    assert "Your answer was cut at its limit" in json.dumps(server.asked[1]["messages"])


def test_a_call_that_was_cut_is_not_run(agent: Agent, server: ModelServer, assignment: Assignment) -> None:
    server.says(
        Said(calls=[call("list_files"), call("write_file", path="a", text="")], stop="length"), Said(final())
    )
    proposed(agent(), assignment)
    told = results(server.asked[1])
    assert "bytes" in told[0]
    assert "cut at its limit before the call was whole" in told[1]
    assert not (assignment.folder / "a").exists()


def test_an_answer_in_another_form_is_asked_for_again(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said("I made it faster."), Said(final()))
    proposed(agent(), assignment)
    assert "did not answer in the form" in json.dumps(server.asked[1]["messages"][-1])


def test_a_model_that_never_answers_in_the_form_fails(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.always(Said("I made it faster."))
    error = failure(agent(), assignment)
    assert "I made it faster." in error.message
    assert len(server.asked) == 3


def test_a_model_that_knows_nothing_more_gives_up(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said('```json\n{"give_up": true, "note": "all was tried"}\n```'))
    assert agent().propose(assignment) is None


def test_each_question_is_marked_for_the_cache_up_to_its_end(
    server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said(calls=[EDIT]), Said(final()))
    profile = {"wire": "anthropic-messages", "base_url": server.url}
    proposed(model_agent("tested", profile, model="m"), assignment)
    for body in server.asked:
        blocks = [block for one in body["messages"] for block in one["content"]]
        assert [block.get("cache_control") for block in blocks[:-1]] == [None] * (len(blocks) - 1)
        assert blocks[-1]["cache_control"] == body["system"][0]["cache_control"] == {"type": "ephemeral"}


def test_thinking_goes_back_as_it_came(server: ModelServer, assignment: Assignment) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "abc="}
    server.says(Said(calls=[EDIT], extra=[thought]), Said(final()))
    proposed(
        model_agent("tested", {"wire": "anthropic-messages", "base_url": server.url}, model="m"), assignment
    )
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
    proposed(model_agent("tested", {"wire": "openai-chat", "base_url": server.url}, model="m"), assignment)
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
    proposed(agent(), assignment)
    told = results(server.asked[1])
    assert len(told) == 40
    assert "more than 32 calls at once" in told[-1]


def test_several_threads_may_ask_one_agent(
    agent: Agent, server: ModelServer, assignment: Assignment, tmp_path: Path
) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from dataclasses import replace

    def step(body: dict[str, Any]) -> Said:
        return Said(final()) if results(body) else Said(calls=[call("read_file", path="train.py")])

    server.always(step)
    one = agent()
    folders = []
    for number in range(6):
        folder = tmp_path / f"w{number}"
        folder.mkdir()
        (folder / "train.py").write_text(f"LR = {number}\n")
        folders.append(replace(assignment, folder=folder, scratch=folder))
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(one.propose, folders))
    assert all(made)
    read = {results(body)[0] for body in server.asked if results(body)}
    assert read == {f"LR = {number}\n" for number in range(6)}
