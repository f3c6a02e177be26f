"""Whether everything that is needed is there and works; looks at each thing by itself, and changes nothing."""

from __future__ import annotations

import itertools
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autoresearch.errors import AutoresearchError, Unavailable
from autoresearch.settings import Settings
from autoresearch.tokens import counter
from autoresearch.track.live.draining import spools
from autoresearch.track.live.servers import Server, mode_of, server_of

__all__ = ["Check", "check_up"]

_SAMPLE = 200
_PATIENCE = 5.0
_LITTLE, _TOO_LITTLE = 1024**3, 32 * 1024**2
_DATABASE, _OBJECTS = "ledger.sqlite", "objects"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: ``state`` ok, warn or fail, what was ``found``, and what to do (``advice``, empty when ok)."""

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    advice: str = ""


def check_up(
    directory: str | Path = ".", *, project: str | None = None, home: str | Path | None = None
) -> tuple[Check, ...]:
    """Check the machine, the store and the project of a folder.

    Args:
        directory: The folder.
        project: Name of the project; else that of the folder.
        home: Folder of the embedded store; else AUTORESEARCH_HOME, else ``~/.autoresearch``.

    Raises:
        Invalid: A setting in the environment is off.
    """
    folder = Path(directory).resolve()
    root = Path(home).expanduser().resolve() if home else Path(Settings().home)
    settings = Settings()
    mode = mode_of(settings, str(root))
    server = server_of(settings, str(root)) if mode in {"online", "offline"} else None
    store = root if server is None else Path(server.home)
    looks: dict[str, Callable[[], Check]] = {
        "python": _python,
        "sqlite": _sqlite,
        "git": _git,
        "home": lambda: _home(root),
        "space": lambda: _space(root),
        "server": lambda: _server(server, mode),
        "database": lambda: _database(settings.database_url),
        "waiting": lambda: _waiting(root, server),
        "store": lambda: _store(store / _DATABASE),
        "objects": lambda: _objects(store / _OBJECTS),
        "project file": lambda: _project_file(folder),
        "project": lambda: _project(folder, project, root, store),
        "tokens": _tokens,
    }
    return tuple(_looked(name, look) for name, look in looks.items())


def _looked(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except AutoresearchError as error:
        return Check(name, "fail", error.message, error.hint)
    except sqlite3.Error as error:
        return Check(
            name, "fail", f"SQLite says: {error}.", "Put a backup (*.backup-* beside it) in its place."
        )
    except OSError as error:
        where = error.filename or ""
        return Check(name, "fail", f"{where}: {error.strerror}.", "Look at the path and its permissions.")


def _python() -> Check:
    return Check("python", "ok", f"{platform.python_version()}, {sys.executable}")


def _sqlite() -> Check:
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
        except sqlite3.OperationalError:
            return Check(
                "sqlite",
                "fail",
                f"SQLite {sqlite3.sqlite_version} has no full-text search (FTS5).",
                "Use a Python whose SQLite has it; most do.",
            )
    return Check("sqlite", "ok", f"{sqlite3.sqlite_version}, with full-text search")


def _git() -> Check:
    program = shutil.which("git")
    if program is None:
        return Check(
            "git",
            "warn",
            "git was not found: experiments get a snapshot and no commit or change.",
            "Install git, or put it on the PATH.",
        )
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=20)
    if done.returncode:
        return Check("git", "fail", f"{program} ended with {done.returncode}.", "Install git again.")
    return Check("git", "ok", f"{done.stdout.strip().removeprefix('git version ')}, {program}")


def _home(store: Path) -> Check:
    place = _existing(store)
    if not store.is_dir() and place == store:
        return Check("home", "fail", f"{store} is no folder.", "Set AUTORESEARCH_HOME to a folder.")
    if not os.access(place, os.W_OK | os.X_OK):
        return Check(
            "home", "fail", f"{place} cannot be written.", "Set AUTORESEARCH_HOME to a folder that can be."
        )
    with tempfile.TemporaryFile(dir=place) as file:
        file.write(b"\0" * 4096)
        file.flush()
    return Check("home", "ok", f"{store}" + ("" if place == store else ", made by the first record"))


def _space(store: Path) -> Check:
    free = shutil.disk_usage(_existing(store)).free
    said = f"{free / 1024**3:.1f} GiB free"
    if free < _LITTLE:
        state: Literal["warn", "fail"] = "fail" if free < _TOO_LITTLE else "warn"
        return Check("space", state, said, "Free some; `autoresearch gc` shows what the store can spare.")
    return Check("space", "ok", said)


def _server(server: Server | None, mode: str) -> Check:
    from autoresearch.track.live.requesting import Requests

    if server is None:
        return Check("server", "ok", f"none, mode {mode}: everything is kept on this machine")
    if mode == "offline":
        return Check("server", "ok", f"{server.url} is left alone, mode offline, until `autoresearch sync`")
    requests = Requests(server.url, server.key, patience=_PATIENCE)
    try:
        requests.get("/v1/auth/status")
    except Unavailable as error:
        return Check("server", "warn", f"mode {mode}: {error.message}", error.hint)
    finally:
        requests.close()
    return Check("server", "ok", f"{server.url} answers, mode {mode}")


def _database(where: str | None) -> Check:
    from autoresearch.store.databases import is_server

    if where is None or not is_server(where):
        return Check("database", "ok", "a file in the home" if where is None else where)
    from autoresearch.store.postgres import glance

    seen = glance(where)
    found = f"PostgreSQL answers, {seen.tables} tables of revision {seen.revision or 'none yet'}"
    if seen.walled:
        return Check("database", "ok", found)
    advice = "Use a role that is neither superuser nor BYPASSRLS: row-level security does not bind this one."
    return Check("database", "warn", found, advice)


def _waiting(root: Path, server: Server | None) -> Check:
    from autoresearch.journal.locks import dead
    from autoresearch.ledger.synced.outbox import Outbox

    folders = [*spools(str(root)), *(spools(server.home) if server else ())]
    journals = sum(len(dead(folder)) for folder in folders)
    waiting = refused = 0
    if server is not None:
        outbox = Outbox(Path(server.home) / "outbox.sqlite")
        waiting, refused = outbox.waiting(), len(outbox.rejected())
        outbox.close()
    found = ", ".join(
        f"{count:,} {what}{'' if count == 1 else 's'}"
        for count, what in ((waiting, "change"), (refused, "refused change"), (journals, "journal"))
        if count
    )
    if not found:
        return Check("waiting", "ok", "nothing waits to be sent or brought in")
    return Check("waiting", "warn", found, "`autoresearch sync` brings them where they belong.")


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _store(path: Path) -> Check:
    from autoresearch.store import revisions

    if not path.exists():
        return Check("store", "ok", "none yet, made by the first record")
    revision = revisions.of_file(path)
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
        faults = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)") if row[0] != "ok"]
    if faults:
        return Check("store", "fail", "; ".join(faults), "Put a backup (*.backup-* beside it) in its place.")
    size = f"{path.stat().st_size / 1024**2:.1f} MiB"
    if revision != revisions.NEWEST:
        return Check(
            "store",
            "warn",
            f"revision {revision} of {revisions.NEWEST}, {size}",
            "It is migrated, with a copy beside it, when it is opened next.",
        )
    return Check("store", "ok", f"revision {revision}, {size}, sound")


def _objects(root: Path) -> Check:
    from autoresearch.store.blobs import open_objects

    objects = open_objects(root)
    digests = list(objects.digests())
    # Spread over the whole, so that repeated check-ups of a large store still say something about all of it.
    sample = digests[:: max(1, len(digests) // _SAMPLE)][:_SAMPLE]
    bad = list(itertools.islice(_damaged(objects.chunks, sample), 5))
    if bad:
        return Check("objects", "fail", "; ".join(bad), "`autoresearch fsck` names every one.")
    return Check("objects", "ok", f"{len(digests):,}, and {len(sample)} of them verified")


def _damaged(read: Callable[[str], Iterator[bytes]], digests: list[str]) -> Iterator[str]:
    for digest in digests:
        try:
            for _ in read(digest):
                pass
        except AutoresearchError as error:
            yield error.message


def _project_file(folder: Path) -> Check:
    from autoresearch.track.project_file import find_project_file, read_project_file

    path = find_project_file(folder)
    if path is None:
        return Check(
            "project file", "warn", "there is no autoresearch.toml", "`autoresearch init` writes one."
        )
    file = read_project_file(path)
    said = f"{path}, goal {file.goal.metric}" if file.goal else f"{path}, without a goal"
    return Check("project file", "ok", said)


def _project(folder: Path, project: str | None, root: Path, store: Path) -> Check:
    from autoresearch.track.goals import disagreement
    from autoresearch.track.workspace import Workspace

    if not (store / _DATABASE).exists():
        return Check(
            "project", "warn", "nothing was recorded yet", "`autoresearch goal METRIC --min` begins."
        )
    with Workspace.open(folder, project=project, home=root) as workspace:
        known = {item.name for item in workspace.ledger.research.projects(limit=1000).items}
        if workspace.name not in known:
            advice = "`autoresearch goal METRIC --min` begins it."
            return Check("project", "warn", f"nothing was recorded in {workspace.name!r} yet", advice)
        active = workspace.active_session()
        session = f"session {active.tag!r} is active" if active else "no session is active"
        goal = workspace.project.goal
        if goal is None:
            return Check(
                "project",
                "warn",
                f"{workspace.name!r} has no goal",
                "`autoresearch goal METRIC --min` sets it.",
            )
        advice = " ".join(disagreement(workspace))
        state: Literal["ok", "warn"] = "warn" if advice else "ok"
        return Check("project", state, f"{workspace.name!r}, goal {goal.metric}, {session}", advice)


def _tokens() -> Check:
    found = counter()
    if found.exact:
        return Check("tokens", "ok", f"counted exactly by {found.name}")
    return Check("tokens", "ok", "estimated, never too low: no encoding of tiktoken is on this disk")
