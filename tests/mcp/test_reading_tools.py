"""What an agent can look up: every tool that only reads, over a repository with some research in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.mcp_clients import ERAS, Said, in_process, over_stdio, run


def ask(folder: Path, tool: str, mode: str = "auto", **arguments: Any) -> Said:
    async def work() -> Said:
        async with in_process(folder, mode) as asking:
            return await asking(tool, **arguments)

    return run(work)


@pytest.mark.parametrize("mode", ERAS)
def test_a_brief_says_what_stands_and_what_was_tried(researched: Path, mode: str) -> None:
    said = ask(researched, "get_context", mode)
    assert said["incumbent"]["number"] == 2
    assert said["remarks"][0]["text"] == "the tokenizer stays as it is"
    assert '"LR is low; 0.04 -> 0.06"' in said.text
    assert said.text.startswith("# Research brief")


def test_a_brief_gets_shorter_until_it_fits_the_characters_that_were_asked_for(researched: Path) -> None:
    assert len(ask(researched, "get_context", max_chars=1000).text) <= 1000


def test_the_goal_comes_from_the_project_file_with_what_may_be_edited(repository: Path) -> None:
    said = ask(repository, "get_goal")
    assert said["goal"]["metric"] == "val_loss"
    assert said["goal"]["protected"] == ["evaluate.py"]
    assert said["editable"] == ["train.py"]


def test_a_budget_says_what_is_left_and_zero_is_said_too(researched: Path) -> None:
    said = ask(researched, "get_budget")
    assert said["left"]["experiments"] == 47
    assert said["counts"] == {"kept": 2, "dropped": 0, "crashed": 1, "waiting": 0, "experiments": 3}
    assert "dropped=0" in said.text


def test_experiments_are_listed_newest_first_and_go_on_by_cursor(researched: Path) -> None:
    first = ask(researched, "list_experiments", limit=2)
    assert [one["number"] for one in first["experiments"]] == [3, 2]
    assert first["truncated"]
    rest = ask(researched, "list_experiments", limit=2, cursor=first["next_cursor"])
    assert [one["number"] for one in rest["experiments"]] == [1]
    assert not rest["truncated"]
    crashed = ask(researched, "list_experiments", state="crashed")
    assert [one["number"] for one in crashed["experiments"]] == [3]


def test_an_experiment_is_found_by_number_as_a_number_or_a_word(researched: Path) -> None:
    assert ask(researched, "get_experiment", experiment=2)["experiment"]["score"] == 2.40
    assert ask(researched, "get_experiment", experiment="best")["experiment"]["number"] == 2
    full = ask(researched, "get_experiment", experiment="last", detail="full")
    assert full["experiment"]["verdicts"][0]["status"] == "crash"
    assert full["log_tail"].splitlines() == ["| step 1", "| loss: nan", "| Killed"]


def test_a_change_is_read_as_a_patch_behind_marks(researched: Path) -> None:
    said = ask(researched, "get_diff", experiment=2)
    assert "| +LR = 0.06" in said["diff"].splitlines()
    assert "| +LR = 0.06" in said.text.splitlines()
    compared = ask(researched, "get_diff", experiment=3, against=2)
    assert compared["changed"] == ["train.py"]
    assert "| +LR = 0.6" in compared["diff"].splitlines()


def test_a_long_change_is_read_in_parts_that_join_to_the_whole(repository: Path) -> None:
    lines = [f"# line {number}" for number in range(2000)]
    (repository / "train.py").write_text("\n".join(lines))

    async def work() -> list[str]:
        from autoresearch.track.workspace import Workspace

        with Workspace.open(repository) as workspace:
            workspace.experiment("long")
        found: list[str] = []
        async with in_process(repository) as asking:
            cursor = None
            while True:
                said = await asking("get_diff", experiment=1, **({"cursor": cursor} if cursor else {}))
                assert len(said.text) <= 8000
                found += said["diff"].splitlines()
                cursor = said.data.get("next_cursor")
                if cursor is None:
                    return found

    added = [line for line in run(work) if line.startswith("| +#")]
    assert added == [f"| +{line}" for line in lines]


def test_the_frontier_is_listed_from_the_best_back_to_the_baseline(researched: Path) -> None:
    said = ask(researched, "get_frontier")
    assert [step["number"] for step in said["steps"]] == [2, 1]
    assert said["best"] == 2.40
    assert said["noise"]["n"] == 2


def test_what_was_tried_is_found_by_words_and_by_likeness(researched: Path) -> None:
    assert ask(researched, "search_experiments", text="higher")["matches"][0]["number"] == 3
    tried = ask(researched, "check_tried", change="LR 0.04 -> 0.06")
    assert tried["matches"][0]["number"] == 2
    assert tried["matches"][0]["state"] == "kept"


def test_a_curve_comes_in_few_points_with_its_exact_extremes(researched: Path) -> None:
    said = ask(researched, "get_metrics", run="night", names=["loss"], max_points=50)
    (series,) = said["series"]
    assert series["total"] == 3000
    assert len(series["steps"]) == len(series["values"]) <= 50
    assert min(series["values"]) == pytest.approx(2, abs=1e-4)
    assert max(series["values"]) == pytest.approx(4, abs=1e-4)
    assert series["truncated"]


def test_metrics_without_a_name_are_listed(researched: Path) -> None:
    said = ask(researched, "get_metrics", run="night")
    assert said["metrics"][0]["name"] == "loss"
    assert said["metrics"][0]["points"] == 3000


def test_runs_are_listed_filtered_read_and_compared(researched: Path) -> None:
    assert {one["name"] for one in ask(researched, "list_runs")["runs"]} == {"night", "day"}
    assert [one["name"] for one in ask(researched, "list_runs", where=["config.lr > 0.05"])["runs"]] == [
        "night"
    ]
    assert ask(researched, "get_run", run="night")["run"]["config"] == {"lr": 0.06}
    said = ask(researched, "compare_runs", runs=[1, 2])
    assert said["differs"] == [{"name": "lr", "values": {"1": 0.06, "2": 0.04}}]


def test_what_was_printed_is_read_from_its_end(researched: Path) -> None:
    assert ask(researched, "get_logs", run="night", tail=2)["log"].splitlines() == ["| epoch 2", "| done"]
    assert ask(researched, "get_logs", experiment=3)["log"].splitlines()[-1] == "| Killed"


def test_notes_alerts_sessions_and_projects_are_listed(researched: Path) -> None:
    (note,) = ask(researched, "list_notes")["notes"]
    assert (note["text"], note["experiment"]) == ("the tokenizer stays as it is", 2)
    (alert,) = ask(researched, "list_alerts")["alerts"]
    assert alert["title"] == "loss is high"
    (session,) = ask(researched, "list_sessions")["sessions"]
    assert (session["tag"], session["state"]) == ("warm-up", "active")
    (project,) = ask(researched, "list_projects")["projects"]
    assert project["experiments"] == 3


def test_artifacts_are_listed_and_read_with_who_made_them(researched: Path) -> None:
    (artifact,) = ask(researched, "list_artifacts")["artifacts"]
    assert artifact["name"] == "char-lm-model"
    said = ask(researched, "get_artifact", name="char-lm-model")
    assert said["version"]["experiment"] == 2
    assert said["entries"][0]["path"] == "train.py"


def test_another_project_of_the_ledger_can_be_named(researched: Path) -> None:
    said = ask(researched, "list_experiments", project="elsewhere")
    assert said.refused
    assert "list_projects" in said.text


@pytest.mark.parametrize("mode", ERAS)
def test_a_server_of_its_own_process_answers_over_standard_input_and_output(
    researched: Path, mode: str
) -> None:
    async def work() -> Said:
        async with over_stdio(researched, mode) as asking:
            return await asking("get_context")

    assert run(work)["incumbent"]["number"] == 2


def test_whoever_calls_is_an_agent_by_the_name_of_its_program(repository: Path) -> None:
    async def work() -> Said:
        async with in_process(repository) as asking:
            await asking("add_note", text="seen")
            return await asking("list_notes")

    assert run(work)["notes"][0]["by"] == "tester (agent)"


def test_a_folder_whose_project_file_is_off_says_so_at_the_first_call(repository: Path) -> None:
    (repository / "autoresearch.toml").write_text("project = ")
    said = ask(repository, "get_context")
    assert said.refused
    assert "autoresearch.toml is not valid TOML" in said.text
