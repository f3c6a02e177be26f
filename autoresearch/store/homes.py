"""The folder that holds a store, made by whoever comes first: for its owner alone, and unseen by git."""

from __future__ import annotations

import os

__all__ = ["make_home"]


def make_home(folder: str) -> None:
    """Make the folder, and those above it, when it is not there.

    Raises:
        OSError: It cannot be made.
    """
    if not os.path.isdir(folder):
        os.makedirs(os.path.dirname(folder) or ".", exist_ok=True)
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise
    _hide_from_git(folder)


def _hide_from_git(folder: str) -> None:
    """A store inside a repository must not be part of the code that is captured."""
    try:
        with open(os.path.join(folder, ".gitignore"), "x", encoding="ascii") as file:
            file.write("*\n")
    except OSError:  # there already, or in a place that refuses; the database itself will say so
        return
