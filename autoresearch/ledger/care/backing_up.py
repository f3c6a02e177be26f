"""A backup is a folder: the rows as they were at one moment, the objects they name, and a manifest with digests.

It is made under another name and renamed when all of it is on disk, so that a backup is whole or not there. The rows are copied
first: every object that they name was stored before them, and objects never change.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path

from autoresearch._version import __version__
from autoresearch.errors import Conflict, Invalid, NotFound, StoreCorrupt, StoreError, UsageError
from autoresearch.ledger.care.copying import copy_objects
from autoresearch.ledger.care.places import Place, Told, revision_of, unheard
from autoresearch.store import opening
from autoresearch.store.blobs import open_objects
from autoresearch.store.databases import open_database
from autoresearch.store.homes import make_home
from autoresearch.store.objects import Objects

__all__ = ["Backup", "back_up", "examine", "restore"]

_MANIFEST, _ROWS, _DUMP = "backup.json", "ledger.sqlite", "ledger.pgdump"


@dataclass(frozen=True, slots=True)
class Backup:
    """What the manifest of a backup says.

    Attributes:
        made_at: When the rows were copied, ISO 8601, UTC.
        version: Of the library that made it.
        revision: Of the tables.
        rows: Name of the file with the rows.
        sha256: Its digest.
        size: Its size in bytes.
        objects: How many objects there are.
        bytes: How many bytes those have.
    """

    made_at: str
    version: str
    revision: str
    rows: str
    sha256: str
    size: int
    objects: int
    bytes: int


def back_up(place: Place, target: Path, *, told: Told = unheard) -> Backup:
    """Copy a store into a new folder, while others use it.

    Raises:
        Conflict: Something is there already.
        NotFound: There is no store to copy.
        UsageError: The rows lie in PostgreSQL, and there is no pg_dump.
        StoreError: The store cannot be read, or the folder not be written.
    """
    target = target.expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} is there already.", hint="Name a folder that is not there.")
    if not place.on_server and not Path(place.database).exists():
        raise NotFound(f"There is no store at {place.database}.", hint="Name its home with --home.")
    with opening.Plainly(str(target)), _made_whole(target) as folder:
        moment = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        told("rows", 0, None)
        name = _dump(place, folder / _DUMP) if place.on_server else _copy_rows(place, folder / _ROWS)
        objects, size = copy_objects(open_objects(place.objects), Objects(folder / "objects"), told)
        rows = folder / name
        made = Backup(
            made_at=moment,
            version=__version__,
            revision=str(revision_of(Place(rows, "") if name == _ROWS else place)),
            rows=name,
            sha256=_sha256(rows),
            size=rows.stat().st_size,
            objects=objects,
            bytes=size,
        )
        _write(folder / _MANIFEST, json.dumps({"format": 1, **asdict(made)}, indent=1).encode())
    return made


@contextlib.contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """A folder beside the target that takes its place at the end, or is removed again."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield folder
        _sync(folder)
        if target.exists():
            target.rmdir()
        folder.rename(target)
        _sync(target.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _copy_rows(place: Place, target: Path) -> str:
    source, copy = sqlite3.connect(place.database, timeout=60), sqlite3.connect(target)
    with contextlib.closing(source), contextlib.closing(copy):
        # All pages in one go: writers go on meanwhile, and do not make it begin anew.
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE").close()
    _sync(target)
    return target.name


def _dump(place: Place, target: Path) -> str:
    _run_tool("pg_dump", place, "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")
    _sync(target)
    return target.name


def _run_tool(tool: str, place: Place, *arguments: str) -> None:
    """Run a tool of PostgreSQL on a database; its password is in no argument, where others would see it."""
    from autoresearch.store.postgres import EVERYTHING
    from autoresearch.store.postgres_errors import parsed, shown

    if shutil.which(tool) is None:
        raise UsageError(
            f"The rows lie in PostgreSQL, and {tool} is not installed here.",
            hint=f"Run {tool} where it is, as docs/operating.md says; the objects are copied with their bucket or folder.",
        )
    parts = parsed(str(place.database))
    # Row-level security binds the tool as it binds us: it has to say that it means all organizations.
    options = f"{parts.pop('options', '')} -c autoresearch.organization={EVERYTHING}".strip()
    secret = {"PGPASSWORD": parts.pop("password")} if "password" in parts else {}
    words = " ".join(f"{name}='{value}'" for name, value in parts.items())
    command = [tool, *arguments, "--enable-row-security", f"--dbname={words}"]
    done = subprocess.run(
        command,
        env={**os.environ, **secret, "PGOPTIONS": options},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise StoreError(
            f"{tool} failed at {shown(parts)}: {said}.", hint=f"{tool} must not be older than the server."
        )


def restore(source: Path, place: Place, *, told: Told = unheard) -> Backup:
    """Make a store of a backup, where none is yet.

    The objects come first and the rows last: until those are there, there is no store, and the same call goes on.

    Raises:
        Conflict: There is a store already.
        NotFound: That is no backup.
        StoreCorrupt: The backup is damaged.
        UsageError: Its rows are of another kind of database, or pg_restore is not there.
        StoreError: The place cannot be written.
    """
    made, rows = _manifest(source)
    if (made.rows == _DUMP) != place.on_server:
        raise UsageError(
            f"The rows of this backup are of {'PostgreSQL' if made.rows == _DUMP else 'SQLite'}.",
            hint="Restore it into a database of that kind; `autoresearch admin move` brings SQLite's rows to PostgreSQL.",
        )
    if not place.on_server and Path(place.database).exists():
        raise Conflict(
            f"There is a store already at {place.database}.", hint="Name another home with --home."
        )
    if _sha256(rows) != made.sha256:
        raise StoreCorrupt(f"{rows} does not hold what it was written with.", hint="Take another backup.")
    if not place.on_server:
        make_home(str(Path(place.database).parent))
    with opening.Plainly(str(place.database)):
        copy_objects(Objects(source / "objects"), open_objects(place.objects), told)
        told("rows", 0, None)
        if place.on_server:
            _restore_rows(place, rows)
        else:
            _place_rows(rows, Path(place.database))
    return made


def _place_rows(rows: Path, target: Path) -> None:
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        shutil.copyfile(rows, partial)
        _sync(partial)
        # Another process may have made a store meanwhile: a link never replaces what is there.
        os.link(partial, target)
        _sync(target.parent)
    except FileExistsError:
        raise Conflict(f"There is a store already at {target}.", hint="Name another home.") from None
    finally:
        partial.unlink(missing_ok=True)


def _restore_rows(place: Place, rows: Path) -> None:
    from autoresearch.store.postgres import glance

    if glance(str(place.database)).tables:
        raise Conflict(
            "The database holds tables already.", hint="Restore into a new one, made with `createdb`."
        )
    _run_tool(
        "pg_restore",
        place,
        "--no-owner",
        "--no-privileges",
        "--single-transaction",
        "--exit-on-error",
        str(rows),
    )
    # Opening it brings it to this version, as every start does.
    open_database(place.database).close()


def examine(source: Path, *, told: Told = unheard) -> Iterator[str]:
    """Everything that is wrong with a backup: one sentence for each fault.

    The rows of SQLite are copied and looked at as those of a store; a dump of PostgreSQL is only compared with its digest.

    Raises:
        NotFound: That is no backup.
        StoreCorrupt: The manifest is damaged.
    """
    made, rows = _manifest(source)
    told("rows", 0, None)
    if _sha256(rows) != made.sha256:
        yield f"{rows.name} does not hold what it was written with"
        return
    objects = Objects(source / "objects")
    found = list(objects.listed())
    if (len(found), sum(each.size for each in found)) != (made.objects, made.bytes):
        yield f"there are {len(found):,} objects, and {made.objects:,} were stored"
    if made.rows == _DUMP:
        yield from (f"object {problem.name}: {problem.reason}" for problem in objects.verify())
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / _ROWS
        shutil.copyfile(rows, copy)
        with Place(copy, source / "objects").open() as ledger:
            yield from ledger.snapshots.verify()


def _manifest(source: Path) -> tuple[Backup, Path]:
    try:
        said = json.loads((source / _MANIFEST).read_bytes())
        if said.pop("format") != 1:
            raise Invalid(
                "The backup was made by a newer version of autoresearch.",
                hint="Upgrade with `pip install -U autoresearch`.",
            )
        made = Backup(**said)
        rows = source / {_ROWS: _ROWS, _DUMP: _DUMP}[made.rows]
    except FileNotFoundError:
        raise NotFound(
            f"{source} is no backup: {_MANIFEST} is missing.",
            hint="Name the folder that `autoresearch admin backup` made.",
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreCorrupt(
            f"{source / _MANIFEST} is damaged: {error}.", hint="Take another backup."
        ) from None
    if not rows.exists():
        raise StoreCorrupt(f"{rows} is missing.", hint="Take another backup.")
    return made, rows


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
