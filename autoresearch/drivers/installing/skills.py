"""The skill that ships with us, copied to where an agent looks for skills, and taken out again.

Beside the files lies a list of what was written. A file that was edited since is its user's: it is neither replaced nor removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path

from autoresearch import __version__, shipped
from autoresearch.drivers.installing.clients import NAME
from autoresearch.drivers.installing.writing import Edit, text_of
from autoresearch.errors import InstallError

__all__ = ["LIST", "SkillEdits", "skill_edits", "skill_files"]

LIST = ".autoresearch.json"


@dataclass(frozen=True, slots=True)
class SkillEdits:
    """What is to be done in a folder, and the files that stay because their user has edited them."""

    edits: tuple[Edit, ...]
    kept: tuple[Path, ...]


@cache
def skill_files() -> Mapping[str, str]:
    """The files of the skill: relative path to text."""
    top = shipped.root("agents") / "plugin" / "skills" / NAME
    return dict(_walk(top, ""))


def _walk(folder: Traversable, before: str) -> Iterator[tuple[str, str]]:
    for one in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if one.is_dir():
            yield from _walk(one, f"{before}{one.name}/")
        else:
            yield f"{before}{one.name}", one.read_text(encoding="utf-8")


def skill_edits(skills: Path, *, remove: bool, force: bool = False, private: bool = False) -> SkillEdits:
    """What has to be done in a folder of skills to bring ours in, or to take it out.

    Args:
        skills: The folder of all skills.
        remove: Take it out.
        force: Also replace or remove what was edited since.
        private: Whether new files are for their owner alone.

    Raises:
        InstallError: A file cannot be read.
    """
    folder = skills / NAME
    if folder.is_symlink():
        # Whoever made the link takes care of what it leads to.
        return SkillEdits((), (folder,))
    known, new = _known(folder), skill_files()
    edits: list[Edit] = []
    kept: list[Path] = []
    listed: dict[str, str] = {}
    for name in sorted({*known, *new}):
        path = folder / name
        there = text_of(path)
        if (
            there is not None
            and not force
            and _digest(there) not in {known.get(name), _digest(new.get(name, ""))}
        ):
            kept.append(path)
            continue
        wanted = None if remove else new.get(name)
        if there is not None or wanted is not None:
            edits.append(Edit(path, _giving(wanted), private=private))
        if wanted is not None:
            listed[name] = _digest(wanted)
    made = json.dumps({"version": __version__, "files": listed}, indent=2) + "\n"
    gone = remove or not listed
    if not gone or text_of(folder / LIST) is not None:
        edits.append(Edit(folder / LIST, _giving(None if gone else made), private=private))
    return SkillEdits(tuple(edits), tuple(kept))


def _giving(text: str | None) -> Callable[[str], str | None]:
    return lambda _: text


def _known(folder: Path) -> Mapping[str, str]:
    """Digests of what was written here, by relative path."""
    try:
        said = json.loads(text_of(folder / LIST) or "{}")
    except ValueError:
        return {}
    files = said.get("files") if isinstance(said, dict) else None
    if not isinstance(files, dict):
        return {}
    # The list lies where anybody may write: it names nothing outside of its folder.
    for name in files:
        if name.startswith("/") or ".." in Path(name).parts:
            raise InstallError(f"{folder / LIST} names {name!r}.", hint="Remove that file, and try again.")
    return {str(name): str(digest) for name, digest in files.items()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
