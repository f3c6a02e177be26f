"""Waiting for what another thread or process does."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

__all__ = ["until"]


def until(holds: Callable[[], object]) -> None:
    """Ask again, for a minute at most, until something holds."""
    tick = threading.Event()
    for _ in range(3000):
        if holds():
            return
        tick.wait(0.02)
    pytest.fail("it never came about")
