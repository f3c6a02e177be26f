"""A repository with some research in it, as an agent finds it."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path

import pytest

from autoresearch.track.workspace import Workspace
from tests.logged_runs import Logging

TRAIN = 'import os\nLR = 0.04\nprint("val_loss:", 2.5 - LR)\nprint("memory_gb: 11")\n'
EVALUATE = "print('the grader')\n"
PROJECT_FILE = """\
project = "char-lm"
[goal]
metric = "val_loss"
direction = "min"
target = 2.0
protected = ["evaluate.py"]
[budget]
max_experiments = 50
trial_seconds = 60
[run]
command = ["python3", "train.py"]
editable = ["train.py"]
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def _made(folder: Path) -> Path:
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "evaluate.py").write_text(EVALUATE)
    (folder / "autoresearch.toml").write_text(PROJECT_FILE)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "as it was")
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a training script, a grader and an ``autoresearch.toml``, all committed."""
    return _made(tmp_path / "char-lm")


@pytest.fixture
def researched(tmp_path: Path, home: Path, _researched: tuple[Path, Path]) -> Path:
    """The same with three experiments, a note, a run with metrics, lines and an alert, and an artifact."""
    repository, store = _researched
    shutil.copytree(store, home / ".autoresearch")
    return Path(shutil.copytree(repository, tmp_path / "char-lm"))


@pytest.fixture(scope="session")
def _researched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What each test gets a copy of: the repository, and the store that knows it."""
    place = tmp_path_factory.mktemp("researched")
    repository, store = _made(place / "char-lm"), place / "store"
    with Workspace.open(repository, home=store) as workspace:
        _research(workspace, repository)
    return repository, store


def _research(workspace: Workspace, repository: Path) -> None:
    workspace.session("warm-up", note="by hand")
    first = workspace.experiment("baseline: the code as it is")
    workspace.decision(first.id, "keep", samples=[2.46, 2.47], reason="baseline")
    (repository / "train.py").write_text(TRAIN.replace("0.04", "0.06"))
    second = workspace.experiment("LR is low; 0.04 -> 0.06", config={"lr": 0.06})
    workspace.decision(second.id, "keep", score=2.40, reason="better by 0.06", metrics={"memory_gb": 11.0})
    (repository / "train.py").write_text(TRAIN.replace("0.04", "0.6"))
    third = workspace.experiment("LR ten times higher")
    workspace.decision(third.id, "crash", reason="diverged", log_tail="step 1\nloss: nan\nKilled")
    (repository / "train.py").write_text(TRAIN)
    workspace.note("the tokenizer stays as it is", experiment="2")
    logging = Logging(workspace.ledger.runs, "char-lm", name="night", config={"lr": 0.06})
    logging.log(range(3000), loss=[3 - math.sin(step / 100) for step in range(3000)])
    logging.print("epoch 1", "epoch 2", "done")
    logging.say(op="alert", title="loss is high", text="look at it", level="warn")
    logging.send()
    other = Logging(workspace.ledger.runs, "char-lm", name="day", config={"lr": 0.04})
    other.log(range(10), loss=[2.0] * 10)
    other.send()
    workspace.artifact("char-lm-model", "train.py", type="model", produced_by="2")
