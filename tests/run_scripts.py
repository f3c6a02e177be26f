"""Training scripts in processes of their own, and what the store has of them afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import autoresearch as ar
from autoresearch.ledger.base import Runs
from autoresearch.records.run import Run, RunQuery

BEGIN = """
import os, sys, time, signal, threading
import autoresearch as ar
run = ar.init(project="p", name="script", system_metrics=False, capture_console=False, capture_code=False{more})
print(run.id, flush=True)
"""


def script(body: str, *, more: str = "") -> str:
    """A script that begins a run, prints its id, and goes on with ``body``."""
    return BEGIN.replace("{more}", f", {more}" if more else "") + textwrap.dedent(body)


def started(code: str, *, folder: Path | None = None, **environment: str) -> subprocess.Popen[str]:
    """A script that runs; ``environment`` is added to ours."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,  # one that reads it waits until we close it
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ran(code: str, *, folder: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """A script that ran to its end, or was ended after a minute."""
    with started(code, folder=folder, **environment) as process:
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def killed_after(code: str, line: str, *, number: int = signal.SIGKILL, **environment: str) -> list[str]:
    """Run a script until it prints ``line``, send it a signal, and answer the lines that it printed before."""
    with started(code, folder=None, **environment) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for said in process.stdout:
            lines.append(said.strip())
            if said.strip() == line:
                break
        process.send_signal(number)
        process.stdout.read()
        process.wait(60)
    return lines


@contextmanager
def stored(project: str = "p") -> Iterator[Runs]:
    """The runs of the store, after the journals of dead processes were brought in."""
    ar.sync()
    with ar.Workspace.open(project=project) as workspace:
        yield workspace.ledger.runs


def only_run(runs: Runs, project: str = "p") -> Run:
    """The one run that there is."""
    (run,) = runs.runs(RunQuery(project=project)).items
    return run


def points(runs: Runs, run_id: str, name: str, **labels: str) -> list[tuple[int, float]]:
    """Steps and values of one series."""
    found: list[tuple[int, float]] = []
    cursor = None
    while True:
        page = runs.history(run_id, [name], labels=labels or None, cursor=cursor)
        found += [(point.step, point.value) for curve in page.curves for point in curve]
        cursor = page.next_cursor
        if cursor is None:
            return found
