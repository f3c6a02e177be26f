from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.exchange.reading import read_log
from autoresearch.exchange.replaying import replay
from autoresearch.records.frontier import Frontier
from autoresearch.track.exchanging import export, import_log
from autoresearch.track.workspace import Workspace
from tests import replay as logs

ENTRIES = logs.manifest()
SHORT, LONG = "karpathy__autoresearch__pr48-loop.tsv", "karpathy__autoresearch__pr109-loop.tsv"
LOG = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n" + "".join(
    f"{line}\n"
    for line in (
        "aaaaaaa\t1.50\t10.0\tkeep\tbaseline",
        "bbbbbbb\t1.60\t10.5\tdiscard\tworse",
        "ccccccc\t0.00\t0.0\tcrash\tout of memory",
        "ddddddd\t1.40\t11.0\tkeep\tbetter",
        "eeeeeee\t1.45\t11.0\tkeep\tkept though worse",
        "fffffff\tnan\t11.0\tkeep\tno score",
    )
)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path, project="logs") as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for the many tests that each take a project of their own."""
    return tmp_path_factory.mktemp("store")


def _file(folder: Path, text: str, name: str = "results.tsv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def _steps(frontier: Frontier) -> list[tuple[int, float]]:
    return [(step.number, step.score) for step in frontier.steps]


def _content(workspace: Workspace) -> list[tuple[Any, ...]]:
    return [
        (e.number, e.id, e.state, e.score, e.note, e.commit, e.metrics, e.on_frontier, e.gain)
        for e in workspace.experiments()
    ]


def test_a_log_becomes_experiments_with_verdicts(workspace: Workspace, tmp_path: Path) -> None:
    result = import_log(workspace, _file(tmp_path, LOG))
    kept = workspace.find("4")
    assert (kept.note, kept.commit, kept.score, kept.metrics) == (
        "better",
        "ddddddd",
        1.4,
        {"memory_gb": 11.0},
    )
    assert kept.source is not None
    assert (kept.source["file"], kept.source["line"]) == ("results.tsv", 5)
    assert [e.state for e in workspace.experiments()] == ["kept", "dropped", "crashed", "kept", "kept"]
    assert (result["rows"], result["imported"], result["new"]) == (6, 5, 5)
    assert [line["line"] for line in result["rejected"]] == [7]
    assert result["keeps_not_improving"] == [6]
    assert result["best"] == {"line": 5, "score": 1.4}
    goal = workspace.project.goal
    assert goal is not None
    assert (goal.metric, goal.direction) == ("val_bpb", "min")


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry["file"] for entry in ENTRIES])
def test_the_frontier_of_an_imported_log_is_that_of_its_replay(
    shared_home: Path, tmp_path: Path, entry: dict[str, Any]
) -> None:
    path = logs.require() / entry["file"]
    with Workspace.open(tmp_path, project=path.stem, home=shared_home) as workspace:
        _check_import(workspace, path, entry)


def _check_import(workspace: Workspace, path: Path, entry: dict[str, Any]) -> None:
    result, naive = import_log(workspace, path), entry["naive_replay"]
    assert result["imported"] == result["new"] == len(workspace.experiments())
    best = workspace.frontier().best
    assert (best and best.score) == naive["best"]
    assert result["best"] == replay(read_log(path.read_bytes()))["best"]
    if best is not None:
        source = workspace.find(str(best.number)).source
        assert source is not None
        assert source["line"] == naive["best_line"]
        assert len(workspace.frontier().steps) == naive["improving_keeps"] + 1


def test_an_import_after_a_shorter_version_equals_a_fresh_one(tmp_path: Path) -> None:
    folder = logs.require()
    with Workspace.open(tmp_path, project="p", home=tmp_path / "grown") as grown:
        first = import_log(grown, folder / SHORT)
        second = import_log(grown, folder / LONG)
        again = import_log(grown, folder / LONG)
        with Workspace.open(tmp_path, project="p", home=tmp_path / "fresh") as fresh:
            wanted = import_log(fresh, folder / LONG)
            assert _content(grown) == _content(fresh)
            assert _steps(grown.frontier()) == _steps(fresh.frontier())
    assert (first["new"], second["new"], again["new"], wanted["new"]) == (71, 45, 0, 116)
    assert {**second, "new": 0} == again == {**wanted, "new": 0}


def test_importing_twice_changes_nothing_in_the_ledger(workspace: Workspace, tmp_path: Path) -> None:
    path = _file(tmp_path, LOG)
    import_log(workspace, path)
    before = workspace.ledger.memory.events(limit=1000).items
    import_log(workspace, path)
    assert workspace.ledger.memory.events(limit=1000).items == before


def test_segments_become_sessions_with_a_frontier_each(workspace: Workspace) -> None:
    path = logs.require() / "epappas__autoresearch-rl__basilica-grpo.tsv"
    result = import_log(workspace, path, segment_by="episode_id")
    sessions = {s.number: s for s in workspace.ledger.research.sessions("logs").items}
    assert len(result["segments"]) == len(sessions) == 8
    for segment in result["segments"]:
        best = workspace.frontier(sessions[segment["session"]].id).best
        assert (best and best.score) == (segment["best"] and segment["best"]["score"])
    research = workspace.ledger.research
    assert [research.frontier("logs", segment=n).segment for n in range(1, 9)] == list(range(1, 9))
    crossed = [e for e in workspace.experiments() if e.state == "kept" and not e.on_frontier]
    assert crossed == [], "no keep is worse than the best of its own series"
    assert result["keeps_not_improving"] == []


def test_a_series_that_grows_after_others_began_stays_in_its_own_segment(
    workspace: Workspace, tmp_path: Path
) -> None:
    head, rows = (
        "commit\tval_bpb\tstatus\tphase\tdescription\n",
        "a\t3.0\tkeep\tone\tx\nb\t9.0\tkeep\ttwo\ty\n",
    )
    path = tmp_path / "results.tsv"
    path.write_text(head + rows)
    import_log(workspace, path, segment_by="phase")
    path.write_text(head + rows + "c\t2.0\tkeep\tone\tz\n")
    assert import_log(workspace, path, segment_by="phase")["new"] == 1
    assert [e.segment for e in workspace.experiments()] == [1, 2, 1]
    research = workspace.ledger.research
    assert [s.score for s in research.frontier("logs", segment=1).steps] == [3.0, 2.0]
    assert [s.score for s in workspace.frontier().steps] == [9.0]


def test_rows_of_the_same_commit_are_not_taken_for_repeats(workspace: Workspace, tmp_path: Path) -> None:
    rows = "".join(f"aaaaaaa\t{1.5 - n / 10}\t1.0\tkeep\tstep {n}\n" for n in range(5))
    import_log(workspace, _file(tmp_path, LOG.splitlines()[0] + "\n" + rows))
    assert workspace.frontier().noise is None
    assert len({e.repro_key for e in workspace.experiments()}) == 5


def test_the_active_session_stays_active(workspace: Workspace, tmp_path: Path) -> None:
    mine = workspace.session("mine")
    import_log(workspace, _file(tmp_path, LOG))
    assert workspace.project.active_session == mine.id
    states = {s.tag: s.state for s in workspace.ledger.research.sessions("logs").items}
    assert states == {"mine": "open", "import": "closed"}


def test_research_goes_on_after_an_import_in_a_session_of_its_own(
    workspace: Workspace, tmp_path: Path
) -> None:
    import_log(workspace, _file(tmp_path, LOG))
    made = workspace.experiment("on top", snapshot=None)
    assert workspace.decision(made.id, "keep", score=1.3).advanced
    assert made.session_id != workspace.find("1").session_id
    assert made.parent_id == workspace.find("4").id


def test_a_verdict_changed_after_the_import_is_not_changed_back(workspace: Workspace, tmp_path: Path) -> None:
    path = _file(tmp_path, LOG)
    import_log(workspace, path)
    workspace.decision("4", "drop", score=1.4, reason="the data leaked")
    import_log(workspace, path)
    assert workspace.find("4").state == "dropped"
    assert _steps(workspace.frontier()) == [(1, 1.5), (5, 1.45)]


def test_another_goal_is_a_conflict_and_nothing_is_recorded(workspace: Workspace, tmp_path: Path) -> None:
    workspace.goal("accuracy", lower_is_better=False)
    with pytest.raises(Conflict, match=r"goal accuracy \(max\)") as caught:
        import_log(workspace, _file(tmp_path, LOG))
    assert "--project" in caught.value.hint
    assert workspace.experiments() == ()


def test_the_goal_decides_the_direction_that_a_log_leaves_open(workspace: Workspace, tmp_path: Path) -> None:
    workspace.goal("points", lower_is_better=True)
    log = "id\tpoints\tstatus\tdescription\na\t5\tkeep\tx\nb\t4\tkeep\ty\n"
    result = import_log(workspace, _file(tmp_path, log))
    assert result["direction"] == "min"
    assert result["best"] == {"line": 3, "score": 4.0}


def test_labels_that_are_no_names_become_tags(workspace: Workspace, tmp_path: Path) -> None:
    rows = [("a/b:c", 1.5), ("..", 1.4), ("x" * 300, 1.3), ("\x07", 1.2)]
    body = "".join(f"k{n}\t{score}\tkeep\tn\t{label}\n" for n, (label, score) in enumerate(rows))
    path = _file(tmp_path, f"id\tval_bpb\tstatus\tdescription\tphase\n{body}")
    import_log(workspace, path, segment_by="phase")
    tags = [s.tag for s in workspace.ledger.research.sessions("logs").items]
    assert tags[0] == "a b c"
    assert len(workspace.experiments()) == 4


@pytest.mark.parametrize("data", [b"", b"\x00\xff", b"no header here", b"a\tb\n1\t2\n"])
def test_what_is_no_log_is_refused_and_leaves_nothing(
    workspace: Workspace, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "x.tsv").write_bytes(data)
    with pytest.raises(Invalid):
        import_log(workspace, tmp_path / "x.tsv")
    with pytest.raises(NotFound):
        _ = workspace.project


def test_a_file_that_is_not_there_is_not_found(workspace: Workspace, tmp_path: Path) -> None:
    for path in (tmp_path / "none.tsv", tmp_path):
        with pytest.raises(NotFound, match="There is no file"):
            import_log(workspace, path)


def test_an_export_as_json_holds_everything(workspace: Workspace, tmp_path: Path) -> None:
    import_log(workspace, _file(tmp_path, LOG))
    workspace.decision("2", "drop", score=1.6, reason="said again")
    workspace.note("mind the seed", "4")
    workspace.artifact("model", _file(tmp_path, "weights", "model.bin"), produced_by="4")
    document = json.loads(export(workspace))
    assert document["project"]["goal"]["metric"] == "val_bpb"
    assert [one["number"] for one in document["experiments"]] == [1, 2, 3, 4, 5]
    assert [d["reason"] for d in document["experiments"][1]["decisions"]][-1] == "said again"
    assert [d["superseded"] for d in document["experiments"][1]["decisions"]] == [True, False]
    assert document["sessions"][0]["tag"] == "import"
    assert document["notes"][0]["experiment_number"] == 4
    assert document["artifacts"][0]["versions"][0]["version"] == "v1"


def test_an_exported_tsv_imports_to_the_same_verdicts(workspace: Workspace, tmp_path: Path) -> None:
    import_log(workspace, _file(tmp_path, LOG))
    path = _file(tmp_path, export(workspace, "tsv"), "exported.tsv")
    with Workspace.open(tmp_path, project="copy") as copy:
        import_log(copy, path)
        assert [(e.state, e.score, e.note) for e in copy.experiments()] == [
            (e.state, e.score, e.note) for e in workspace.experiments()
        ]
        assert _steps(copy.frontier()) == _steps(workspace.frontier())


def test_an_exported_csv_has_a_row_for_each_experiment(workspace: Workspace, tmp_path: Path) -> None:
    import_log(workspace, _file(tmp_path, LOG))
    rows = list(csv.DictReader(io.StringIO(export(workspace, "csv"))))
    assert [row["val_bpb"] for row in rows] == ["1.5", "1.6", "", "1.4", "1.45"]
    assert {row["session"] for row in rows} == {"import"}


def test_a_table_needs_a_goal_and_json_does_not(workspace: Workspace) -> None:
    workspace.experiment("nothing to judge by", snapshot=None)
    with pytest.raises(Conflict, match="has no goal"):
        export(workspace, "tsv")
    assert json.loads(export(workspace))["project"]["goal"] is None
