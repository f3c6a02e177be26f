"""``fsck``, ``gc``, ``doctor`` and ``demo``."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoresearch.cli.answer import Answer, Cell, Column, Drawing, Facts, Prose, Table
from autoresearch.cli.declaring import command
from autoresearch.cli.face import Face, View, the_face, workspace_of
from autoresearch.errors import UsageError

if TYPE_CHECKING:
    from autoresearch.loop.demo import DemoResult
    from autoresearch.loop.display import Display
    from autoresearch.track.checkup import Check

__all__ = ["app", "demo", "doctor", "fsck", "gc"]

app = typer.Typer(rich_markup_mode=None)


@command(app, "fsck", "fsck", "fsck --json")
def fsck(context: typer.Context) -> Answer:
    """Verify the database and every stored object; exit code 1 when something is wrong."""
    with workspace_of(context) as workspace:
        faults = list(workspace.ledger.snapshots.verify())
    rows: list[list[Cell]] = [[fault] for fault in faults]
    return Answer(
        document={"ok": not faults, "faults": faults},
        ids=faults,
        blocks=[Table([Column("fault")], rows)] if faults else [Prose("everything is sound")],
        exit_code=1 if faults else 0,
    )


@command(app, "gc", "gc               # says what could be removed", "gc --yes", "gc --dry-run --json")
def gc(
    context: typer.Context,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing; the default.")] = False,
) -> Answer:
    """Remove objects that nothing refers to; without --yes it only says how many.

    Objects of the last hour stay: a record that names them may be on its way.
    """
    if yes and dry_run:
        raise UsageError("--yes and --dry-run exclude each other.", hint="Leave one of them out.")
    from autoresearch.track import storing

    with workspace_of(context) as workspace:
        number, size = storing.collect(workspace, dry_run=not yes)
    what = "object" if number == 1 else "objects"
    said = f"{number:,} {what}, {size:,} bytes"
    return Answer(
        document={"dry_run": not yes, "objects": number, "bytes": size},
        ids=[str(number)],
        blocks=[Prose(f"removed {said}" if yes else f"{said} could be removed")],
        following="" if yes or not number else "autoresearch gc --yes",
    )


@command(app, "doctor", "doctor", "doctor --json")
def doctor(context: typer.Context) -> Answer:
    """Check that everything needed is there and works; exit code 1 when something fails."""
    from autoresearch.track.checkup import check_up

    face = the_face(context)
    checks = check_up(project=face.project, home=face.home)
    columns = [
        Column("check"),
        Column("state", "state"),
        Column("found", "flexible"),
        Column("what to do", "flexible"),
    ]
    rows: list[list[Cell]] = [[check.name, check.state, check.found, check.advice] for check in checks]
    failed = any(check.state == "fail" for check in checks)
    return Answer(
        document={"ok": not failed, "checks": [asdict(check) for check in checks]},
        ids=[f"{check.name}: {check.state}" for check in checks],
        blocks=[Facts([(check.name, _said(check)) for check in checks])],
        brief=[Table(columns, rows)],
        exit_code=1 if failed else 0,
    )


def _said(check: Check) -> str:
    return f"{check.state}: {check.found}" + (f" -> {check.advice}" if check.advice else "")


@command(app, "demo", "demo", "demo --seed 1 --trials 12", "demo --json")
def demo(
    context: typer.Context,
    *,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Another seed searches another way.")] = 0,
    trials: Annotated[int, typer.Option(metavar="N", min=1, help="Changes to try.")] = 24,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--into", metavar="DIR", help="Folder for its repository; else one in the store's home."
        ),
    ] = None,
) -> Answer:
    """Run a real campaign on a small language model, about 90 seconds.

    It makes a git repository with a training script, measures the baseline, and lets the built-in offline agent
    improve it. No key and no network are needed. What is there already of an earlier demo is gone on with.
    """
    from autoresearch.loop.demo import run_demo

    face = the_face(context)
    with _display(face) as listener:
        result = run_demo(
            seed=seed,
            trials=trials,
            home=face.home,
            directory=directory,
            on_event=listener,
        )
    return Answer(
        document=result.document(),
        ids=[result.project],
        blocks=[Drawing(lambda view: _report(result, face, view))],
        brief=[_brief(result)],
        # The report for people ends with its own list of what to type.
        following="" if face.form == "human" else f"autoresearch -C {shlex.quote(result.directory)} context",
    )


def _brief(result: DemoResult) -> Facts:
    winner = result.winner
    counts = f"{result.kept} kept, {result.dropped} dropped, {result.crashed} crashed"
    return Facts(
        [
            ("project", result.project),
            ("directory", result.directory),
            ("baseline", result.baseline["mean"]),
            ("best", result.best),
            ("experiments", f"{result.experiments}: {counts}"),
            ("winner", f"{winner['artifact']}:{winner['version']}, experiment {winner['experiment']}"),
        ]
    )


def _display(face: Face) -> contextlib.AbstractContextManager[Display | None]:
    if face.form == "quiet" or (face.form == "json" and not sys.stderr.isatty()):
        return contextlib.nullcontext()
    from autoresearch.loop.display import Display as Live

    return Live()


def _report(result: DemoResult, face: Face, view: View) -> str:
    from rich.console import Console

    from autoresearch.loop.report import print_report

    out = io.StringIO()
    console = Console(
        file=out,
        width=view.width or 100,
        force_terminal=view.color,
        no_color=not view.color,
        color_system="standard" if view.color else None,
        highlight=False,
        legacy_windows=False,
    )
    print_report(result, home=face.home, console=console)
    return out.getvalue()
