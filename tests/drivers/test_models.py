"""A model over HTTP: asked, given tools, heard until it answers, and held to its limits."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from autoresearch.drivers.base import Assignment
from autoresearch.drivers.models.making import model_agent
from autoresearch.drivers.models.requests import Line, Waiting
from autoresearch.execution.runner import ended_when
from tests.model_agents import EDIT, TRAIN, Agent, Clock, failure, lines, results
from tests.model_server import KEY, ModelServer, Reply, Said, call, final


def test_a_model_reads_edits_and_answers(agent: Agent, server: ModelServer, assignment: Assignment) -> None:
    server.says(
        Said("I look first.", [call("list_files"), call("read_file", path="train.py")]),
        Said(calls=[EDIT]),
        Said(final("slow -> faster", lr=2)),
    )
    made = agent().propose(assignment)
    assert (made.note, made.config, made.edits) == ("slow -> faster", {"lr": 2}, {})
    assert (assignment.folder / "train.py").read_text() == TRAIN.replace("LR = 1", "LR = 2")
    assert results(server.asked[1]) == [f"train.py ({len(TRAIN)} bytes)", TRAIN]
    assert (made.usage.input_tokens, made.usage.output_tokens, made.usage.cost) == (300, 30, None)
    assert made.model == "m-2026"


def test_the_question_and_the_tools_go_with_every_request(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said(calls=[call("list_files")]), Said(final()))
    agent(body={"temperature": 0.5}).propose(assignment)
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
    made = agent().propose(assignment)
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
    one.propose(assignment)
    assert KEY in " ".join(server.headers[0].values())
    assert KEY not in json.dumps(server.asked) + repr(one)


def test_a_busy_server_is_asked_again_after_as_long_as_it_says(
    agent: Agent, server: ModelServer, assignment: Assignment, clock: Clock
) -> None:
    server.says(Reply(429, {"error": {"message": "slow down"}}, {"retry-after": "7"}), Said(final()))
    agent().propose(assignment)
    assert clock.waited == [7.0]


def test_a_server_that_wants_an_hour_is_asked_again_after_a_minute(
    agent: Agent, server: ModelServer, assignment: Assignment, clock: Clock
) -> None:
    server.says(Reply(529, b"", {"retry-after": "3600"}), Said(final()))
    agent().propose(assignment)
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
    agent().propose(assignment)
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


def test_a_question_that_comes_to_be_sent_when_all_is_over_is_nobodys_error(server: ModelServer) -> None:
    # The thread that sends it may get its turn on a busy machine only after nobody waits any more.
    server.always(Said(final()))
    place, question = f"{server.url}/chat/completions", b'{"model": "m", "messages": []}'
    with Line() as line:
        assert line.send(place, {}, question, httpx.Timeout(60)).result(60)[0] == 200
    with Line() as line:
        line.cut()
        cut = line.send(place, {}, question, httpx.Timeout(60))
        assert isinstance(cut.exception(60), httpx.HTTPError)
    late = line.send(place, {}, question, httpx.Timeout(60))
    assert isinstance(late.exception(60), OSError)
    for thread in asking():
        thread.join(60)


def asking() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "autoresearch-model"]


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
    for thread in asking():
        thread.join(60)
        assert not thread.is_alive()


def test_a_campaign_that_ends_does_not_sit_out_a_wait(server: ModelServer, assignment: Assignment) -> None:
    server.always(Reply(429, b"", {"retry-after": "50"}))
    profile = {"wire": "openai-chat", "base_url": server.url}
    agent = model_agent("tested", profile, model="m")
    with ended_when(lambda: "the campaign ends" if server.asked else ""):
        error = failure(agent, assignment)
    assert error.message == "The model was not waited for: the campaign ends."
    assert len(server.asked) == 1


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
    agent().propose(assignment)
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
    agent().propose(assignment)
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
    agent().propose(assignment)
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
    assert agent(max_turns=2).propose(assignment).note == "one -> two"
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
    made = agent(price_input=2.0, price_output=10.0).propose(assignment)
    assert made.usage.cost == pytest.approx(1.1)


def test_a_server_that_counts_no_tokens_is_limited_by_an_estimate(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.always(Said(calls=[call("list_files")], usage=None))
    error = failure(agent(max_tokens=20_000), assignment)
    assert len(server.asked) < 20
    assert error.details["usage"] == {"input_tokens": None, "output_tokens": None, "cost": None}


def test_a_refusal_ends_it_with_what_was_said(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said(refusal="I will not do this."))
    error = failure(agent(), assignment)
    assert error.message == 'The model refused: "I will not do this.".'
    assert error.details["usage"]["input_tokens"] == 100


def test_an_answer_in_another_form_is_asked_for_again(
    agent: Agent, server: ModelServer, assignment: Assignment
) -> None:
    server.says(Said("I made it faster."), Said(final()))
    agent().propose(assignment)
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
    made = agent().propose(assignment)
    assert (made.give_up, made.note) == (True, "all was tried")
    assert made.usage.output_tokens
    assert made.transcript is not None
    assert "all was tried" in made.transcript.read_text()


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
