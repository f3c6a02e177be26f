"""What an agent writes down: goals, sessions, notes, experiments and verdicts."""

from __future__ import annotations

from pathlib import Path

from tests.mcp_clients import in_process, run


def test_an_experiment_is_recorded_with_the_change_in_the_folder_and_judged(repository: Path) -> None:
    (repository / "train.py").write_text('print("val_loss:", 2.1)\n')

    async def work() -> None:
        async with in_process(repository) as asking:
            made = await asking("record_experiment", note="a better constant", config={"c": 2.1})
            assert made["experiment"]["number"] == 1
            assert made["experiment"]["files"] == ["train.py"]
            judged = await asking("decide_experiment", experiment=1, verdict="keep", samples=[2.1, 2.2])
            assert judged["decision"]["advanced"]
            assert (await asking("get_frontier"))["best"] == 2.15

    run(work)


def test_a_keep_without_a_score_is_refused_with_what_it_needs(researched: Path) -> None:
    async def work() -> None:
        async with in_process(researched) as asking:
            said = await asking("decide_experiment", experiment=3, verdict="keep")
            assert said.refused
            assert "a keep needs a finite score" in said.text

    run(work)


def test_parts_of_a_goal_are_set_and_the_rest_stays(repository: Path) -> None:
    async def work() -> None:
        async with in_process(repository) as asking:
            said = await asking("set_goal", target=1.9, constraints=["memory_gb <= 24"])
            assert said["goal"]["target"] == 1.9
            assert said["goal"]["metric"] == "val_loss"
            assert said["goal"]["protected"] == ["evaluate.py"]
            assert said["goal"]["constraints"] == [{"metric": "memory_gb", "op": "<=", "bound": 24.0}]

    run(work)


def test_a_session_is_opened_used_and_closed(repository: Path) -> None:
    async def work() -> None:
        async with in_process(repository) as asking:
            opened = await asking("open_session", tag="wider", note="wider heads")
            assert opened["session"]["state"] == "open"
            await asking("record_experiment", note="baseline")
            full = await asking("get_experiment", experiment="last", detail="full")
            assert full["experiment"]["session"] == "wider"
            closed = await asking("close_session")
            assert closed["session"]["state"] == "closed"

    run(work)


def test_a_ref_of_an_artifact_is_moved_only_from_where_it_was_expected(researched: Path) -> None:
    async def work() -> None:
        async with in_process(researched) as asking:
            moved = await asking("promote_artifact", name="char-lm-model", ref="production", version="v1")
            assert moved["version"] == "v1"
            again = await asking(
                "promote_artifact", name="char-lm-model", ref="production", version="v1", expected=""
            )
            assert again.refused

    run(work)
