"""The demo with a fiftieth of its compute, so that a training takes a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autoresearch.loop.repository import git_init

__all__ = ["quick_demo"]


@contextmanager
def quick_demo() -> Iterator[None]:
    """Within the block a demo makes its repository so."""

    def smaller(folder: Path, message: str) -> None:
        path = folder / "evaluate.py"
        path.write_text(path.read_text().replace("7_000_000_000", "150_000_000"))
        git_init(folder, message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autoresearch.loop.demo.git_init", smaller)
        yield
