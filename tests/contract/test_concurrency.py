from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from autoresearch.ledger.local.ledger import LocalLedger
from tests.contract_helpers import PROJECT, goal, session

WRITER = """
import json, sys
from pathlib import Path
from autoresearch.ledger.local.ledger import LocalLedger
from tests.contract_helpers import decide, experiment
home, opened, writer, many = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
acknowledged = []
with LocalLedger.open(home) as ledger:
    for index in range(many):
        made = experiment(ledger, opened, note=f"writer {writer} change {index}")
        score = 100 - index - writer / 10
        decide(ledger, made.id, "keep", score)
        acknowledged.append([made.id, made.number, score])
print(json.dumps(acknowledged))
"""


def test_eight_processes_recording_at_once_lose_nothing(tmp_path: Path) -> None:
    many = 15
    with LocalLedger.open(tmp_path) as ledger:
        goal(ledger)
        opened = session(ledger).id
    command = [sys.executable, "-c", WRITER, str(tmp_path), opened]
    writers = [
        subprocess.Popen(
            [*command, str(n), str(many)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for n in range(8)
    ]
    answers = [writer.communicate(timeout=240) for writer in writers]
    assert [(w.returncode, err) for w, (_, err) in zip(writers, answers, strict=True)] == [(0, "")] * 8
    acknowledged = [made for out, _ in answers for made in json.loads(out)]
    with LocalLedger.open(tmp_path) as ledger:
        found = ledger.research.experiments(PROJECT, limit=1000).items
        assert {e.id for e in found} == {made[0] for made in acknowledged}
        assert sorted(made[1] for made in acknowledged) == list(range(1, 8 * many + 1))
        assert all(e.state == "kept" for e in found)
        best = ledger.research.frontier(PROJECT).best
        assert best is not None
        assert best.score == min(made[2] for made in acknowledged)
        assert list(ledger.snapshots.verify()) == []


def test_processes_that_open_a_new_store_at_once_make_it_once(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from autoresearch.ledger.local.ledger import LocalLedger; "
    code += "LocalLedger.open(Path(sys.argv[1])).close()"
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "new")], stderr=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    assert [opener.communicate(timeout=120)[1] for opener in openers] == [""] * 6
    with LocalLedger.open(tmp_path / "new") as ledger:
        assert list(ledger.snapshots.verify()) == []
