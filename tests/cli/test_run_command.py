"""``autoresearch run``: campaigns from the command line, and what reaches one from other processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.loop.landscapes import git

# With a pipe in the environment of the campaign the run of a change waits for a line from it.
TRAIN = """\
import os
LR = 1.0
if LR != 1.0 and os.path.exists(os.path.expanduser("~/wait")):
    open(os.path.expanduser("~/waiting"), "w").close()
    open(os.path.expanduser("~/wait")).read()
print("loss:", abs(LR - 3) + 1)
"""
TOML = """\
[goal]
metric = "loss"
direction = "min"

[run]
command = ["PYTHON", "-S", "train.py"]
editable = ["train.py"]

[campaign]
agent = "offline"
baseline_runs = 1
max_experiments = 3
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lm"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "autoresearch.toml").write_text(TOML.replace("PYTHON", sys.executable))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    monkeypatch.chdir(folder)
    return folder


@contextlib.contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "autoresearch", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def waiting(home: Path) -> None:
    """Until the run of a change waits for its line; a named pipe is opened by both ends at once."""
    with (home / "waiting").open() as pipe:
        pipe.read()


@pytest.fixture
def pipes(home: Path) -> Path:
    os.mkfifo(home / "wait")
    os.mkfifo(home / "waiting")
    return home


def test_a_campaign_runs_from_what_the_file_says(cli: Cli, place: Path) -> None:
    said = cli("run", "--json")
    assert said.code == 0
    assert said.json["branch"] == "autoresearch/run"
    campaign = said.json["campaign"]
    assert (campaign["agent"], campaign["stop"], campaign["trials"]) == ("offline", "experiments", 3)
    assert campaign["actor"] == {"kind": "agent", "name": "offline"}
    assert git(place, "status", "--porcelain") == ""
    said = cli("status")
    assert "1 ended, experiments; offline; " in said.out


def test_each_word_of_the_command_line_wins_over_the_file(cli: Cli, place: Path) -> None:
    said = cli(
        *(
            "run",
            "--max-experiments",
            "1",
            "--tag",
            "other",
            "--workers",
            "2",
            "--max-failures",
            "0",
            "--json",
        ),
        *("--", sys.executable, "-c", "import train"),
    )
    assert said.code == 0, said.err
    assert said.json["branch"] == "autoresearch/other"
    settings = said.json["campaign"]["settings"]
    assert (settings["workers"], settings["limits"]["experiments"], settings["limits"]["failures"]) == (
        2,
        1,
        None,
    )
    assert settings["command"][1] == "-c"


def test_after_one_that_ended_by_itself_another_is_begun(cli: Cli, place: Path) -> None:
    assert cli("run", "--max-experiments", "1", "--json").json["campaign"]["number"] == 1
    again = cli("run", "--max-experiments", "2", "--json").json
    assert (again["campaign"]["number"], again["campaign"]["trials"]) == (2, 2)


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (("--agent", "nobody"), "no agent 'nobody'", 3),
        (("--executor", "moon"), "no executor 'moon'", 2),
        (("--model", "gpt"), "does not know", 2),
        (("--max-hours", "-1"), "cannot be run", 2),
    ],
    ids=repr,
)
def test_what_cannot_be_run_is_one_clear_error(
    cli: Cli, place: Path, words: tuple[str, ...], message: str, code: int
) -> None:
    said = cli("run", *words)
    assert said.code == code
    assert message in said.err


def test_without_agent_command_or_goal_the_error_says_what_to_write(cli: Cli, place: Path) -> None:
    text = (place / "autoresearch.toml").read_text()
    (place / "autoresearch.toml").write_text("[run]" + text.partition("[run]")[2])
    assert "set a goal to begin one" in cli("run").err
    (place / "autoresearch.toml").write_text(text.replace('agent = "offline"', ""))
    assert "autoresearch run --agent claude-code" in cli("run").err
    (place / "autoresearch.toml").write_text(text.replace("command =", "# command ="))
    assert "autoresearch run -- python train.py" in cli("run").err


def test_a_baseline_without_a_score_ends_it_with_what_to_do(cli: Cli, place: Path) -> None:
    (place / "train.py").write_text("print('loss: 2')\nprint('loss: 1')\n")
    git(place, "commit", "-q", "-a", "-m", "per epoch")
    said = cli("run")
    assert said.code == 1
    assert "more than once" in said.err
    assert 'often = "last"' in said.err


def test_ctrl_c_ends_what_runs_says_how_to_go_on_and_loses_nothing(
    cli: Cli, place: Path, pipes: Path
) -> None:
    with started("run", "--json") as process:
        waiting(pipes)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert json.loads(out)["campaign"]["stop"] == "interrupted"
    assert "Traceback" not in err
    (pipes / "wait").unlink()
    said = cli("run", "--json")
    campaign = said.json["campaign"]
    assert (said.code, campaign["number"], campaign["trials"]) == (0, 1, 3)
    assert campaign["state"] == "ended"


def test_a_campaign_that_was_killed_is_taken_over_at_once(cli: Cli, place: Path, pipes: Path) -> None:
    with started("run") as process:
        waiting(pipes)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=120)
    assert "1 running" in cli("status").out
    (pipes / "wait").unlink()
    said = cli("run", "--json")
    assert (said.code, said.json["campaign"]["trials"]) == (0, 3)
    assert sum(said.json["campaign"]["outcomes"].values()) == 3


def test_two_processes_do_not_run_one_campaign(cli: Cli, place: Path, pipes: Path) -> None:
    with started("run") as process:
        waiting(pipes)
        said = cli("run")
        assert said.code == 5
        assert "is driven by" in said.err
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    assert process.returncode == 130


def test_it_is_watched_and_stopped_from_another_process(cli: Cli, place: Path, pipes: Path) -> None:
    with started("run") as process:
        waiting(pipes)
        top = cli("top", "--once", "--json").json
        (trial,) = top["campaign"]["open"]
        assert (trial["worker"], trial["step"]) == ("worker-1", "measuring")
        shown = cli("top", "--once").out
        assert "2 experiments left" in shown
        assert trial["idea"][:20] in cli("status").out
        assert cli("campaigns", "stop", "--reason", "good enough").code == 0
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 16
    assert "stopped: good enough" in out
    outcomes: dict[str, Any] = cli("campaigns", "show", "--json").json["campaign"]["outcomes"]
    assert outcomes["abandoned"] == 1
