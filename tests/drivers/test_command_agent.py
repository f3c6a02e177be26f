"""A program as an agent: what it gets, what is taken from it, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from autoresearch.drivers.base import Usage
from autoresearch.errors import AgentError
from tests.command_clock import out_of_time_once
from tests.drivers.agent_programs import ANSWER, agent, assignment, told

ANSWERS = "say(type='result', text=ANSWER)"


def going_on(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def failing(folder: Path, code: str, *, seconds: float = 30.0, **profile: Any) -> AgentError:
    with pytest.raises(AgentError) as caught:
        agent(folder, code, **profile).propose(assignment(folder, seconds=seconds))
    assert str(caught.value.details["transcript"]).startswith(str(folder / "scratch"))
    return caught.value


def test_a_program_edits_the_folder_and_its_answer_is_the_proposal(tmp_path: Path) -> None:
    code = """
        pathlib.Path("train.py").write_text("LR = 0.05\\n")
        say(type="begun", session="s-1", model="m-1")
        say(type="step", read=100, written=7)
        say(type="step", read=50, written=3)
        say(type="result", text="Done. " + ANSWER)
    """
    proposal = agent(tmp_path, code).propose(assignment(tmp_path))
    assert (proposal.note, proposal.config) == ("too hot -> LR halved", {"LR": 0.05})
    assert proposal.usage == Usage(input_tokens=150, output_tokens=10)
    assert (proposal.model, proposal.session) == ("m-1", "s-1")
    assert proposal.edits == {}
    assert (tmp_path / "tree" / "train.py").read_text() == "LR = 0.05\n"
    assert proposal.transcript is not None
    assert json.loads(proposal.transcript.read_text().splitlines()[0])["session"] == "s-1"


def test_an_agent_that_knows_nothing_more_says_what_it_took_to_find_that_out(tmp_path: Path) -> None:
    code = """
        say(type="step", read=100, written=7)
        say(type="result", text='```json\\n{"give_up": true}\\n```')
    """
    proposal = agent(tmp_path, code).propose(assignment(tmp_path))
    assert proposal.give_up
    assert proposal.usage == Usage(input_tokens=100, output_tokens=7)
    assert proposal.transcript is not None
    assert "give_up" in proposal.transcript.read_text()


PROMPTS = {
    "stdin": ([], "sys.stdin.read()"),
    "argument": (["--ask={prompt}"], "sys.argv[1].removeprefix('--ask=')"),
    "file": (["{prompt_file}"], "pathlib.Path(sys.argv[1]).read_text()"),
}


@pytest.mark.parametrize("how", PROMPTS)
def test_the_prompt_comes_as_input_argument_or_file(tmp_path: Path, how: str) -> None:
    arguments, reading = PROMPTS[how]
    prompt = "--dangerous {folder} $HOME\n'quoted' \N{SNOWMAN}"
    code = f"pathlib.Path('told.json').write_text(json.dumps([{reading}, sys.stdin.read()])); {ANSWERS}"
    made = agent(tmp_path, code)
    profile = made.profile.model_copy(
        update={"prompt": how, "arguments": (*made.profile.arguments, *arguments)}
    )
    object.__setattr__(made, "profile", profile)
    made.propose(assignment(tmp_path, prompt=prompt))
    assert told(tmp_path) == [prompt, ""]


def test_a_prompt_that_is_too_long_for_an_argument_is_refused_with_the_remedy(tmp_path: Path) -> None:
    made = agent(tmp_path, ANSWERS, prompt="argument", arguments=["{prompt}"])
    with pytest.raises(AgentError, match="too long") as caught:
        made.propose(assignment(tmp_path, prompt="x" * 200_000))
    assert caught.value.details["fatal"] is True
    assert "stdin" in caught.value.hint


def test_a_program_sees_its_own_keys_and_the_ledger_and_no_other_secret(tmp_path: Path) -> None:
    code = f"pathlib.Path('told.json').write_text(json.dumps(dict(os.environ))); {ANSWERS}"
    given = {
        "OWN_KEY": "k-own",
        "OWN_BASE": "b",
        "OTHER_KEY": "k-other",
        "HTTPS_PROXY": "http://proxy",
        "PYTHONPATH": "/x",
    }
    made = agent(tmp_path, code, given=given, keys=["OWN_*"], environment={"SET": "{scratch}/x"})
    made.propose(assignment(tmp_path, environment={"AUTORESEARCH_PROJECT": "p"}))
    seen = told(tmp_path)
    scratch = str(tmp_path / "scratch" / "x")
    expected = {"OWN_KEY": "k-own", "OWN_BASE": "b", "HTTPS_PROXY": "http://proxy", "SET": scratch}
    assert {name: seen.get(name) for name in expected} == expected
    assert seen["AUTORESEARCH_PROJECT"] == "p"
    assert not {"OTHER_KEY", "PYTHONPATH"} & seen.keys()


def test_a_key_that_the_program_prints_is_in_no_file_and_no_message(tmp_path: Path) -> None:
    code = "say(type='failed', why='bad key ' + os.environ['OWN_KEY']); print(os.environ['OWN_KEY'], file=sys.stderr)"
    error = failing(tmp_path, code, given={"OWN_KEY": "sk-0123456789"}, keys=["OWN_KEY"])
    assert "bad key [OWN_KEY]" in error.message
    files = [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert [path for path in files if b"sk-0123456789" in path.read_bytes()] == []


def test_the_tools_are_named_to_the_program_in_the_files_and_arguments_it_wants(tmp_path: Path) -> None:
    server = {
        "arguments": ["--config", "{scratch}/own/tools.json", "env={mcp.variables:toml}", "{mcp.line:json}"],
        "environment": {"TOOLS": "{scratch}/own"},
        "reference": "${{name}}",
        "files": [
            {
                "path": "own/tools.json",
                "base": "~/settings.json",
                "content": {
                    "servers": {
                        "ours": {
                            "run": "{mcp.command}",
                            "args": "{mcp.arguments}",
                            "env": "{mcp.environment}",
                        }
                    }
                },
            }
        ],
    }
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "settings.json").write_text('{"theme": "dark", "servers": {"theirs": {}}}')
    code = f"pathlib.Path('told.json').write_text(json.dumps([sys.argv, os.environ['TOOLS']])); {ANSWERS}"
    made = agent(tmp_path, code, mcp=server)
    made.propose(
        assignment(tmp_path, environment={"AUTORESEARCH_HOME": "/h", "AUTORESEARCH_API_KEY": "secret"})
    )
    arguments, tools = told(tmp_path)
    line = [sys.executable, "-m", "autoresearch", "mcp", "--read-only"]
    assert arguments[1:3] == ["--config", f"{tools}/tools.json"]
    assert arguments[3] == 'env=["AUTORESEARCH_API_KEY", "AUTORESEARCH_HOME"]'
    assert json.loads(arguments[4]) == line
    written = json.loads(Path(tools, "tools.json").read_text())
    assert (written["theme"], list(written["servers"])) == ("dark", ["theirs", "ours"])
    ours = written["servers"]["ours"]
    assert [ours["run"], *ours["args"]] == line
    assert ours["env"]["AUTORESEARCH_API_KEY"] == "${AUTORESEARCH_API_KEY}"


def test_files_of_the_user_are_linked_where_they_exist(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "login.json").write_text("{}")
    links = {"own/login.json": "~/login.json", "own/absent.json": "~/absent.json"}
    agent(tmp_path, ANSWERS, links=links).propose(assignment(tmp_path))
    assert (tmp_path / "scratch" / "own" / "login.json").resolve() == tmp_path / "home" / "login.json"
    assert not (tmp_path / "scratch" / "own" / "absent.json").is_symlink()


def test_what_a_program_leaves_for_itself_is_no_part_of_the_change(tmp_path: Path) -> None:
    code = f"""
        pathlib.Path(".own.cache.v4").mkdir(); pathlib.Path(".own.cache.v4", "x").write_text("x")
        pathlib.Path(".own.log").write_text("x"); pathlib.Path(".own.conf").write_text("x")
        {ANSWERS}
    """
    agent(tmp_path, code, leftovers=[".own.cache.*", ".own.log"]).propose(assignment(tmp_path))
    assert sorted(path.name for path in (tmp_path / "tree").iterdir()) == [".own.conf", "train.py"]


FAILURES = [
    {"match": "no such model", "hint": "Name another."},
    {"match": "busy", "hint": "Wait.", "fatal": False},
]


def test_a_failure_is_told_in_the_program_s_own_words_with_what_helps(tmp_path: Path) -> None:
    code = "say(type='step', read=5, written=1); say(type='failed', why='No such model: m\\x1b[31m'); sys.exit(1)"
    error = failing(tmp_path, code, failures=FAILURES)
    assert error.message.startswith('The Agent failed: "No such model: m')
    assert "\x1b" not in error.message
    assert (error.hint, error.details["fatal"]) == ("Name another.", True)
    assert error.details["usage"] == {"input_tokens": 5, "output_tokens": 1, "cost": None}


def test_what_may_pass_is_not_fatal(tmp_path: Path) -> None:
    error = failing(tmp_path, "say(type='failed', why='busy')", failures=FAILURES)
    assert error.details["fatal"] is False


def test_a_program_that_ends_badly_is_told_by_the_last_error_it_printed(tmp_path: Path) -> None:
    code = (
        "print('Error: unknown option', file=sys.stderr); print('see --help', file=sys.stderr); sys.exit(3)"
    )
    error = failing(tmp_path, code)
    assert error.message == 'The Agent ended with exit code 3: "Error: unknown option".'
    assert error.details["fatal"] is False


def test_a_program_that_ends_as_if_all_were_well_after_a_failure_is_not_believed(tmp_path: Path) -> None:
    code = "print('Hello!'); print('some.Error: no such model: m'); print('Bye.')"
    error = failing(tmp_path, code, output={"form": "text"}, failures=FAILURES)
    assert error.message == 'The Agent failed: "some.Error: no such model: m".'
    assert (error.hint, error.details["fatal"]) == ("Name another.", True)


def test_words_in_another_form_are_no_answer(tmp_path: Path) -> None:
    error = failing(tmp_path, "say(type='result', text='I changed the rate, as one does.')")
    assert "I changed the rate" in error.message
    assert error.details["fatal"] is False


def test_an_answer_that_stands_outside_of_the_documented_field_counts_for_nothing(tmp_path: Path) -> None:
    error = failing(tmp_path, "print(ANSWER); say(type='step', text=ANSWER)")
    assert "It said: nothing" in error.message


def test_a_program_over_its_time_is_ended_and_what_it_spent_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_time_once(tmp_path / "far", monkeypatch)
    code = """
        say(type='step', read=9, written=2); say(type='retry', why='overloaded')
        pathlib.Path("..", "far").touch()
        while True: signal.pause()
    """
    error = failing(tmp_path, code, seconds=60.5)
    assert error.message == 'The Agent took longer than 60.5 s and was ended: "overloaded".'
    assert error.details["usage"]["input_tokens"] == 9
    assert error.details["fatal"] is False


def test_a_program_that_tries_again_in_vain_is_ended_early(tmp_path: Path) -> None:
    code = "for _ in range(3): say(type='retry', status=401, why='key refused')\nwhile True: signal.pause()"
    failures = [{"match": "key refused", "hint": "Set the key."}]
    error = failing(tmp_path, code, seconds=60, failures=failures)
    assert error.message == 'The Agent was ended: "it tried 3 times in vain: key refused".'
    assert (error.hint, error.details["fatal"]) == ("Set the key.", True)


def test_a_program_that_is_not_installed_is_fatal_with_how_to_install_it(tmp_path: Path) -> None:
    error = failing(tmp_path, ANSWERS, program="no-such-agent", install="npm install -g it")
    assert error.message == "The Agent cannot be started: it is not on the PATH: no-such-agent."
    assert (error.hint, error.details["fatal"]) == ("Install it: npm install -g it", True)


def test_an_agent_that_is_asked_nothing_is_not_started(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="asked nothing"):
        agent(tmp_path, ANSWERS).propose(assignment(tmp_path, prompt=""))


def test_a_settings_file_of_the_user_that_is_broken_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "s.json").write_text("{")
    error = failing(tmp_path, ANSWERS, files=[{"path": "s.json", "base": "~/s.json", "content": {}}])
    assert "s.json cannot be read" in error.message
    assert error.details["fatal"] is True


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="daemons are only found where /proc is")
def test_nothing_that_a_program_started_outlives_it(tmp_path: Path) -> None:
    code = f"""
        for daemon in (False, True):
            ready, tell = os.pipe()
            if os.fork() == 0:
                if daemon:
                    os.setsid()
                    if os.fork(): os._exit(0)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                with open("children", "a") as file: file.write(f"{{os.getpid()}} ")
                os.write(tell, b"x")
                while True: signal.pause()
            os.read(ready, 1)
        {ANSWERS}
    """
    assert agent(tmp_path, code).propose(assignment(tmp_path)).note
    children = (tmp_path / "tree" / "children").read_text().split()
    assert len(children) == 2
    assert not any(map(going_on, children))


def test_several_proposals_at_once_do_not_meet(tmp_path: Path) -> None:
    code = f"say(type='begun', session=sys.stdin.read()); {ANSWERS}"
    places = [tmp_path / str(number) for number in range(4)]
    for place in places:
        place.mkdir()
    made, found = agent(tmp_path, code), dict[int, Any]()

    def ask(number: int) -> None:
        found[number] = made.propose(assignment(places[number], prompt=f"question {number}"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: found[number].session for number in range(4)} == {n: f"question {n}" for n in range(4)}


def test_what_a_program_prints_is_kept_in_bounds_and_counted_whole(tmp_path: Path) -> None:
    code = f"""
        for _ in range(400): say(type="step", read=1, written=1, filling="x" * 100_000)
        {ANSWERS}
    """
    proposal = agent(tmp_path, code).propose(assignment(tmp_path))
    assert proposal.usage.input_tokens == 400
    assert proposal.transcript is not None
    assert proposal.transcript.stat().st_size < 17 * 1024 * 1024
    assert proposal.transcript.read_text().endswith(json.dumps({"type": "result", "text": ANSWER}) + "\n")
    assert os.listdir(tmp_path / "tree") == ["train.py"]  # noqa: PTH208  names alone
