"""The contract suite does not know its backend: the ``ledger`` fixture hands one over, each leg in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoresearch.ledger.base import Ledger
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Actor
from tests.contract_helpers import Reopened

PERSON = Actor(kind="human", name="ada")


@pytest.fixture(params=["sqlite", "sqlite-reopened"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger; the second leg opens the store anew for every operation, so that nothing lives in memory."""
    home = tmp_path / "store"
    made: Any = LocalLedger.open(home, actor=PERSON) if request.param == "sqlite" else Reopened(home, PERSON)
    with made:
        yield made
