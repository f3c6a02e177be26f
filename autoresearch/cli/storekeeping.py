"""``admin migrate``, ``backup``, ``restore``, ``verify``, ``gc`` and ``move``: the store that a server uses, as a whole."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoresearch.cli.answer import Answer, Cell, Column, Facts, Prose, Table
from autoresearch.cli.declaring import command
from autoresearch.cli.face import Face, the_face

if TYPE_CHECKING:
    from autoresearch.ledger.care.backing_up import Backup
    from autoresearch.ledger.care.places import Place, Told

__all__ = ["NO_WALL", "declare"]

NO_WALL = (
    "The database's role is a superuser or bypasses row-level security, so that this second wall does not stand;"
    " see docs/operating.md."
)
"""What an operator has to know of a role that policies do not bind."""

_Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the backup.")]


def declare(admin: typer.Typer) -> None:
    """Put the commands into the group."""
    command(admin, "migrate", "admin migrate")(_migrate)
    command(admin, "backup", "admin backup /backups/2026-03-01", "admin backup /backups/today --json")(
        _backup
    )
    command(admin, "restore", "--home /srv/autoresearch admin restore /backups/2026-03-01")(_restore)
    command(admin, "verify", "admin verify", "admin verify /backups/2026-03-01")(_verify)
    command(admin, "gc", "admin gc                 # says what could be removed", "admin gc --yes")(_gc)
    command(admin, "move", "admin move               # from the home to AUTORESEARCH_DATABASE_URL")(_move)


def _place(face: Face) -> Place:
    from autoresearch.ledger.care.places import place_of

    return place_of(_home(face))


def _home(face: Face) -> Path:
    from autoresearch.settings import Settings

    return Path(face.home or Settings().home).expanduser().absolute()


@contextlib.contextmanager
def _progress(face: Face) -> Iterator[Told]:
    """Tells people how far the work is, in one line that goes away; tells nobody else."""
    if face.form != "human" or not sys.stderr.isatty():
        yield lambda _what, _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)


def _migrate(context: typer.Context) -> Answer:
    """Bring the tables to this version; a server does so by itself when it starts.

    Of a SQLite file a copy is left beside it. Of several processes that do it at once one works and the others wait.
    """
    from autoresearch.ledger.care.places import revision_of

    place = _place(the_face(context))
    before = revision_of(place)
    with place.open() as ledger:
        where, faults = ledger.database.where, _wall(ledger.database)
    after = revision_of(place)
    said = "up to date" if before == after else f"{before or 'nothing'} -> {after}"
    return Answer(
        document={"database": where, "before": before, "after": after},
        ids=[str(after)],
        blocks=[Facts([("database", where), ("tables", said)])],
        notices=faults,
    )


def _wall(database: object) -> list[str]:
    """What an operator has to know of the role that is used."""
    return [] if getattr(database, "walled", True) else [NO_WALL]


def _backup(context: typer.Context, directory: _Folder) -> Answer:
    """Copy the store into a new folder, while others go on writing.

    The folder holds the rows as of one moment, every object, and a manifest with digests; it is whole or not there. Journals that
    were not brought in yet are not part of it: `autoresearch sync` brings them in.
    """
    from autoresearch.ledger.care.backing_up import back_up

    face = the_face(context)
    with _progress(face) as told:
        made = back_up(_place(face), directory, told=told)
    return Answer(
        document={"directory": str(directory), **asdict(made)},
        ids=[str(directory)],
        blocks=[_said(made, directory)],
        following=f"autoresearch admin verify {directory}",
    )


def _said(made: Backup, directory: Path) -> Facts:
    rows: list[tuple[str, Cell]] = [
        ("backup", str(directory)),
        ("made", made.made_at),
        ("tables", made.revision),
        ("rows", f"{made.size:,} bytes"),
        ("objects", f"{made.objects:,}, {made.bytes:,} bytes"),
    ]
    return Facts(rows)


def _restore(context: typer.Context, directory: _Folder) -> Answer:
    """Make a store of a backup, where none is yet."""
    from autoresearch.ledger.care.backing_up import restore

    face = the_face(context)
    place = _place(face)
    with _progress(face) as told:
        made = restore(directory, place, told=told)
    return Answer(
        document={"directory": str(directory), **asdict(made)},
        ids=[str(directory)],
        blocks=[_said(made, directory)],
        following="autoresearch admin verify",
    )


def _gc(
    context: typer.Context,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them.")] = False,
) -> Answer:
    """Remove objects that no record of any organization refers to; without --yes it only says how many.

    Objects that were stored or asked for within the hour stay: a record that names them may be on its way. Servers go on
    meanwhile.
    """
    with _place(the_face(context)).open() as ledger:
        number, size = ledger.snapshots.collect(dry_run=not yes)
        where = ledger.store.where
    said = f"{number:,} object{'' if number == 1 else 's'}, {size:,} bytes"
    return Answer(
        document={"where": where, "dry_run": not yes, "objects": number, "bytes": size},
        ids=[str(number)],
        blocks=[Prose(f"removed {said}" if yes else f"{said} could be removed")],
        following="" if yes or not number else "autoresearch admin gc --yes",
    )


def _verify(
    context: typer.Context,
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A backup; else the store.", show_default=False)
    ] = None,
) -> Answer:
    """Compare every digest and every receipt, of the store or of a backup; exit code 1 when something is wrong."""
    from autoresearch.ledger.care.backing_up import examine

    face = the_face(context)
    notices: list[str] = []
    with _progress(face) as told:
        if directory is not None:
            faults = list(examine(directory, told=told))
        else:
            with _place(face).open() as ledger:
                notices = _wall(ledger.database)
                faults = []
                for fault in ledger.snapshots.verify():
                    faults.append(fault)
                    told("faults", len(faults), None)
    rows: list[list[Cell]] = [[fault] for fault in faults]
    return Answer(
        document={"ok": not faults, "faults": faults},
        ids=faults,
        blocks=[Table([Column("fault")], rows)] if faults else [Prose("everything is sound")],
        notices=notices,
        exit_code=1 if faults else 0,
    )


def _move(context: typer.Context) -> Answer:
    """Move the store of the home to PostgreSQL: the database that AUTORESEARCH_DATABASE_URL names.

    Stop the server first. All rows are copied in one transaction, counted, and the receipts of all runs compared; objects are
    copied when AUTORESEARCH_OBJECTS_URL names another place. The old store stays as it is.
    """
    from autoresearch.ledger.care.moving import move
    from autoresearch.ledger.care.places import Place

    face = the_face(context)
    home = _home(face)
    with _progress(face) as told:
        done = move(Place(home / "ledger.sqlite", home / "objects"), _place(face), told=told)
    return Answer(
        document=asdict(done),
        ids=[str(done.rows)],
        blocks=[
            Facts(
                [
                    ("rows", f"{done.rows:,} in {done.tables} tables"),
                    ("receipts", f"{done.runs:,} compared"),
                    ("objects", f"{done.objects:,}, {done.bytes:,} bytes copied"),
                ]
            )
        ],
        following="autoresearch serve",
    )
