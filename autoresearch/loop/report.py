"""What a campaign found, for people: the goal, the frontier, what was tried, the winner, and what to type next."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoresearch.briefs.fence import clean
from autoresearch.loop.demo import PICTURE, TAG, DemoResult
from autoresearch.loop.display import VERDICT_STYLES
from autoresearch.loop.picture import as_text
from autoresearch.records.experiment import Experiment
from autoresearch.records.frontier import Frontier, Progress
from autoresearch.settings import Settings
from autoresearch.track.workspace import Workspace

__all__ = ["print_report"]

_NARROW = 80
_FAILED = {"dropped": "drop", "crashed": "crash"}


def print_report(
    result: DemoResult, *, home: str | Path | None = None, console: Console | None = None
) -> None:
    """Print the report of a demo.

    Args:
        result: What ``run_demo`` gave.
        home: The store it was given.
        console: Where to print; by default standard output.
    """
    out = console or Console(highlight=False)
    with Workspace.open(result.directory, project=result.project, home=home) as workspace:
        frontier, progress = workspace.frontier(), workspace.progress()
        experiments = workspace.experiments()
    _goal(out, result)
    _frontier(out, frontier)
    _staircase(out, progress, Path(result.directory) / PICTURE)
    _tried(out, experiments)
    _winner(out, result)
    _next(out, result, home)


def _goal(out: Console, result: DemoResult) -> None:
    lower = "lower" if result.goal["direction"] == "min" else "higher"
    mean, sd, n = (result.baseline[name] for name in ("mean", "sd", "n"))
    out.print(
        Text.assemble(
            ("Goal", "bold"), f"  {result.goal['metric']}, {lower} is better. {result.goal['description']}"
        )
    )
    noise = f" ± {sd:.4f} (sd of {n} runs)" if sd is not None else ""
    gain = abs(float(mean or 0) - result.best)
    beyond = f", {gain / sd:.0f} times the noise" if sd else ""
    out.print(f"Baseline {mean:.4f}{noise}. Best {result.best:.4f}: better by {gain:.4f}{beyond}.")
    counts = f"{result.kept} kept, {result.dropped} dropped, {result.crashed} crashed"
    out.print(f"{result.experiments} experiments: {counts}. {result.seconds:.0f} s.\n")


def _frontier(out: Console, frontier: Frontier) -> None:
    table = Table(
        title="Frontier: each was better than all before it", title_justify="left", title_style="bold"
    )
    for name, justify in (
        ("#", "right"),
        (frontier.goal.metric, "right"),
        ("gain", "right"),
        ("in sd", "right"),
    ):
        table.add_column(name, justify="right" if justify == "right" else "left")
    table.add_column("change")
    for step in frontier.steps:
        gain = "" if step.gain is None else f"{step.gain:.4f}"
        sigmas = "" if step.sigmas is None else f"{step.sigmas:.1f}"
        table.add_row(str(step.number), f"{step.score:.4f}", gain, sigmas, Text(clean(step.note)))
    out.print(table)


def _staircase(out: Console, progress: Progress, picture: Path) -> None:
    color = out.color_system is not None
    plain = not (out.encoding or "").lower().startswith("utf")
    out.print()
    out.print(
        Text.from_ansi(as_text(progress, width=min(out.width, 100), height=14, color=color, plain=plain))
    )
    if picture.is_file():
        out.print(f"The same as a picture: {picture}\n", soft_wrap=True)


def _tried(out: Console, experiments: Sequence[Experiment]) -> None:
    failed = [experiment for experiment in experiments if experiment.state in _FAILED]
    if not failed:
        return
    table = Table(title="Tried without success", title_justify="left", title_style="bold")
    table.add_column("#", justify="right")
    table.add_column("change")
    table.add_column("why not")
    for experiment in failed:
        style = VERDICT_STYLES[_FAILED[experiment.state]]
        change = Text(clean(experiment.note.partition(": ")[0], 160))
        table.add_row(str(experiment.number), change, Text(clean(experiment.reason), style=style))
    out.print(table)


def _winner(out: Console, result: DemoResult) -> None:
    winner = result.winner
    said = (
        f"  {winner['artifact']}:winner is {winner['version']}, made by experiment {winner['experiment']}.\n"
    )
    out.print(Text.assemble(("\nWinner", "bold"), said))


def _next(out: Console, result: DemoResult, home: str | Path | None) -> None:
    number = result.winner["experiment"]
    commands = [
        (f"cd {shlex.quote(result.directory)}", ""),
        ("autoresearch context", "what an agent reads first"),
        (f"autoresearch show {number}", "the winner in full"),
        (f"autoresearch diff {number}", "the change that made it"),
        ("autoresearch metrics last loss --plot", "how the last run learned"),
        (f"autoresearch checkout {number} ../winner-{number}", "its exact code, in a new folder"),
        (f"git log --oneline autoresearch/{TAG}", "the kept changes, as commits"),
    ]
    store = Path(home).expanduser().resolve() if home else None
    if store is not None and store != Path(Settings().home):
        commands.insert(1, (f"export AUTORESEARCH_HOME={shlex.quote(str(store))}", "where it was recorded"))
    activate = Path(sys.prefix) / "bin" / "activate"
    if shutil.which("autoresearch") is None and activate.is_file():
        # As after `make demo`, which runs the command where no shell finds it.
        commands.insert(1, (f"source {shlex.quote(str(activate))}", ""))
    out.print(Text("What to type next", style="bold"))
    wide = max(len(command) for command, why in commands if len(f"  {command}  # {why}") <= _NARROW)
    for command, why in commands:
        beside = f"{command:{wide}}  # {why}"
        # A long path is to be copied as one line, so that its comment stands above.
        above = len(beside) + 2 > _NARROW
        if why and above:
            out.print(Text(f"  # {why}", style="dim"), soft_wrap=True)
        line = Text("  ").append(command, style="cyan")
        if why and not above:
            line.append(beside[len(command) :], style="dim")
        out.print(line, soft_wrap=True)
