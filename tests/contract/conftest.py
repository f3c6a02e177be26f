"""The contract suite does not know its backend: the ``ledger`` fixture hands one over, each leg in turn."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from autoresearch.ledger.base import Ledger
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Actor
from autoresearch.store.dialect_postgresql import Plain
from tests.contract_helpers import Poke, Reopened
from tests.postgres_server import empty_database, server, workbench

PERSON = Actor(kind="human", name="ada")
LEGS: Mapping[str, Callable[[Path], Any]] = {
    "sqlite": lambda home: LocalLedger.open(home, actor=PERSON),
    "sqlite-reopened": lambda home: Reopened(home, PERSON),
    "postgres": lambda home: LocalLedger.connect(empty_database(), home / "objects", actor=PERSON),
}


@pytest.fixture(params=LEGS)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger; one leg opens the store anew for every operation, so that nothing lives in memory."""
    with LEGS[request.param](tmp_path / "store") as made:
        yield made


@pytest.fixture
def poke(request: pytest.FixtureRequest, ledger: Ledger, tmp_path: Path) -> Poke:
    """Change rows behind the ledger's back: a statement and the values of its ``?``."""

    def change(statement: str, *values: Any) -> None:
        if request.node.callspec.params["ledger"] == "postgres":
            with server().superuser(workbench()) as connection:
                Plain(connection).execute(statement, values)
            return
        with contextlib.closing(sqlite3.connect(tmp_path / "store" / "ledger.sqlite")) as file, file:
            file.execute(statement, values)

    return change
