"""The folder that holds a store, made by whoever comes first: for its owner alone, and unseen by git."""

from __future__ import annotations

import os
from zlib import crc32

__all__ = ["make_home", "server_home"]


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


def server_home(home: str, url: str, key: str) -> str:
    """The folder below a home that holds what belongs to one server, as one key sees it.

    Keys of two organizations on one server never share a folder: what one has not sent yet must not go to the other.

    Args:
        home: The home.
        url: Origin of the server.
        key: The key. Of one of ours only the public part before the secret counts.
    """
    host = url.partition("://")[2].partition("/")[0]
    name = "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in host.lower())
    public = key.rpartition("_")[0] or key
    return os.path.join(home, "servers", f"{name[:80]}-{crc32(f'{url} {public}'.encode()):08x}")


def _hide_from_git(folder: str) -> None:
    """A store inside a repository must not be part of the code that is captured."""
    try:
        with open(os.path.join(folder, ".gitignore"), "x", encoding="ascii") as file:
            file.write("*\n")
    except OSError:  # there already, or in a place that refuses; the database itself will say so
        return
