from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Served, in_process


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server in process over a new embedded store."""
    with in_process(tmp_path / "served") as made:
        yield made
