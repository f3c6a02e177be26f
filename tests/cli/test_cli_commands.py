"""What each command does to the ledger, and what it answers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from autoresearch.track.project_file import read_project_file
from autoresearch.track.workspace import Workspace

# Every command that answers data, as a program would call it in the campaign.
DATA = [
    ["status"],
    ["status", "--all"],
    ["goal"],
    ["session", "list"],
    ["session", "open", "more"],
    ["session", "close"],
    ["experiment", "list"],
    ["experiment", "show", "1"],
    ["experiment", "record", "--note", "another"],
    ["decide", "3", "drop", "--score", "2.8"],
    ["note", "mind the seed", "--experiment", "2"],
    ["context"],
    ["frontier"],
    ["progress"],
    ["search", "rate"],
    ["tried", "LR 1 -> 2"],
    ["show", "best"],
    ["events"],
    ["diff", "2"],
    ["diff", "1", "2"],
    ["checkout", "1", "../one"],
    ["reproduce", "1"],
    ["artifacts"],
    ["artifacts", "log", "model", "train.py"],
    ["artifacts", "show", "model"],
    ["artifacts", "get", "model", "../model"],
    ["promote", "model", "production", "v1"],
    ["import", "log.tsv", "--project", "imported"],
    ["export"],
    ["export", "--as", "tsv", "--output", "results.tsv"],
    ["fsck"],
    ["gc"],
    ["doctor"],
    ["init", "--force", "--metric", "loss", "--min"],
]


@pytest.mark.parametrize("words", DATA, ids=" ".join)
@pytest.mark.parametrize("form", ["json", "agent", "quiet", "human"])
def test_every_command_answers_in_every_form(campaign: Path, cli: Any, words: list[str], form: str) -> None:
    (campaign / "log.tsv").write_text("id\tloss\tstatus\tdescription\na\t2.5\tkeep\tx\n")
    if words[0] in {"artifacts", "promote"}:
        assert cli("artifacts", "log", "model", "train.py", "--produced-by", "1", "-q").out == "model:v1\n"
    said = cli(*words, "--format", form, terminal=form == "human")
    assert (said.code, form in {"human", "agent"} or said.err) in {(0, ""), (0, True)}, said.err
    if form == "json":
        assert said.json["schema_version"] == 1
    elif form == "agent":
        raw = words[0] in {"context", "diff", "export"} and "--output" not in words
        following = [line for line in said.lines if line.startswith("next: autoresearch ")]
        assert following == ([] if raw else said.lines[-1:])
    elif form == "human":
        assert said.out


def test_a_recorded_experiment_keeps_what_the_options_say(repository: Path, cli: Any) -> None:
    (repository / "x.patch").write_bytes(b"diff --git a/a b/a\n")
    cli("artifacts", "log", "data", "train.py")
    made = cli(
        *(
            "experiment",
            "--note",
            "flaw; fix",
            "--commit",
            "0" * 40,
            "--diff",
            "x.patch",
            "--snapshot",
            "train.py",
        ),
        *("--config", "lr=0.1", "--config", "name=fast", "--config", 'deep={"a": [1]}', "--uses", "data:v1"),
        *("--command", "python train.py --fast 'a b'", "--json"),
    ).json["experiment"]
    assert made["note"] == "flaw; fix"
    assert made["commit"] == "0" * 40
    assert made["diff"]["size"] == 19
    assert made["config"] == {"lr": 0.1, "name": "fast", "deep": {"a": [1]}}
    assert made["command"] == ["python", "train.py", "--fast", "a b"]
    assert made["uses"] == ["data:v1"]
    assert cli("diff", "1").raw == b"diff --git a/a b/a\n"
    assert cli("checkout", "1", "../out").code == 0
    assert [path.name for path in (repository.parent / "out").iterdir()] == ["train.py"]


def test_the_same_id_records_and_decides_once(campaign: Path, cli: Any) -> None:
    one = "01890000-0000-7000-8000-000000000001"
    for _ in range(2):
        assert cli("experiment", "--note", "x", "--no-snapshot", "--id", one, "-q").out == f"{one}\n"
        assert cli("decide", "4", "drop", "--score", "3", "--id", one, "-q").out == f"{one}\n"
    assert len(cli("experiment", "list", "-q").lines) == 4
    assert len(cli("show", "4", "--json").json["decisions"]) == 1
    assert cli("experiment", "--note", "y", "--no-snapshot", "--id", one).code == 5


def test_a_patch_is_printed_byte_for_byte_and_applies(campaign: Path, cli: Any, tmp_path: Path) -> None:
    said = cli("diff", "2")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(campaign), str(clone)], check=True)
    subprocess.run(["git", "apply"], cwd=clone, input=said.raw, check=True)
    assert (clone / "train.py").read_text().startswith("LR = 2")
    assert cli("diff", "2", "--format", "agent").raw == said.raw
    shown = cli("diff", "2", terminal=True).out
    assert "\x1b[32m+LR = 2\x1b[0m" in shown


def test_two_experiments_are_compared_by_their_files(campaign: Path, cli: Any) -> None:
    found = cli("diff", "1", "2", "--json").json
    assert (found["added"], found["removed"], found["changed"]) == ([], [], ["train.py"])
    assert "-LR = 1\n+LR = 2\n" in found["text"]
    assert cli("diff", "2", "2").err == "note: Experiments 2 and 2 have the same files.\n"
    assert cli("diff", "1", "3").code == 5


def test_an_experiment_without_a_snapshot_is_checked_out_from_its_commit(campaign: Path, cli: Any) -> None:
    assert cli("checkout", "3", "../three").code == 0
    assert (campaign.parent / "three" / "train.py").read_text().startswith("LR = 2")


def test_a_session_takes_experiments_until_it_is_closed(campaign: Path, cli: Any) -> None:
    assert cli("session", "sweep", "--note", "rates").code == 0
    assert cli("session", "list", "--json").json["sessions"][-1]["tag"] == "sweep"
    cli("experiment", "--note", "in it", "--no-snapshot")
    assert (
        cli("experiment", "list", "--session", "sweep", "-q").lines
        == cli("experiment", "list", "--limit", "1", "-q").lines
    )
    assert cli("session", "close").code == 0
    assert cli("session", "close", "sweep").code == 5
    assert cli("session", "reopen", "sweep", "-q").code == 0
    assert cli("session", "close", "nine").code == 3
    cli("session", "open", "sweep")
    assert cli("session", "close", "sweep").err.startswith("error: Several sessions have the tag 'sweep'.")


def test_a_goal_changes_in_part_and_a_new_metric_starts_afresh(campaign: Path, cli: Any) -> None:
    assert (
        cli("goal", "--min-delta", "0.01", "--constraint", "memory_gb <= 24", "--max-experiments", "9").code
        == 0
    )
    goal = cli("goal", "--json").json["goal"]
    assert (goal["target"], goal["min_delta"], goal["budget"]["max_experiments"]) == (2.0, 0.01, 9)
    assert goal["constraints"] == [{"metric": "memory_gb", "op": "<=", "bound": 24.0}]
    cli("goal", "--trial-seconds", "5")
    assert cli("goal", "--json").json["goal"]["budget"] == {
        "max_experiments": 9,
        "max_seconds": None,
        "trial_seconds": 5.0,
    }
    assert cli("goal", "accuracy", "--max").code == 0
    goal = cli("goal", "--json").json["goal"]
    assert (goal["metric"], goal["target"], goal["segment"]) == ("accuracy", None, 2)
    assert cli("frontier", "--segment", "1", "-q").lines == [cli("show", "1", "-q").out.strip()]


def test_pages_of_experiments_follow_one_another(campaign: Path, cli: Any) -> None:
    first = cli("experiment", "list", "--limit", "2", "--json").json
    second = cli("experiment", "list", "--limit", "2", "--cursor", first["next_cursor"], "--json").json
    assert [e["number"] for e in first["experiments"] + second["experiments"]] == [3, 2, 1]
    assert second["next_cursor"] is None


def test_events_are_the_latest_or_those_since_a_number(campaign: Path, cli: Any) -> None:
    every = cli("events", "--limit", "1000", "--json").json["events"]
    assert cli("events", "--limit", "3", "--json").json["events"] == every[-3:]
    since = cli("events", "--since", str(every[1]["seq"]), "--limit", "2", "--json").json["events"]
    assert since == every[2:4]
    assert cli("events", "--since", str(every[-1]["seq"]), "-q").out == ""


def test_a_remark_and_a_patch_can_come_from_standard_input(campaign: Path, cli: Any) -> None:
    assert cli("note", "-", "--json", stdin=b"from a pipe\n").json["note"]["text"] == "from a pipe"
    patch = cli("diff", "2").raw
    found = cli("tried", "--diff", "-", "--json", stdin=patch).json["matches"]
    assert (found[0]["number"], found[0]["likeness"]) == (2, 1.0)


def test_the_picture_is_written_as_svg(campaign: Path, cli: Any) -> None:
    said = cli("progress", "--svg", "progress.svg")
    assert said.err == "note: The picture was written to progress.svg.\n"
    assert (campaign / "progress.svg").read_text().startswith("<svg")


def test_init_takes_what_lies_there_and_sets_the_goal(repository: Path, cli: Any) -> None:
    (repository / "results.tsv").write_text(
        "commit\tval_bpb\tstatus\tdescription\nabcdef1\t1.5\tkeep\tfirst\n"
    )
    said = cli("init", "--protected", "data/**", "--trial-seconds", "60", "--target", "1", "--json")
    assert said.json["goal"]["metric"] == "val_bpb"
    file = read_project_file(repository / "autoresearch.toml")
    assert file.project == "tiny"
    assert file.goal is not None
    assert (file.goal.metric, file.goal.direction, file.goal.target) == ("val_bpb", "min", 1.0)
    assert (file.goal.protected, file.goal.budget.trial_seconds) == (("data/**",), 60.0)
    assert (file.run.command, file.run.editable) == (("python", "train.py"), ("train.py",))
    with Workspace.open(repository) as workspace:
        assert workspace.project.goal is not None


def test_init_never_replaces_a_file_unless_it_is_told_to(repository: Path, cli: Any) -> None:
    file = repository / "autoresearch.toml"
    file.write_text('project = "mine"\n')
    assert cli("init", "--metric", "loss", "--min").code == 5
    assert file.read_text() == 'project = "mine"\n'
    assert cli("init", "--metric", "loss", "--min", "--force").code == 0
    assert 'metric = "loss"' in file.read_text()
    assert [path.name for path in repository.iterdir() if path.name.startswith(".auto")] == []


def test_init_refuses_what_the_file_would_not_read(repository: Path, cli: Any) -> None:
    assert cli("init", "--metric", "loss").err.startswith(
        "error: Nothing says whether a lower or a higher loss"
    )
    assert cli("init", "--metric", "a\x07b", "--min").code == 2
    assert not (repository / "autoresearch.toml").exists()


def test_init_outside_a_repository_says_so(tmp_path: Path, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = cli("init", "--metric", 'odd "name" \\ ☃', "--max")
    assert said.code == 0
    assert "in no git repository" in said.err
    goal = read_project_file(tmp_path / "autoresearch.toml").goal
    assert goal is not None
    assert goal.metric == 'odd "name" \\ ☃'


def test_init_asks_on_a_terminal_and_never_elsewhere(
    repository: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = cli("init", stdin=b"")
    assert (said.code, "so there is no goal" in said.err) == (0, True)
    monkeypatch.setenv("CI", "1")
    assert cli("init", "--force", terminal=True).code == 0
    monkeypatch.delenv("CI")
    said = cli("init", "--force", terminal=True, stdin=b"acc\nmax\n")
    assert said.code == 0, said.err
    goal = read_project_file(repository / "autoresearch.toml").goal
    assert goal is not None
    assert (goal.metric, goal.direction) == ("acc", "max")


def test_init_asks_for_a_command_only_where_none_is_found(repository: Path, cli: Any) -> None:
    (repository / "train.py").rename(repository / "learn.py")
    said = cli("init", "--metric", "loss", "--min", terminal=True, stdin=b"python learn.py 'a b'\n")
    assert said.code == 0
    assert read_project_file(repository / "autoresearch.toml").run.command == ("python", "learn.py", "a b")


def test_an_unfinished_answer_to_a_question_writes_nothing(repository: Path, cli: Any) -> None:
    said = cli("init", terminal=True, stdin=b"acc\n")
    assert said.code == 130
    assert not (repository / "autoresearch.toml").exists()


def test_an_export_goes_to_a_file_only_once(campaign: Path, cli: Any) -> None:
    assert cli("export", "--as", "tsv", "--output", "out.tsv").code == 0
    before = (campaign / "out.tsv").read_text()
    assert before.splitlines()[0] == "commit\tloss\tmemory_gb\tstatus\tdescription"
    assert cli("export", "--as", "csv", "--output", "out.tsv").code == 5
    assert (campaign / "out.tsv").read_text() == before
    assert cli("export", "--as", "csv", "--output", "out.tsv", "--force").code == 0
    assert (campaign / "out.tsv").read_text().startswith("number,id,")
    assert cli("export", "--as", "csv", "--json").code == 2
    assert [path.name for path in campaign.iterdir() if path.name.endswith(".part")] == []


def test_an_import_reports_as_one_document(campaign: Path, cli: Any) -> None:
    log = "id\tscore\tstatus\tdescription\na\t2\tkeep\tx\nb\t1\tkeep\ty\nc\t?\tkeep\tz\n"
    (campaign / "log.tsv").write_text(log)
    found = cli(
        "import", "log.tsv", "--project", "other", "--metric", "score", "--direction", "max", "--json"
    ).json
    wanted = {"rows": 3, "imported": 2, "best": {"line": 2, "score": 2.0}, "keeps_not_improving": [3]}
    assert {key: found[key] for key in wanted} == wanted
    assert [(line["line"], bool(line["reason"])) for line in found["rejected"]] == [(4, True)]
    assert found["statuses"] == {"keep": 3}
    assert found["segments"][0]["imported"] == 2
    assert cli("import", "log.tsv").code == 5


def test_a_score_is_reproduced_or_not(campaign: Path, cli: Any) -> None:
    same = cli("reproduce", "1", "--json")
    assert (same.code, same.json["within"], same.json["reproduced"]) == (0, True, 2.6)
    cli("decide", "2", "drop", "--score", "2.75")
    other = cli("reproduce", "2", "--json")
    assert (other.code, other.json["within"]) == (1, False)
    assert other.json["difference"] == pytest.approx(-0.05)
    cli("goal", "--noise", "0.03")
    assert cli("reproduce", "2").code == 0


def test_repeats_run_with_seeds_in_folders_of_their_own(campaign: Path, cli: Any) -> None:
    script = "import os; print('loss:', 2.6 + int(os.environ['SEED'])); open('left', 'x')"
    words = ["reproduce", "1", "--repeats", "3", "--keep-dir", "../kept", "--json"]
    said = cli(*words, "--", "python3", "-c", script)
    assert said.json["samples"] == [2.6, 3.6, 4.6]
    assert sorted(path.name for path in (campaign.parent / "kept").iterdir()) == [
        name for n in (1, 2, 3) for name in (f"run-{n}", f"run-{n}.log")
    ]
    assert cli(*words).code == 5


def test_a_run_without_a_score_is_not_reproduced_and_shows_its_output(campaign: Path, cli: Any) -> None:
    failed = cli("reproduce", "1", "--", "python3", "-c", "print('on the way'); raise SystemExit(3)")
    assert failed.code == 1
    assert "not reproduced: ended with exit code 3" in failed.out
    assert "| on the way" in failed.lines
    late = cli("reproduce", "1", "--timeout", "0.2", "--json", "--", "sleep", "60")
    assert (late.code, late.json["timed_out"], late.json["reproduced"]) == (124, True, None)
    assert cli("reproduce", "1", "--", "no-such-program-at-all").code == 1


def test_what_cannot_be_run_again_says_what_is_missing(campaign: Path, cli: Any) -> None:
    cli("experiment", "--note", "by hand", "--no-snapshot")
    cli("decide", "4", "drop", "--score", "3")
    assert "without a command" in cli("reproduce", "4").err
    assert "has no score" in cli("reproduce", "3", "--", "true").err


def test_faults_are_named_and_end_with_one(campaign: Path, cli: Any, home: Path) -> None:
    objects = sorted((home / ".autoresearch" / "objects").glob("??/*"))
    objects[0].chmod(0o644)
    objects[0].write_bytes(b"something else")
    found = cli("fsck", "--json")
    assert (found.code, found.json["ok"]) == (1, False)
    assert objects[0].name in found.json["faults"][0]
    check = cli("doctor", "--json")
    states = {item["name"]: item["state"] for item in check.json["checks"]}
    assert (check.code, states["objects"], states["store"]) == (1, "fail", "ok")


def test_a_check_up_works_where_nothing_else_does(campaign: Path, cli: Any, home: Path) -> None:
    (home / ".autoresearch" / "ledger.sqlite").write_bytes(b"no database" * 100)
    (campaign / "autoresearch.toml").write_text("not [ toml")
    said = cli("doctor", "--json")
    states = {item["name"]: item["state"] for item in said.json["checks"]}
    assert said.code == 1
    assert (states["store"], states["project file"], states["project"]) == ("fail", "fail", "fail")
    assert (states["python"], states["git"]) == ("ok", "ok")
    assert all(item["advice"] for item in said.json["checks"] if item["state"] != "ok")
    assert cli("status").code in {1, 2}


def test_a_check_up_of_an_empty_home_makes_nothing(repository: Path, cli: Any, home: Path) -> None:
    said = cli("doctor", "--json")
    assert said.code == 0
    assert {item["state"] for item in said.json["checks"]} <= {"ok", "warn"}
    assert not (home / ".autoresearch").exists()


def test_orphans_are_counted_and_removed_only_when_told(
    campaign: Path, cli: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoresearch.ledger.local.snapshots.GRACE_SECONDS", -60.0)
    with Workspace.open() as workspace:
        digest = workspace.ledger.snapshots.put(b"an orphan")
    assert cli("gc", "--json").json == {"schema_version": 1, "dry_run": True, "objects": 1, "bytes": 9}
    assert cli("gc").out == "1 object, 9 bytes could be removed\n"
    assert cli("gc", "--yes").out == "removed 1 object, 9 bytes\n"
    assert cli("gc", "-q").out == "0\n"
    assert not (home / ".autoresearch" / "objects" / digest[:2] / digest[2:]).exists()


def test_versions_show_what_made_and_used_them(campaign: Path, cli: Any) -> None:
    cli("artifacts", "log", "model", "train.py", "--produced-by", "1", "--metadata", "size=3")
    cli("experiment", "--note", "on top", "--no-snapshot", "--uses", "model:v1")
    line = cli("artifacts", "show", "model").lines[1].split()
    assert line[0] == "v1"
    assert line[-2:] == ["#1", "#4"]
    assert cli("artifacts", "show", "model", "--json").json["versions"][0]["metadata"] == {"size": 3}
    assert cli("promote", "model", "production", "v1", "--expected", "v2").code == 5
    assert cli("promote", "model", "production", "v1", "--expected", "").code == 0


def test_context_is_printed_as_it_is(campaign: Path, cli: Any) -> None:
    with Workspace.open() as workspace:
        brief = workspace.context(budget=500, limit=2)
    assert cli("context", "--budget", "500", "--limit", "2").out == brief.markdown
    document = cli("context", "--budget", "500", "--limit", "2", "--json").json
    assert document["markdown"] == brief.markdown
    assert document["data"] == json.loads(brief.json)
    assert document["tokens"] <= document["budget"] == 500


def test_the_demo_runs_and_answers_one_document(
    tmp_path: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = cli("demo", "--trials", "1", "--into", "model repository", "--format", "json")
    assert (said.code, said.err) == (0, "")
    document = said.json
    assert document["experiments"] == 2 == document["kept"] + document["dropped"] + document["crashed"]
    assert document["directory"] == str(tmp_path / "model repository")
    again = cli("demo", "--trials", "1", "--into", "model repository", "--format", "agent")
    assert again.code == 0
    assert again.lines[-1] == f"next: autoresearch -C '{tmp_path}/model repository' context"
    report = cli("demo", "--trials", "1", "--into", "model repository")
    assert "What to type next" in report.out
    assert "\x1b" not in report.out


def test_a_segment_is_opened_by_hand_with_its_reason(campaign: Path, cli: Any) -> None:
    assert cli("goal", "--new-segment", "the evaluator was mended", "--json").json["goal"]["segment"] == 2
    assert "the evaluator was mended" in cli("context").out
    assert cli("frontier", "-q").lines == []
    assert cli("frontier", "--segment", "1", "-q").lines != []
