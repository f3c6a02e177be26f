"""Where a folder belongs: the root of its repository, and the name of its project.

Plain strings and ``os.path``, and nothing else imported: a training script pays for this module when it starts a run.
"""

from __future__ import annotations

import os

from autoresearch.errors import Conflict, Invalid
from autoresearch.records.words import clean_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FILE_NAME", "checked_name", "named_by_folder", "project_of", "root_of"]

FILE_NAME = "autoresearch.toml"


def root_of(folder: str) -> str:
    """Root of the git work tree that a folder lies in, or the folder itself."""
    return next((above for above in _upwards(folder) if os.path.lexists(f"{above}/.git")), folder)


def project_of(folder: str, named: str | None = None) -> str:
    """Name of the project that a folder belongs to.

    Args:
        folder: An absolute path.
        named: A name that was given, which wins.

    Raises:
        Invalid: The name that was given is none, or ``autoresearch.toml`` cannot be read.
        Conflict: Nothing gives a name.
    """
    if named:
        return checked_name(named)
    root = root_of(folder)
    return _named_by_file(folder, root) or named_by_folder(root)


def checked_name(name: str) -> str:
    """A project's name, as it was given.

    Raises:
        Invalid: It cannot be one.
    """
    try:
        if not 1 <= len(name) <= 200:
            raise ValueError("must have 1 to 200 characters")  # noqa: TRY301  said like the other refusals
        return clean_name(name)
    except ValueError as error:
        raise Invalid(
            f"project was {name!r}: {error}.", hint="Give a name of one line without '/', '\\' or ':'."
        ) from None


def named_by_folder(root: str) -> str:
    """The name that a work tree's folder gives: every linked one has that of the main one.

    Raises:
        Conflict: It is the root of the file system.
    """
    name = os.path.basename(_main_work_tree(root)).replace(":", "-").replace("\\", "-").strip()
    if not name:
        raise Conflict("The file system's root has no name to call a project by.", hint="Give project=….")
    return name


def _main_work_tree(root: str) -> str:
    link = f"{root}/.git"
    if not os.path.isfile(link):
        return root
    with open(link, encoding="utf-8", errors="replace") as file:
        named = file.read().removeprefix("gitdir:").strip()
    folder = os.path.realpath(os.path.join(root, named))
    # A linked work tree's folder is <main>/.git/worktrees/<name>; a submodule's lies elsewhere.
    above, kind = os.path.split(os.path.dirname(folder))
    if kind != "worktrees":
        return root
    return os.path.dirname(above) if os.path.basename(above) == ".git" else above


def _named_by_file(folder: str, root: str) -> str | None:
    for above in _upwards(folder):
        path = f"{above}/{FILE_NAME}"
        if os.path.isfile(path):
            return _name_in(path)
        if above == root:
            break
    return None


def _name_in(path: str) -> str | None:
    import tomllib

    try:
        with open(path, "rb") as file:
            name = tomllib.load(file).get("project")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} is not valid TOML: {error}.", hint="Correct the file.") from None
    if name is None:
        return None
    if not isinstance(name, str):
        raise Invalid(f"{path}: project is not text.", hint="Correct the file.")
    return checked_name(name)


def _upwards(folder: str) -> Iterator[str]:
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above
