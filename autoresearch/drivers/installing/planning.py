"""What an installation would change, seen before anything is; and then done."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from autoresearch.drivers.installing import blocks, jsonc, tomls
from autoresearch.drivers.installing.clients import NAME, Client, Scope, Server, clients
from autoresearch.drivers.installing.showing import shown_diff
from autoresearch.drivers.installing.skills import skill_edits
from autoresearch.drivers.installing.writing import Edit, real_place, text_of
from autoresearch.errors import AutoresearchError, Conflict, InstallError

__all__ = ["Change", "Kind", "Plan", "Wanted", "installed", "plan"]

Kind = Literal["config", "skill", "instructions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be done for a program.

    Attributes:
        scope: For this project, or for this user.
        root: Folder of the project.
        server: The server that the program is told of.
        remove: Take everything of ours out.
        instructions: Also write a few lines into the file of instructions that the program reads.
        force: Also replace an entry of our name that is not ours, and files of the skill that were edited since.
        together: Names of the programs for which the same is done at once.
    """

    scope: Scope
    root: Path
    server: Server = field(default_factory=Server)
    remove: bool = False
    instructions: bool = False
    force: bool = False
    together: frozenset[str] = frozenset()

    @property
    def within(self) -> Path | None:
        """The folder that may not be left."""
        return self.root if self.scope == "project" else None


@dataclass(frozen=True, slots=True)
class Change:
    """One file that would be another.

    Attributes:
        client: Name of the program.
        kind: What is in the file.
        path: The file, links resolved.
        action: Whether it is made, changed or removed.
        diff: The change, without the secrets of others; of the skill's files none.
    """

    client: str
    kind: Kind
    path: Path
    action: Literal["make", "change", "remove"]
    diff: str
    edit: Edit = field(repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes for one program, and what its user should know."""

    client: Client
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    def apply(self, wanted: Wanted) -> list[Change]:
        """Make the changes, one file after the other, the configuration last; answers those that were made.

        Raises:
            InstallError: A file cannot be written; what was written before stays.
            Busy: The program itself goes on writing a file.
        """
        done = [change for change in self.changes if change.edit.apply()]
        for change in done:
            if change.action == "remove":
                _prune(change.path.parent, wanted)
        return done


def plan(client: Client, wanted: Wanted) -> Plan:
    """What would have to be changed; nothing is written.

    Raises:
        InstallError: A file cannot be read or is not what it should be.
        Conflict: There is an entry of our name that is not ours.
    """
    config = real_place(client.config(wanted.scope, wanted.root), wanted.within)
    edit = Edit(config, _entry_change(client, wanted, config), private=wanted.scope == "user")
    notes: list[str] = []
    changes = [*_skill(client, wanted, notes), *_instructions(client, wanted, notes)]
    with _about(config):
        changes += _changes(client, "config", [edit], client.format)
    if not wanted.remove:
        notes += [note for note in (client.notes.get(wanted.scope),) if note]
        if client.found is None:
            notes.append(f"{client.title} was not found: there is no {client.program} on the PATH.")
    elif not changes and not wanted.together:
        notes.append(f"Nothing of ours is in {client.title} for this {wanted.scope}.")
    return Plan(client, tuple(changes), tuple(notes))


def installed(client: Client, scope: Scope, root: Path) -> bool:
    """Whether a program is told of us; False also where its configuration cannot be read."""
    return _entry(client, client.config(scope, root)) is not None


def _entry(client: Client, config: Path) -> Mapping[str, Any] | None:
    read = jsonc.get if client.format == "json" else tomls.get
    try:
        entry = read((text_of(config) or "").removeprefix("\ufeff"), client.path)
    except AutoresearchError:
        return None
    return entry if client.is_ours(entry) else None


def _entry_change(client: Client, wanted: Wanted, config: Path) -> Callable[[str], str | None]:
    edit = _json_edit if client.format == "json" else _toml_edit

    def change(text: str) -> str | None:
        read = jsonc.get if client.format == "json" else tomls.get
        entry = read(text, client.path)
        if entry is not None and not wanted.force and not client.is_ours(entry):
            if wanted.remove:
                return text
            raise Conflict(
                f"{config} has a server named {NAME} that we did not write.",
                hint="Rename it, or replace it with --force.",
            )
        try:
            return edit(client, wanted, text, entry)
        except Conflict as error:
            error.hint = (
                f"{error.hint} This belongs under {'.'.join(client.table)}: {_to_paste(client, wanted)}"
            )
            raise

    return change


def _to_paste(client: Client, wanted: Wanted) -> str:
    return json.dumps({NAME: client.wanted(wanted.server)}, ensure_ascii=False)


def _merged(client: Client, wanted: Wanted, entry: Any) -> dict[str, Any]:
    """Our values, and those that the user has added to the entry."""
    there = entry if isinstance(entry, Mapping) and client.is_ours(entry) else {}
    own = {name: value for name, value in there.items() if name not in client.keys}
    return {**client.wanted(wanted.server), **own}


def _json_edit(client: Client, wanted: Wanted, text: str, entry: Any) -> str | None:
    if wanted.remove:
        left = jsonc.without_member(text, client.path)
        return None if left != text and _is_bare(left) else left
    new = _merged(client, wanted, entry)
    if not isinstance(entry, Mapping):
        return jsonc.with_member(text, client.path, new)
    # Value by value, so that comments in the entry stay.
    for name in [name for name in entry if name not in new]:
        text = jsonc.without_member(text, [*client.path, name])
    for name, value in new.items():
        text = jsonc.with_member(text, [*client.path, name], value)
    return text


def _toml_edit(client: Client, wanted: Wanted, text: str, entry: Any) -> str | None:
    if wanted.remove:
        left = tomls.without_table(text, client.path)
        return None if left != text and not left.strip() else left
    return tomls.with_table(text, client.path, _merged(client, wanted, entry))


def _is_bare(text: str) -> bool:
    return "".join(text.split()) in {"", "{}"}


def _skill(client: Client, wanted: Wanted, notes: list[str]) -> list[Change]:
    folder = client.skills(wanted.scope, wanted.root)
    others = _sharing(client, wanted, lambda other: other.skills(wanted.scope, wanted.root) == folder)
    if wanted.remove and others:
        notes.append(f"The skill in {folder / NAME} stays for {', '.join(others)}.")
        return []
    real = real_place(folder, wanted.within)
    found = skill_edits(real, remove=wanted.remove, force=wanted.force, private=wanted.scope == "user")
    for path in found.kept:
        why = "is a link" if path.is_symlink() else "was edited since it was written"
        notes.append(
            f"{path} {why}, so it stays as it is{'' if path.is_symlink() else '; --force takes ours'}."
        )
    return _changes(client, "skill", found.edits, "")


def _instructions(client: Client, wanted: Wanted, notes: list[str]) -> list[Change]:
    file = client.instructions(wanted.scope, wanted.root)
    if file is None:
        if wanted.instructions:
            notes.append(f"{client.title} reads no file of instructions for a {wanted.scope}.")
        return []
    if not wanted.remove and not wanted.instructions:
        return []
    if wanted.remove and _sharing(
        client, wanted, lambda other: other.instructions(wanted.scope, wanted.root) == file
    ):
        return []
    real = real_place(file, wanted.within)
    change = blocks.without_block if wanted.remove else blocks.with_block
    with _about(real):
        return _changes(client, "instructions", [Edit(real, change, private=wanted.scope == "user")], "")


def _sharing(client: Client, wanted: Wanted, same: Callable[[Client], bool]) -> list[str]:
    """Other programs that we stay installed in, and that read the same file."""
    leaving = {client.name, *wanted.together}
    return [
        other.title
        for other in clients().values()
        if other.name not in leaving and same(other) and installed(other, wanted.scope, wanted.root)
    ]


def _changes(client: Client, kind: Kind, edits: Iterable[Edit], form: str) -> list[Change]:
    found: list[Change] = []
    for edit in edits:
        before, after = edit.preview()
        there = edit.path.exists()
        if after == before or (after is None and not there):
            continue
        action: Literal["make", "change", "remove"] = "change" if there else "make"
        diff = "" if kind == "skill" else shown_diff(str(edit.path), before, after, format=form)
        found.append(Change(client.name, kind, edit.path, "remove" if after is None else action, diff, edit))
    return found


@contextlib.contextmanager
def _about(path: Path) -> Iterator[None]:
    """Name the file in what is wrong with it."""
    try:
        yield
    except (InstallError, Conflict) as error:
        if str(path) in error.message:
            raise
        raise type(error)(f"{path}: {error.message}", hint=error.hint) from error
    except AutoresearchError as error:
        raise InstallError(f"{path}: {error.message}", hint=error.hint) from error


def _prune(folder: Path, wanted: Wanted) -> None:
    """Remove folders that are left empty, up to the project or the home."""
    top = (wanted.root if wanted.scope == "project" else Path.home()).resolve()
    while folder != top and folder.is_relative_to(top):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
