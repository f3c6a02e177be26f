"""One machine on which three kinds of research lie: a real campaign of the demo, a public log, and a project as large as they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.loop.demo import run_demo
from autoresearch.records.experiment import Actor
from autoresearch.server.door import Door
from autoresearch.track.exchanging import import_log
from autoresearch.track.workspace import Workspace
from tests import replay
from tests.quick_demo import quick_demo
from tests.serving import listening
from tests.web import heavy
from tests.web.looking import Dashboard

__all__ = ["DEMO", "PUBLIC", "imported", "machine", "research"]

DEMO, PUBLIC = "lm", "public"
_LOG = "karpathy__autoresearch__pr109-loop.tsv"


@pytest.fixture(scope="module")
def research(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the demo's campaign and the large project; made before a browser is there, beside which no campaign runs."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with quick_demo():
        run_demo(seed=1, trials=5, home=folder / "store", directory=folder / "lm")
    heavy.heavy(folder / "store", heavy.SMALL)
    return folder / "store"


@pytest.fixture(scope="module")
def machine(research: Path, chromium: Browser) -> Iterator[Dashboard]:
    """The dashboard over it; the public log comes with :func:`imported`."""
    with listening(research) as served:
        state = served.state
        ledger = LocalLedger(state.database, state.objects, actor=Actor(kind="agent", name="claude-code"))
        state.door = Door(Actor(kind="human", name="ada"))
        yield Dashboard(chromium, served, ledger)


def imported(machine: Dashboard) -> None:
    """Have the public log, which is not part of the project; skips the test where it is not beside it."""
    log = replay.require() / _LOG
    with Workspace.open(machine.served.home, project=PUBLIC, home=machine.served.home) as workspace:
        assert import_log(workspace, log)["rows"] > 50
