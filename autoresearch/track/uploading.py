"""``upload``: a project of the embedded store, brought to a server."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from autoresearch.client.keys import request_key
from autoresearch.errors import AutoresearchError, NotFound
from autoresearch.ledger.base import every
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.synced.outbox import Outbox
from autoresearch.ledger.synced.uploading import Line, Records, is_fatal
from autoresearch.ledger.synced.uploading_runs import send_run
from autoresearch.records.run import Run, RunQuery, Uploaded
from autoresearch.settings import Settings
from autoresearch.track.connecting import remote_ledger
from autoresearch.track.live.draining import spools
from autoresearch.track.live.servers import Server, required_server
from autoresearch.track.live.syncing import recovered

__all__ = ["Told", "upload"]

Told = Callable[[str, int, int], None]
"""Gets ``"changes"``, ``"runs"`` or ``"points"``, how many more of them are done, and how many there are in all, 0 if not known."""


def upload(
    project: str,
    run: str | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    told: Told = lambda _what, _more, _all: None,
) -> Uploaded:
    """Bring what the embedded store has of a project to the server; again it sends what is new, and else nothing.

    Args:
        project: Name of the project.
        run: Number, name or id of one run, to send that alone.
        home: Folder of the embedded store; else AUTORESEARCH_HOME, else ``~/.autoresearch``.
        told: Hears how far it is.

    Raises:
        Invalid: No server is known.
        NotFound: The store has no such project or run.
        Unavailable: The server does not answer; calling it again goes on.
        Unauthorized: It refuses the key.
    """
    settings = Settings()
    place = Path(home or settings.home).expanduser().absolute()
    server = required_server(settings, str(place))
    recovered(spools(str(place))[:1], (str(place), None))
    with LocalLedger.open(place) as local, remote_ledger(server) as remote:
        known = local.research.project(project)
        line = Line(str(place), local, remote, _outbox(server), keyed=request_key)
        try:
            chosen = [local.runs.find(project, run)] if run else _runs(local, project)
            changes, left = (0, []) if run else _records(line, known.name, told)
            return _sent(line, chosen, told, project=known.name, changes=changes, left=left)
        finally:
            line.outbox.close()


def _outbox(server: Server) -> Outbox:
    return Outbox(Path(server.home) / "outbox.sqlite")


def _runs(local: LocalLedger, project: str) -> list[Run]:
    query = RunQuery.make(project=project, order="number", descending=False)
    try:
        return list(every(lambda cursor: local.runs.runs(query, limit=1000, cursor=cursor)))
    except NotFound:
        return []


def _records(line: Line, project: str, told: Told) -> tuple[int, list[str]]:
    records = Records(line, project)
    pending = records.pending()
    told("changes", 0, len(pending))
    for event in pending:
        records.send(event)
        told("changes", 1, len(pending))
    return len(pending) - len(records.left), records.left


def _sent(
    line: Line, runs: list[Run], told: Told, *, project: str, changes: int, left: list[str]
) -> Uploaded:
    whole = points = lines = media = 0
    told("runs", 0, len(runs))
    for run in runs:
        try:
            sent = send_run(line, run, lambda count: told("points", count, 0))
        except AutoresearchError as error:
            if is_fatal(error):
                raise
            left.append(f"run {run.number} ({run.name}): {error.message}")
        else:
            points, lines, media = points + sent.points, lines + sent.lines, media + sent.media
            whole += not sent.fault
            if sent.fault:
                left.append(f"run {run.number} ({run.name}): {sent.fault}")
        told("runs", 1, len(runs))
    return Uploaded(
        project=project,
        changes=changes,
        runs=whole,
        points=points,
        lines=lines,
        media=media,
        left=tuple(left),
    )
