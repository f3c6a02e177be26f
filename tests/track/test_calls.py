from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import autoresearch as ar
from autoresearch.errors import Conflict, Invalid, NotFound

IDENTITY = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "char-lm"
    folder.mkdir()
    (folder / "train.py").write_text("LR = 0.1\n")
    for command in (["init", "-q", "-b", "main"], ["add", "."], [*IDENTITY, "commit", "-qm", "begin"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    return folder


def test_no_module_takes_the_name_of_a_call() -> None:
    modules = {module.name for module in pkgutil.iter_modules(ar.__path__)}
    assert modules.isdisjoint(ar.__all__)


def test_the_calls_of_the_first_steps_work_as_written(repository: Path) -> None:
    ar.goal(metric="val_bpb", lower_is_better=True, target=2.45)
    ar.session(tag="tune-warmup", branch=None)
    (repository / "train.py").write_text("LR = 0.1\nWARMUP = 200\n")
    exp = ar.experiment(commit=None, note="lr too hot early; added 200-step warmup", diff=None, snapshot=".")
    made = ar.decision(experiment_id=exp["id"], status="keep", score=2.41, metric="val_bpb")
    assert made["advanced"] is made.advanced is True
    assert [step.score for step in ar.frontier(session_id=None).steps] == [2.41]
    assert ar.frontier().reached
    assert ar.progress(session_id=exp.session_id).attempts[0].on_frontier
    (repository / "out").mkdir()
    (repository / "out" / "model").write_bytes(b"\0weights")
    v = ar.artifact("char-lm", "out/model", type="model", produced_by=exp["id"])
    assert ar.get_artifact("char-lm", "winner")["version"] == "v1"
    ar.promote("char-lm", "winner", version=v["version"])
    assert [a.name for a in ar.artifacts(type="model")] == ["char-lm"]
    ar.note("try a smaller model")
    assert ar.search("warmup")[0].number == 1
    assert ar.tried("WARMUP = 200")[0].number == 1
    brief = ar.context(project=None, limit=5, budget=2000)
    assert "2.41" in brief.markdown
    assert "try a smaller model" in brief.markdown
    assert brief["tokens"] <= 2000


def test_an_answer_can_be_read_as_a_dictionary(repository: Path) -> None:
    goal = ar.goal("val_bpb")
    assert goal["metric"] == goal.metric == "val_bpb"
    assert dict(goal)["direction"] == "min"
    with pytest.raises(KeyError, match="no field 'colour'"):
        goal["colour"]


def test_notebooks_show_frontier_progress_and_brief(repository: Path) -> None:
    ar.goal("val_bpb")
    for score in (2.5, 2.4):
        exp = ar.experiment("<script>alert(1)</script> [a](javascript:b)", snapshot=None)
        ar.decision(exp.id, "keep", score)
    shown = ar.frontier()._repr_html_() + ar.context()._repr_html_()
    assert "<svg" in shown
    assert "<table" in shown
    assert "2.4" in shown
    assert "<script" not in shown
    assert ar.progress()._repr_svg_().startswith("<svg")


def test_an_experiment_captures_the_code_that_ran(repository: Path, tmp_path: Path) -> None:
    (repository / "train.py").write_text("LR = 0.2\n")
    (repository / "new.py").write_text("print()\n")
    exp = ar.experiment(note="rate was too low", config={"seed": 1}, command=["python", "train.py"])
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert (exp.commit, exp.branch, exp.parent_commit) == (head, "main", None)
    assert set(exp.files) == {"new.py", "train.py"}
    workspace = ar.Workspace.open()
    assert b"+LR = 0.2" in workspace.ledger.snapshots.patch(exp.id)
    assert exp.tree is not None
    workspace.ledger.snapshots.write_tree(exp.tree, tmp_path / "again")
    assert (tmp_path / "again" / "new.py").read_text() == "print()\n"
    assert (tmp_path / "again" / "train.py").read_text() == "LR = 0.2\n"


def test_a_given_commit_and_diff_override_what_is_there(repository: Path) -> None:
    (repository / "train.py").write_text("LR = 0.3\n")
    none = ar.experiment(diff="", snapshot=None)
    assert none.diff is None
    given = ar.experiment(commit="abc1234", diff="-a\n+b\n", snapshot=None)
    assert given.commit == "abc1234"
    workspace = ar.Workspace.open()
    assert workspace.ledger.snapshots.patch(given.id) == b"-a\n+b\n"


def test_equal_code_and_configuration_have_equal_keys(repository: Path) -> None:
    one, two = ar.experiment(config={"seed": 1}), ar.experiment(config={"seed": 1})
    other = ar.experiment(config={"seed": 2})
    assert one.repro_key == two.repro_key != other.repro_key


def test_unknown_code_is_never_taken_for_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = ar.experiment(snapshot=None), ar.experiment(snapshot=None)
    assert one.commit is None
    assert one.repro_key != two.repro_key


def test_a_patch_above_the_cap_leaves_its_size_and_digest(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTORESEARCH_MAX_DIFF_BYTES", "100")
    (repository / "train.py").write_text("x = 1\n" * 1000)
    workspace = ar.Workspace.open()
    exp = workspace.experiment("large")
    assert exp.diff is not None
    assert exp.diff.truncated
    assert exp.diff.size > 1000
    with pytest.raises(NotFound, match="over the cap"):
        workspace.ledger.snapshots.patch(exp.id)


def test_a_snapshot_that_fails_warns_and_the_experiment_is_recorded(repository: Path) -> None:
    with pytest.warns(UserWarning, match="snapshot failed"):
        exp = ar.experiment("still recorded", snapshot="no-such-folder")
    assert exp.tree is None
    assert "snapshot failed" in exp.notices[-1]


def test_a_session_is_opened_when_there_is_none(repository: Path) -> None:
    first, second = ar.experiment(), ar.experiment()
    assert first.session_id == second.session_id
    assert ar.Workspace.open().ledger.research.session(first.session_id).tag == "main"


def test_another_process_goes_on_in_the_active_session(repository: Path) -> None:
    opened = ar.session("tune")
    code = "import autoresearch as ar; print(ar.experiment(snapshot=None).session_id)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == opened.id


def test_the_project_is_named_by_argument_environment_file_or_folder(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ar.Workspace.open().name == "char-lm"
    (repository / "autoresearch.toml").write_text('project = "from-file"\n')
    assert ar.Workspace.open().name == "from-file"
    monkeypatch.setenv("AUTORESEARCH_PROJECT", "from-environment")
    assert ar.Workspace.open().name == "from-environment"
    assert ar.Workspace.open(project="given").name == "given"


def test_every_worktree_of_a_repository_is_the_same_project(repository: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "worktree", "add", "-q", "--detach", tmp_path / "trial-7"], check=True)
    assert ar.Workspace.open(tmp_path / "trial-7").name == "char-lm"


def test_who_acts_is_told_from_the_environment(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTORESEARCH_ACTOR", "ada")
    assert ar.Workspace.open().experiment(snapshot=None).actor.model_dump() == {
        "kind": "human",
        "name": "ada",
    }
    monkeypatch.setenv("CLAUDECODE", "1")
    assert ar.Workspace.open().experiment(snapshot=None).actor.kind == "agent"


def test_a_repeated_call_with_its_own_id_records_once(repository: Path) -> None:
    workspace = ar.Workspace.open()
    own = "01890000-0000-7000-8000-000000000000"
    assert workspace.experiment("once", id=own) == workspace.experiment("once", id=own)
    with pytest.raises(Conflict, match="taken"):
        workspace.experiment("other", id=own)


def test_reading_a_project_that_is_not_there_is_not_found(repository: Path) -> None:
    for call in (ar.frontier, ar.progress, ar.context):
        with pytest.raises(NotFound, match="no project"):
            call()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("goal = 3", r"autoresearch\.toml"),
        ("[goal]\nmetric = 'a'\ndirection = 'sideways'\n", "direction"),
        ("[goal]\ndirection = 'min'\n", "metric is missing"),
        ("colour = 'red'\n", "colour"),
        ("[run]\ncommand = 3\n", "command"),
        ("= broken", "not valid TOML"),
    ],
)
def test_a_broken_project_file_is_one_clear_error(repository: Path, text: str, said: str) -> None:
    (repository / "autoresearch.toml").write_text(text)
    with pytest.raises(Invalid, match=said) as caught:
        ar.Workspace.open()
    assert "autoresearch.toml" in caught.value.message


def test_a_hostile_file_name_does_not_stop_an_experiment(repository: Path) -> None:
    (repository / os.fsdecode(b"evil\n\x1b[31m\xff.py")).write_bytes(b"x\n")
    exp = ar.experiment("odd names")
    assert len(exp.files) == 1
    assert exp.tree is not None
