"""A store with people and keys, a clock that the test sets, and hashing that costs next to nothing."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from autoresearch.ledger.access.passwords import Passwords
from autoresearch.ledger.access.service import Access
from autoresearch.store.databases import open_database
from tests.postgres_server import empty_database

GOOD = "violet otter plays chess"


@dataclass
class Clock:
    """A server's clock."""

    now: datetime.datetime = field(
        default_factory=lambda: datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    )

    def __call__(self) -> datetime.datetime:
        return self.now

    def forward(self, **amount: float) -> None:
        self.now += datetime.timedelta(**amount)


class CountingPasswords(Passwords):
    """Real hashing with small parameters, which counts how often it works."""

    def __init__(self) -> None:
        super().__init__(memory_kib=8, passes=1)
        self.checked = 0
        self.made = 0

    def verify(self, stored: str | None, password: str) -> bool:
        self.checked += 1
        return super().verify(stored, password)

    def hash(self, password: str) -> str:
        self.made += 1
        return super().hash(password)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passwords() -> CountingPasswords:
    return CountingPasswords()


@pytest.fixture(params=["sqlite", "postgres"])
def access(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, passwords: CountingPasswords
) -> Iterator[Access]:
    """The people and keys of an empty store."""
    where = tmp_path / "ledger.sqlite" if request.param == "sqlite" else empty_database()
    database = open_database(where)
    yield Access(database, passwords=passwords, clock=clock)
    database.close()
