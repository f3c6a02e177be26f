"""What ``autoresearch.toml`` says counts: goal, command, and what a change may touch."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.track.checkup import check_up
from autoresearch.track.goals import change_goal, disagreement
from autoresearch.track.project_file import FILE_NAME, RunSection, read_project_file
from autoresearch.track.workspace import Workspace

FILE = """\
project = "tiny"

[goal]
metric = "loss"
direction = "min"
target = 2.0
constraints = ["memory_gb <= 24"]

[budget]
max_experiments = 9

[run]
command = "python train.py --fast"
editable = ["train.py", "lib/"]
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone of a repository that has the file, as a colleague gets it."""
    origin = tmp_path / "origin"
    origin.mkdir()
    (origin / "train.py").write_text("LR = 1\n")
    (origin / FILE_NAME).write_text(FILE)
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "begin"]):
        subprocess.run(["git", *words], cwd=origin, check=True)
    subprocess.run(["git", "clone", "-q", str(origin), str(tmp_path / "clone")], check=True)
    return tmp_path / "clone"


@pytest.mark.parametrize(
    "call",
    [
        lambda w: w.session("first"),
        lambda w: w.experiment("baseline"),
        lambda w: w.frontier(),
        lambda w: w.progress(),
        lambda w: w.context(),
        lambda w: w.adopt_goal(),
    ],
)
def test_the_first_call_takes_the_goal_of_the_file(clone: Path, call: object) -> None:
    assert callable(call)
    with Workspace.open(clone) as workspace:
        call(workspace)
        goal = workspace.project.goal
        assert goal is not None
        assert (goal.metric, goal.target, goal.budget.max_experiments) == ("loss", 2.0, 9)
        assert [str(constraint) for constraint in goal.constraints] == ["memory_gb <= 24"]
        assert (goal.revision, disagreement(workspace)) == (1, ())


def test_a_verdict_takes_the_goal_of_a_file_that_came_after_the_experiment(clone: Path) -> None:
    (clone / FILE_NAME).unlink()
    with Workspace.open(clone, project="tiny") as workspace:
        workspace.experiment("baseline")
        with pytest.raises(Conflict):
            workspace.decision("last", "keep", score=2.5)
    (clone / FILE_NAME).write_text(FILE)
    with Workspace.open(clone) as workspace:
        assert workspace.decision("last", "keep", score=2.5, metrics={"memory_gb": 11}).advanced


def test_opening_a_folder_writes_no_goal(clone: Path) -> None:
    with Workspace.open(clone) as workspace, pytest.raises(NotFound):
        assert workspace.project


def test_a_goal_of_the_ledger_is_never_overridden_by_the_file(clone: Path) -> None:
    with Workspace.open(clone) as workspace:
        workspace.goal("loss", target=2.4)
    with Workspace.open(clone) as workspace:
        workspace.experiment("baseline")
        goal = workspace.project.goal
        assert goal is not None
        assert (goal.target, goal.revision) == (2.4, 1)
        (said,) = disagreement(workspace)
        assert said == (
            "autoresearch.toml says target 2, the ledger 2.4; constraints memory_gb <= 24, the ledger none; "
            "max_experiments 9, the ledger none: `autoresearch init --adopt` takes the file's."
        )


def test_a_change_of_the_goal_begins_from_the_file(clone: Path) -> None:
    with Workspace.open(clone) as workspace:
        goal = change_goal(workspace, {"target": 1.5})
        assert (goal.metric, goal.target, goal.budget.max_experiments) == ("loss", 1.5, 9)
        assert disagreement(workspace)[0].startswith("autoresearch.toml says target 2, the ledger 1.5:")


def test_the_goal_is_not_that_of_a_project_of_another_name(clone: Path) -> None:
    with Workspace.open(clone, project="other") as workspace:
        workspace.experiment("baseline")
        assert workspace.project.goal is None
        assert disagreement(workspace) == ()


def test_the_check_up_says_where_file_and_ledger_part(clone: Path) -> None:
    with Workspace.open(clone) as workspace:
        workspace.adopt_goal()
    states = {check.name: check for check in check_up(clone)}
    assert (states["project"].state, states["project"].advice) == ("ok", "")
    (clone / FILE_NAME).write_text(FILE.replace("target = 2.0", "target = 1.0"))
    states = {check.name: check for check in check_up(clone)}
    assert states["project"].state == "warn"
    assert "target 1, the ledger 2:" in states["project"].advice


def test_an_experiment_is_run_by_the_command_of_the_file_unless_it_has_its_own(clone: Path) -> None:
    with Workspace.open(clone) as workspace:
        assert workspace.experiment("a").command == ("python", "train.py", "--fast")
        assert workspace.experiment("b", command=["true"]).command == ("true",)


def test_a_change_outside_of_what_may_be_edited_is_noticed_and_recorded(clone: Path) -> None:
    (clone / "lib").mkdir()
    for name in ("train.py", "lib/model.py", "x.py"):
        (clone / name).write_text("LR = 2\n")
    (clone / FILE_NAME).write_text(f"{FILE}# by hand\n")
    with Workspace.open(clone) as workspace:
        said = "x.py was changed, and it is outside of what may be edited (train.py, lib/)."
        made = workspace.experiment("too much")
        assert made.notices == (said,)
        assert set(made.files) == {"train.py", "lib/model.py", "x.py", FILE_NAME}


def test_many_files_outside_are_one_short_sentence() -> None:
    (said,) = RunSection(editable=("train.py",)).remarks([f"{n}.py" for n in range(1007)])
    assert said == (
        "0.py, 1.py, 2.py, 3.py, 4.py and 1,002 more were changed, and they are outside of what may be edited "
        "(train.py)."
    )
    assert RunSection().remarks(["a.py"]) == ()


def test_a_key_that_nothing_uses_is_refused(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_text("[run]\nmetric_pattern = 'x'\n")
    with pytest.raises(Invalid, match="metric_pattern"):
        read_project_file(file)
