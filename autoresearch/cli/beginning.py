"""``init`` and ``goal``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoresearch.cli import options as o
from autoresearch.cli.answer import Answer, Cell, Facts, shown
from autoresearch.cli.declaring import command
from autoresearch.cli.face import can_ask, the_face, workspace_of
from autoresearch.errors import NotFound, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from autoresearch.records.goal import Goal
    from autoresearch.track.beginning import Found
    from autoresearch.track.workspace import Workspace

__all__ = ["app", "goal", "init"]

app = typer.Typer(rich_markup_mode=None)


@command(
    app,
    "init",
    'init --metric val_bpb --min --command "python train.py" --editable train.py',
    "init --metric accuracy --max --target 0.95 --protected 'data/**'",
    "init                      # takes the autoresearch.toml that is there; else asks, on a terminal",
)
def init(
    context: typer.Context,
    *,
    metric: o.Metric = None,
    minimize: o.Minimize = None,
    target: o.Target = None,
    run: o.Command = None,
    editable: o.Editable = None,
    protected: o.Protected = None,
    max_experiments: o.MaxExperiments = None,
    max_seconds: o.MaxSeconds = None,
    trial_seconds: o.TrialSeconds = None,
    description: o.Description = None,
    adopt: o.Adopt = False,
    force: o.Force = False,
) -> Answer:
    """Set a repository up: autoresearch.toml and the goal.

    What is not given is taken from what lies there (train.py, results.tsv) or, on a terminal, asked. Without options
    an autoresearch.toml that is there stays as it is, and its goal becomes the project's if that has none.
    """
    goal = {"target": target, "protected": protected, "description": description}
    budget = {
        "max_experiments": max_experiments,
        "max_seconds": max_seconds,
        "trial_seconds": trial_seconds,
    }
    given = [metric, minimize, run, editable, force or None, *goal.values(), *budget.values()]
    silent = all(value is None for value in given)
    if adopt and not silent:
        raise UsageError("--adopt excludes other options.", hint="Leave them out, or edit autoresearch.toml.")
    with workspace_of(context) as workspace:
        there = _file_of(workspace) if silent else None
        if there is not None:
            return _adopted(workspace, there, over=adopt)
        if adopt:
            raise NotFound(
                f"There is no autoresearch.toml of project {workspace.name!r} here.",
                hint="`autoresearch init` writes one.",
            )
        told = _Told(workspace, metric, _direction(minimize), run, editable)
        if can_ask(the_face(context)) and (force or not told.file.exists()):
            told.ask()
        return told.write(goal, budget, replace=force)


_NO_GIT = "This folder is in no git repository: experiments will have a snapshot and no commit or change."

_NO_GOAL = "No metric is known yet, so there is no goal: `autoresearch goal METRIC --min` (or --max) sets it."


def _file_of(workspace: Workspace) -> Path | None:
    """The file that is there, unless it is of a project of another name."""
    from autoresearch.track.project_file import find_project_file

    return find_project_file(workspace.path) if workspace.file.project in {None, workspace.name} else None


def _adopted(workspace: Workspace, file: Path, *, over: bool) -> Answer:
    """Take the goal of the file; ``over`` replaces one that the ledger has."""
    from autoresearch.track.goals import disagreement, present_goal

    before, wanted = present_goal(workspace), workspace.file.goal_of(workspace.name)
    if wanted is not None and (over or before is None):
        workspace.ledger.research.set_goal(workspace.name, wanted)
    present = present_goal(workspace)
    if present is None:
        said = [_NO_GOAL]
    elif present != before:
        said = [f"The goal was taken from {file.name}, which stays as it is."]
    else:
        said = [*disagreement(workspace)] or ["Everything is set up already; nothing was changed."]
    return Answer(
        document={"project": workspace.name, "file": str(file), "goal": present and shown(present)},
        ids=[workspace.name],
        blocks=[Facts([("project", workspace.name), ("file", str(file)), *_goal_rows(present)])],
        following=_after_init(present),
        notices=[*([] if (workspace.root / ".git").exists() else [_NO_GIT]), *said],
    )


def _after_init(made: Goal | None, found: Found | None = None) -> str:
    if made is None:
        return "autoresearch goal METRIC --min"
    if found is not None and found.log is not None:
        return f"autoresearch import {shlex.quote(found.log)}"
    return 'autoresearch experiment --note "baseline, as committed"'


def _direction(minimize: bool | None) -> str | None:  # noqa: FBT001  a flag of three values
    return None if minimize is None else "min" if minimize else "max"


class _Told:
    """What was given, completed by what was found and what is answered."""

    def __init__(
        self,
        workspace: Workspace,
        metric: str | None,
        direction: str | None,
        run: str | None,
        editable: list[str] | None,
    ) -> None:
        from autoresearch.track.beginning import look_around
        from autoresearch.track.project_file import FILE_NAME

        self.workspace, self.metric, self.direction = workspace, metric, direction
        self.file, self.found = workspace.root / FILE_NAME, look_around(workspace.root)
        script = self.found.script
        self.command = _words(run) if run else (["python", script] if script else [])
        self.editable = editable or ([script] if script else [])

    def ask(self) -> None:
        """Ask for what was not given; what was found is proposed."""
        if self.metric is None:
            self.metric = typer.prompt("Metric that a trial prints", default=self.found.metric, err=True)
        if self.direction is None:
            proposed = self.found.direction if self.metric == self.found.metric else None
            answer = typer.prompt(
                "Is a lower or a higher value better (min, max)", default=proposed, err=True
            )
            self.direction = str(answer).strip().lower()
        if not self.command:
            self.command = _words(typer.prompt("Command that runs a trial", err=True))

    def write(self, goal: dict[str, Any], budget: dict[str, Any], *, replace: bool) -> Answer:
        """Write the file, set the goal, and say so; what was found stands for what nobody said.

        Raises:
            UsageError: There is a metric, and nothing says whether lower is better.
        """
        from autoresearch.track.beginning import write_project_file

        metric = self.metric or self.found.metric
        direction = self.direction or (self.found.direction if metric == self.found.metric else None)
        if metric and not direction:
            raise UsageError(
                f"Nothing says whether a lower or a higher {metric} is better.", hint="Add --min or --max."
            )
        name = self.workspace.name
        written = write_project_file(
            self.workspace.root,
            project=name,
            goal={"metric": metric, "direction": direction, **goal} if metric else None,
            budget=budget,
            run={"command": self.command, "editable": self.editable},
            replace=replace,
        )
        made = self.workspace.ledger.research.set_goal(name, written.goal) if written.goal else None
        return Answer(
            document={"project": name, "file": str(self.file), "goal": made and shown(made)},
            ids=[name],
            blocks=[Facts([("project", name), ("file", str(self.file)), *_goal_rows(made)])],
            following=_after_init(made, self.found),
            notices=[
                *([] if (self.workspace.root / ".git").exists() else [_NO_GIT]),
                *([] if made else [_NO_GOAL]),
            ],
        )


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise UsageError(
            f"The command {command!r} was not understood: {error}.", hint="Close its quotes."
        ) from None


@command(
    app,
    "goal",
    "goal",
    "goal val_bpb --min --target 2.45",
    "goal --target 2.40 --max-experiments 300     # the rest stays",
    "goal accuracy --max --constraint 'memory_gb <= 24'",
    'goal --new-segment "the evaluator was mended"',
)
def goal(
    context: typer.Context,
    metric: Annotated[str | None, typer.Argument(metavar="METRIC", help="Name of the objective.")] = None,
    *,
    minimize: o.Minimize = None,
    target: o.Target = None,
    min_delta: o.MinDelta = None,
    constraint: o.Constraints = None,
    noise: o.Noise = None,
    protected: o.Protected = None,
    max_experiments: o.MaxExperiments = None,
    max_seconds: o.MaxSeconds = None,
    trial_seconds: o.TrialSeconds = None,
    description: o.Description = None,
    new_segment: o.NewSegment = None,
) -> Answer:
    """Show the goal, or set it.

    A project without one takes that of autoresearch.toml. What is not given stays as it is, unless the metric changes: another metric or direction opens a new segment,
    across which nothing is compared.
    """
    from autoresearch.track.goals import change_goal

    changes: dict[str, Any] = {
        "metric": metric,
        "direction": _direction(minimize),
        "target": target,
        "min_delta": min_delta,
        "constraints": constraint or None,
        "noise": noise,
        "protected": tuple(protected) if protected else None,
        "max_experiments": max_experiments,
        "max_seconds": max_seconds,
        "trial_seconds": trial_seconds,
        "description": description,
    }
    with workspace_of(context) as workspace:
        changed = any(value is not None for value in changes.values())
        workspace.adopt_goal()
        present = change_goal(workspace, changes) if changed else workspace.project.goal
        if new_segment is not None:
            present = workspace.new_segment(new_segment)
        return _goal_answer(workspace, present)


def _goal_answer(workspace: Workspace, present: Goal | None) -> Answer:
    from autoresearch.track.goals import disagreement

    return Answer(
        document={"project": workspace.name, "goal": present and shown(present)},
        ids=[present.metric] if present else [],
        blocks=[Facts([("project", workspace.name), *_goal_rows(present)])],
        following="autoresearch status" if present else "autoresearch goal METRIC --min",
        notices=disagreement(workspace),
    )


def _goal_rows(goal: Goal | None) -> list[tuple[str, Cell]]:
    """A goal as names and values."""
    if goal is None:
        return [("goal", "none yet")]
    better = "lower is better" if goal.lower_is_better else "higher is better"
    budget = goal.budget
    return [
        ("goal", f"{goal.metric}, {better}"),
        ("target", goal.target),
        ("min delta", goal.min_delta or None),
        ("constraints", "; ".join(map(str, goal.constraints)) or None),
        ("noise", None if goal.noise is None else f"sd {goal.noise:g}"),
        ("experiments", budget.max_experiments and f"at most {budget.max_experiments}"),
        ("all trials", budget.max_seconds and f"at most {budget.max_seconds:g} s"),
        ("one trial", budget.trial_seconds and f"at most {budget.trial_seconds:g} s"),
        ("protected", ", ".join(goal.protected) or None),
        ("description", goal.description or None),
        ("segment", goal.segment if goal.segment > 1 else None),
    ]
