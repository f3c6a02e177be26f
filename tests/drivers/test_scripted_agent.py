"""The test double: it does what a script says, turn by turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autoresearch.drivers.base import Usage
from autoresearch.drivers.registry import make_agent
from autoresearch.drivers.scripted import Script
from autoresearch.errors import AgentError, Invalid
from tests.drivers.agent_programs import assignment

SCRIPT = """
[[turns]]
note = "too hot -> LR halved"
config = { LR = 0.05 }
input_tokens = 1000
output_tokens = 50
cost = 0.01
replace = [{ file = "train.py", old = "LR = 0.1", new = "LR = 0.05" }]

[[turns]]
note = "split the code"
delete = ["train.py"]
[turns.write]
"model/net.py" = "WIDTH = 4\\n"

[[turns]]
fail = "the model is busy"
input_tokens = 3

[[turns]]
answer = "I have no idea."

[[turns]]
give_up = true
"""


def scripted(folder: Path, text: str = SCRIPT, name: str = "script.toml") -> Any:
    (folder / name).write_text(text)
    return make_agent("scripted", options={"script": name}, folder=folder)


def test_each_trial_does_what_its_turn_says(tmp_path: Path) -> None:
    agent = scripted(tmp_path)
    first = agent.propose(assignment(tmp_path, trial=1))
    assert (first.note, first.config) == ("too hot -> LR halved", {"LR": 0.05})
    assert first.usage == Usage(input_tokens=1000, output_tokens=50, cost=0.01)
    assert (tmp_path / "tree" / "train.py").read_text() == "LR = 0.05\n"
    agent.propose(assignment(tmp_path, trial=2))
    assert not (tmp_path / "tree" / "train.py").exists()
    assert (tmp_path / "tree" / "model" / "net.py").read_text() == "WIDTH = 4\n"


def test_a_turn_can_fail_answer_nonsense_or_give_up(tmp_path: Path) -> None:
    agent = scripted(tmp_path)
    with pytest.raises(AgentError, match="the model is busy") as caught:
        agent.propose(assignment(tmp_path, trial=3))
    assert caught.value.details == {
        "fatal": False,
        "usage": {"input_tokens": 3, "output_tokens": None, "cost": None},
    }
    with pytest.raises(AgentError, match="I have no idea"):
        agent.propose(assignment(tmp_path, trial=4))
    assert agent.propose(assignment(tmp_path, trial=5)).give_up
    assert agent.propose(assignment(tmp_path, trial=6)) is None


def test_a_script_can_begin_anew_and_be_json(tmp_path: Path) -> None:
    text = json.dumps({"repeat": True, "turns": [{"note": "a"}, {"note": "b"}]})
    agent = scripted(tmp_path, text, "script.json")
    notes = [agent.propose(assignment(tmp_path, trial=trial)).note for trial in range(1, 6)]
    assert notes == ["a", "b", "a", "b", "a"]


def test_a_place_that_is_not_there_once_is_told(tmp_path: Path) -> None:
    agent = scripted(
        tmp_path, '[[turns]]\nnote = "x"\nreplace = [{ file = "train.py", old = "NO", new = "x" }]\n'
    )
    with pytest.raises(AgentError, match="0 times"):
        agent.propose(assignment(tmp_path))
    agent = scripted(tmp_path, '[[turns]]\nnote = "x"\ndelete = ["none.py"]\n')
    with pytest.raises(AgentError, match="cannot be followed"):
        agent.propose(assignment(tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "turns"),
        ("turns = []", "turns"),
        ("[[turns]]\n", "a turn has a note"),
        ('[[turns]]\nnote = "a"\nfail = "b"\n', "a turn has a note"),
        ('[[turns]]\nnote = "a"\nwriet = {}\n', "turns.0.wriet"),
        ('[[turns]]\nnote = "a"\n[turns.write]\n"../x" = ""\n', "does not lie in"),
        ("[[turns]", "is not TOML"),
    ],
)
def test_a_script_with_a_mistake_says_where_it_is(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        scripted(tmp_path, text)
    assert said in caught.value.message
    assert "script.toml" in caught.value.message


def test_a_script_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"none.toml cannot be read"):
        make_agent("scripted", options={"script": "none.toml"}, folder=tmp_path)
    with pytest.raises(Invalid, match="is not JSON"):
        scripted(tmp_path, "{", "broken.json")


def test_the_turn_of_a_trial_follows_from_its_number_alone() -> None:
    script = Script.model_validate({"turns": [{"note": "a"}, {"note": "b"}]})
    assert [getattr(script.turn(trial), "note", None) for trial in (2, 1, 2, 3)] == ["b", "a", "b", None]
