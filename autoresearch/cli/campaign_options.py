"""The options of ``run``."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = [
    "Agent",
    "Executor",
    "MaxCost",
    "MaxExperiments",
    "MaxFailures",
    "MaxHours",
    "MaxTokens",
    "Model",
    "New",
    "Tag",
    "Words",
    "Workers",
]

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- COMMAND]", help="What trains and gives the score.", show_default=False),
]
Agent = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who proposes: offline, a profile, or 'command:PROGRAM ARGUMENTS'."),
]
Model = Annotated[str | None, typer.Option(metavar="NAME", help="Model, as the agent calls it.")]
MaxExperiments = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="Changes to try, the baseline not counted.")
]
MaxHours = Annotated[float | None, typer.Option(metavar="H", help="Hours of work; what runs then is ended.")]
MaxTokens = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Tokens that the agent may read and write.")
]
MaxCost = Annotated[float | None, typer.Option(metavar="USD", help="US dollars, as far as the agent says.")]
MaxFailures = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, help="Trials in a row that may fail; 0 for no limit, else 20."),
]
Workers = Annotated[int | None, typer.Option(metavar="N", min=1, help="Trials at the same time.")]
Executor = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Where the command runs: local (the default), ray or slurm."),
]
Tag = Annotated[
    str | None, typer.Option(metavar="NAME", help="Session; keeps go to the branch autoresearch/NAME.")
]
New = Annotated[bool, typer.Option("--new", help="Begin another one, also where one is unfinished.")]
