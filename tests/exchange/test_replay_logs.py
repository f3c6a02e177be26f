from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from autoresearch.exchange.reading import read_log
from autoresearch.exchange.replaying import replay


def _helper() -> Any:
    path = Path(__file__).parents[1] / "replay.py"
    spec = importlib.util.spec_from_file_location("replay_logs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


LOGS = _helper()
ENTRIES = LOGS.manifest()


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry["file"] for entry in ENTRIES])
def test_a_replay_equals_the_recorded_one(entry: dict[str, Any]) -> None:
    log = read_log((LOGS.require() / entry["file"]).read_bytes())
    summary, naive = replay(log), entry["naive_replay"]
    best = {"line": naive["best_line"], "score": naive["best"]} if naive["best_line"] else None
    assert (summary["best"], summary["rows"]) == (best, entry["rows"])
    assert log.direction == entry["direction"]
    assert summary["improving_keeps"] == naive["improving_keeps"]
    assert len(summary["keeps_not_improving"]) == naive["keeps_not_improving"]
    assert summary["keeps_not_improving"][:12] == naive["keeps_not_improving_lines"]
    assert len(summary["ties"]) == naive["ties"]
    assert summary["drops_that_beat_best"][:12] == naive["non_keeps_that_beat_best_lines"]
    # Rows with a literal backslash-t count as statusless in the manifest; here they are recovered.
    if not entry["file"].endswith("__bpb.tsv"):
        assert summary["statuses"] == entry["status_counts"]
        assert len(summary["rejected"]) == entry["rows_with_wrong_column_count"]


def test_the_logs_are_there() -> None:
    assert LOGS.require().is_dir()
    assert len(ENTRIES) > 20


def test_rows_with_literal_backslash_t_are_recovered() -> None:
    log = read_log((LOGS.require() / "Nunchi-trade__auto-researchtrading__bpb.tsv").read_bytes())
    assert dict(log.statuses) == {"keep": 2, "discard": 47, "crash": 3}
    assert not log.rejected


def test_episodes_replayed_apart_have_no_worse_keep() -> None:
    data = (LOGS.require() / "epappas__autoresearch-rl__basilica-grpo.tsv").read_bytes()
    summary = replay(read_log(data, segment_by="episode_id"))
    assert summary["keeps_not_improving"] == []
    assert [part["best"] is not None for part in summary["segments"]].count(True) == 6


def test_phases_replayed_apart_leave_the_truly_worse_keeps() -> None:
    data = (LOGS.require() / "karpathy__autoresearch__pr442-ane.tsv").read_bytes()
    assert replay(read_log(data, segment_by="description"))["keeps_not_improving"] == [45, 46, 53, 54, 55, 56]


def test_a_shorter_version_of_a_log_gives_the_same_keys() -> None:
    folder = LOGS.require()
    short = read_log((folder / "karpathy__autoresearch__pr48-loop.tsv").read_bytes())
    long = read_log((folder / "karpathy__autoresearch__pr109-loop.tsv").read_bytes())
    assert [row.key for row in short.rows] == [row.key for row in long.rows[: len(short.rows)]]
