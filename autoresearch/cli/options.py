"""The options of commands, each said once: its name, how its value is called, and what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from autoresearch.cli.declaring import complete_experiments, complete_runs

__all__ = [
    "About",
    "Adopt",
    "Branch",
    "Command",
    "Commit",
    "Config",
    "Constraints",
    "Cursor",
    "Description",
    "Diff",
    "Editable",
    "Force",
    "Log",
    "MadeId",
    "MaxExperiments",
    "MaxSeconds",
    "Metric",
    "Metrics",
    "MinDelta",
    "Minimize",
    "NewSegment",
    "NoSnapshot",
    "Noise",
    "Parent",
    "Protected",
    "Reason",
    "RunRef",
    "Samples",
    "Score",
    "Seconds",
    "Segment",
    "SessionOption",
    "Snapshot",
    "StateOption",
    "Svg",
    "Target",
    "TrialSeconds",
    "Uses",
    "Yes",
]

Minimize = Annotated[
    bool | None,
    typer.Option("--min/--max", help="Whether a lower or a higher score is better.", show_default=False),
]
Metric = Annotated[str | None, typer.Option(metavar="NAME", help="Name of the score.")]
Target = Annotated[
    float | None, typer.Option(metavar="SCORE", help="The score at which the goal is reached.")
]
MinDelta = Annotated[
    float | None, typer.Option(metavar="GAIN", help="The least gain that advances the frontier.")
]
Constraints = Annotated[
    list[str] | None,
    typer.Option("--constraint", metavar="TEXT", help="Bound such as 'memory_gb <= 24'; may be repeated."),
]
Noise = Annotated[float | None, typer.Option(metavar="SD", help="Known standard deviation of the metric.")]
Protected = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Paths that no change may touch; may be repeated."),
]
Editable = Annotated[
    list[str] | None, typer.Option(metavar="GLOB", help="Paths that a change may touch; may be repeated.")
]
MaxExperiments = Annotated[int | None, typer.Option(metavar="N", help="Experiments that may be recorded.")]
MaxSeconds = Annotated[
    float | None, typer.Option(metavar="S", help="Wall-clock seconds for all trials together.")
]
TrialSeconds = Annotated[float | None, typer.Option(metavar="S", help="Wall-clock seconds of one trial.")]
NewSegment = Annotated[
    str | None,
    typer.Option(
        "--new-segment",
        metavar="REASON",
        help="Compare anew from here on: the evaluator or the data is another.",
    ),
]
Description = Annotated[str | None, typer.Option(metavar="TEXT", help="What the goal means, in words.")]
Command = Annotated[
    str | None, typer.Option("--command", metavar="TEXT", help="What runs it, without a shell.")
]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Take the goal of autoresearch.toml, also where there is another.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]
Yes = Annotated[
    bool, typer.Option("--yes", help="Ask nothing: take what was found, and import the log that is there.")
]

Branch = Annotated[str | None, typer.Option(metavar="NAME", help="Branch it works on.")]
Commit = Annotated[
    str | None, typer.Option(metavar="SHA", help="Commit to record instead of the present one.")
]
Diff = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Patch instead of the captured one; - is standard input."),
]
Snapshot = Annotated[
    list[str] | None,
    typer.Option(metavar="PATH", help="Folder or files to keep, else the work tree; may be repeated."),
]
NoSnapshot = Annotated[bool, typer.Option("--no-snapshot", help="Keep no files.")]
Config = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Configuration, JSON or text; may be repeated."),
]
Parent = Annotated[
    str | None,
    typer.Option(
        metavar="EXP",
        help="Experiment it was made from, else the best.",
        autocompletion=complete_experiments,
    ),
]
About = Annotated[
    str | None,
    typer.Option(metavar="EXP", help="What it is about.", autocompletion=complete_experiments),
]
Uses = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME:VERSION", help="Artifact version that goes in; may be repeated."),
]
MadeId = Annotated[
    str | None,
    typer.Option("--id", metavar="UUID", help="Your own id: the same command twice acts once."),
]
StateOption = Annotated[
    Literal["recorded", "kept", "dropped", "crashed"] | None,
    typer.Option("--state", metavar="recorded|kept|dropped|crashed", help="Only those in this state."),
]
SessionOption = Annotated[
    str | None,
    typer.Option("--session", metavar="SESSION", help="Of this session alone: number, tag or id."),
]
Segment = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Of an earlier goal, else of the present one."),
]
Cursor = Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from a page's next_cursor.")]

RunRef = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Number (12 or #12), name, last, or an id or part of one.",
        autocompletion=complete_runs,
        show_default=False,
    ),
]

Score = Annotated[float | None, typer.Option(metavar="NUMBER", help="Value of the goal's metric.")]
Samples = Annotated[
    list[str] | None,
    typer.Option(metavar="NUMBERS", help="Repeated measurements, with commas between; may be repeated."),
]
Metrics = Annotated[
    list[str] | None, typer.Option(metavar="NAME=NUMBER", help="Secondary metric; may be repeated.")
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, in a sentence.", show_default=False)]
Seconds = Annotated[float | None, typer.Option(metavar="S", help="Wall-clock seconds it took.")]
Log = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Its output, of which the end is kept; - is standard input."),
]
Svg = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the picture to this file.")]
