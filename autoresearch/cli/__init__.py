"""The command line. Importing this package loads nothing; ``main`` loads what the command at hand needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["app", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: Words after the program's name; None takes them from ``sys.argv``.

    Returns:
        The exit code: see "Exit codes" in the reference.
    """
    try:
        from autoresearch.cli.start import run

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        sys.stderr.write("error: Interrupted.\n")
        return 130


def __getattr__(name: str) -> Any:
    if name == "app":
        from autoresearch.cli.root import app

        return app
    raise AttributeError(f"module 'autoresearch.cli' has no attribute {name!r}")
