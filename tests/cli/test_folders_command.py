"""``folders``, and the verbs of ``runs`` that put runs in order."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import autoresearch as ar
from autoresearch.errors import Invalid, NotFound
from autoresearch.ledger.local.ledger import LocalLedger
from tests.logged_runs import Logging

Cli = Any
HOSTILE = "a\x1b[31mb\u202ed"


@pytest.fixture
def tracked(campaign: Path, home: Path) -> Path:
    """The campaign's repository, with two runs in its store."""
    with LocalLedger.open(home / ".autoresearch") as ledger:
        for name in ("calm-fox", "bold-elm"):
            run = Logging(ledger.runs, name=name)
            run.log(range(3), {"split": "train"}, loss=[3.0, 2.0, 1.0])
            run.log(range(2), {"split": "val"}, loss=[4.0, math.nan]).print("hello").finish()
    return campaign


def test_folders_are_made_listed_renamed_moved_and_removed(tracked: Path, cli: Cli) -> None:
    assert "no folder" in cli("folders", "ls", "/").out
    assert cli("folders", "create", "sweeps/lr").lines == ["folder  sweeps/lr"]
    assert (
        cli("folders", "create", "sweeps/lr", "-q").lines == cli("folders", "create", "sweeps/lr", "-q").lines
    )
    assert cli("folders", "rename", "sweeps/lr", "rate").lines == ["folder  sweeps/rate"]
    assert cli("folders", "create", "archive").code == 0
    assert cli("folders", "move", "sweeps/rate", "archive").lines == ["folder  archive/rate"]
    assert cli("folders", "move", "archive/rate", "/").lines == ["folder  rate"]
    paths = [one["path_name"] for one in cli("folders", "ls", "--all", "--json").json["folders"]]
    assert paths == ["archive", "rate", "sweeps"]
    assert cli("folders", "rm", "rate").lines == ["removed  rate"]
    assert cli("folders", "rm", "rate", "--json").error["code"] == "not_found"
    assert cli("folders", "move", "sweeps", "sweeps", "--json").error["code"] == "conflict"
    assert cli("folders", "create", "a//b", "--json").error["code"] == "invalid"


def test_runs_are_moved_into_folders_and_found_there(tracked: Path, cli: Cli) -> None:
    said = cli("runs", "move", "calm-fox", "sweeps/lr")
    assert [line.split() for line in said.lines[:2]] == [["run", "1", "calm-fox"], ["folder", "sweeps/lr"]]
    listed = cli("folders", "sweeps/lr", "--json").json
    assert ([run["name"] for run in listed["runs"]], listed["folder"]["path_name"]) == (
        ["calm-fox"],
        "sweeps/lr",
    )
    assert "calm-fox" in cli("folders", "ls", "sweeps/lr").out
    assert [run["name"] for run in cli("runs", "--folder", "sweeps/lr", "--json").json["runs"]] == [
        "calm-fox"
    ]
    assert cli("folders", "ls", "/", "--limit", "1", "--json").json["runs"][0]["name"] == "bold-elm"
    assert cli("runs", "move", "1", "/", "--json").json["run"]["folder"] is None
    assert cli("folders", "ls", "sweeps/lr", "-q").lines == []


def test_runs_are_annotated_and_what_was_noted_is_listed(tracked: Path, cli: Cli) -> None:
    words = ("runs", "annotate", "1", f"spike {HOSTILE}", "--meta", "shard=7")
    made = cli(*words, "--at", "2026-01-31T12:00", "--json").json["annotation"]
    assert (made["at"], made["metadata"]) == ("2026-01-31T12:00:00Z", {"shard": "7"})
    said = cli("runs", "annotations", "1")
    assert "2026-01-31 12:00:00.000" in said.out
    assert "shard=7" in said.out
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out
    assert cli("runs", "annotations", "2").lines[-1] == "nothing was noted"
    assert cli("runs", "annotate", "1", "", "--json").error["code"] == "invalid"


def test_the_catalog_tells_series_and_the_values_of_labels(tracked: Path, cli: Cli) -> None:
    said = cli("runs", "catalog", "1")
    assert "loss{split=train}" in said.out
    assert "console/stdout" in said.out
    labels = cli("runs", "catalog", "1", "loss", "--json").json["labels"]
    assert labels == [
        {
            "key": "split",
            "value_count": 2,
            "values": [{"value": "train", "points": 3}, {"value": "val", "points": 2}],
        }
    ]
    assert [line.split() for line in cli("runs", "catalog", "1", "loss", "--limit", "1").lines[1:2]] == [
        ["split", "train", "3"]
    ]
    assert cli("runs", "catalog", "1", "loss", "--key", "fold", "--json").json["labels"] == []
    assert cli("runs", "catalog", "1", "--key", "split", "--json").error["code"] == "usage"


def test_folders_annotations_and_series_in_one_order_from_python(tracked: Path) -> None:
    with ar.Workspace.open() as workspace:
        archive, folders = workspace.runs, workspace.folders
        moved = archive.move("calm-fox", "sweeps/lr")
        assert moved.folder == "sweeps/lr"
        assert [run.name for run in folders.contents("sweeps/lr").runs] == ["calm-fox"]
        assert archive.list(folder="sweeps/lr") == (moved,)
        assert [folder.name for folder in folders.contents().folders] == ["sweeps"]
        assert folders.move(folders.create("a/b").path_name, "/").path_name == "b"
        assert folders.rename("b", "c").path_name == "c"
        assert folders.remove("c").name == "c"
        with pytest.raises(NotFound):
            folders.find("c")
        archive.edit("calm-fox", group="g", config={"lr": 1, "wd": 2})
        emptied = archive.edit("calm-fox", clear=["group", "folder_id"], remove_config=["lr"])
        assert (emptied.group, emptied.folder, emptied.config) == (None, None, {"wd": 2})
        noted = archive.annotate("calm-fox", "a spike", {"step": 2})
        assert archive.annotations("calm-fox", since=noted.at, until=noted.at) == (noted,)
        values = archive.label_values("calm-fox", "loss", "split")
        assert [one.value for one in values.labels[0].values] == ["train", "val"]
        found = archive.merged(["calm-fox", "bold-elm"], "loss", labels={"split": "train"}, limit=3)
        assert [(point.series, point.step) for point in found] == [(0, 0), (1, 0), (0, 1)]
        with pytest.raises(Invalid):
            archive.merged("calm-fox")
