"""The contract suite does not know its backend: the ``ledger`` fixture hands one over, each leg in turn."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from autoresearch.client.keys import request_key
from autoresearch.ledger.base import Ledger
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.remote.ledger import RemoteLedger
from autoresearch.ledger.synced.ledger import SyncedLedger
from autoresearch.records.experiment import Actor
from autoresearch.store.dialect_postgresql import Plain
from tests.contract_helpers import Poke, Reopened
from tests.postgres_server import empty_database, server, workbench
from tests.serving import Served, in_process, key_of, listening

PERSON = Actor(kind="human", name="ada")
STORES: Mapping[str, Callable[[Path], Any]] = {
    "sqlite": lambda home: LocalLedger.open(home, actor=PERSON),
    "sqlite-reopened": lambda home: Reopened(home, PERSON),
    "postgres": lambda home: LocalLedger.connect(empty_database(), home / "objects", actor=PERSON),
}
SERVERS = ("http", "socket", "synced")
# What is about bytes, with these in a bucket.
BUCKET, OF_BYTES = "bucket", {"test_artifacts", "test_snapshots"}
_counter = itertools.count(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every leg, but for what is done where the store lies."""
    if "ledger" in metafunc.fixturenames:
        local = any(metafunc.definition.iter_markers("store"))
        legs = [*STORES, *(() if local else SERVERS)]
        if not local and metafunc.module.__name__.rpartition(".")[2] in OF_BYTES:
            legs.append(BUCKET)
        metafunc.parametrize("ledger", legs, indirect=True)


@pytest.fixture(scope="session")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server in process; each test is an organization of its own on it."""
    with in_process(tmp_path_factory.mktemp("http")) as served:
        yield served


@pytest.fixture(scope="session")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on a port of this machine."""
    with listening(tmp_path_factory.mktemp("socket")) as served:
        yield served


@pytest.fixture
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger.

    The leg ``sqlite-reopened`` opens the store anew for every operation, so that nothing lives in memory; ``http`` and
    ``socket`` are organizations of a server that all tests of a worker share; ``synced`` is one with a ledger of this machine.
    """
    if request.param in SERVERS:
        served: Served = request.getfixturevalue(_server_of(request.param))
        key = key_of(served.state.access, f"organization {next(_counter)}")
        remote = RemoteLedger(served.client(key))
        mirrored = request.param == "synced"
        with SyncedLedger(tmp_path / "mirror", remote, keyed=request_key) if mirrored else remote as made:
            yield made
        return
    if request.param == BUCKET:
        bucket = f"s3://{request.getfixturevalue('s3').bucket()}/objects"
        with LocalLedger.connect(tmp_path / "store" / "ledger.sqlite", bucket, actor=PERSON) as made:
            yield made
        return
    with STORES[request.param](tmp_path / "store") as made:
        yield made


def _server_of(leg: str) -> str:
    return "http" if leg == "synced" else leg


@pytest.fixture
def poke(request: pytest.FixtureRequest, ledger: Ledger, tmp_path: Path) -> Poke:
    """Change rows behind the ledger's back: a statement and the values of its ``?``."""
    leg = request.node.callspec.params["ledger"]

    def change(statement: str, *values: Any) -> None:
        if leg == "postgres":
            with server().superuser(workbench()) as connection:
                Plain(connection).execute(statement, values)
            return
        home = request.getfixturevalue(_server_of(leg)).home if leg in SERVERS else tmp_path / "store"
        with contextlib.closing(sqlite3.connect(home / "ledger.sqlite")) as file, file:
            file.execute(statement, values)

    return change
