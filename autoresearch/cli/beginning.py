"""``init`` and ``goal``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoresearch.briefs.fence import clean
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
    "init --yes                # what program.md says, with the log that is there",
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
    yes: o.Yes = False,
) -> Answer:
    """Set a repository up: autoresearch.toml and the goal.

    What is not given is taken from what lies there (program.md, train.py, results.tsv) or, on a terminal, asked. Where
    program.md tells it all, one question is asked, and a yes imports the log too. Without options an autoresearch.toml
    that is there stays as it is, and its goal becomes the project's if that has none.
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
        told = _Told(workspace, metric, _direction(minimize), run, editable, goal, budget)
        asks = can_ask(the_face(context)) and (force or not told.file.exists()) and not yes
        return _set_up(told, asks=asks, replace=force, bring_log=yes)


def _set_up(told: _Told, *, asks: bool, replace: bool, bring_log: bool) -> Answer:
    if asks and told.complete:
        if not told.confirmed():
            return told.left()
        bring_log = True
    elif asks:
        told.ask()
    return told.write(replace=replace, bring_log=bring_log)


_NO_GIT = "This folder is in no git repository: experiments will have a snapshot and no commit or change."

_IMPORTED = "what was imported was measured elsewhere"

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
    if found is not None and found.rows:
        assert found.log is not None
        return f"autoresearch import {shlex.quote(found.log)}"
    return 'autoresearch experiment --note "baseline, as committed"'


def _direction(minimize: bool | None) -> str | None:  # noqa: FBT001  a flag of three values
    return None if minimize is None else "min" if minimize else "max"


class _Told:
    """What was given, completed by what was found and what is answered."""

    def __init__(  # noqa: PLR0917  these are the options of the command
        self,
        workspace: Workspace,
        metric: str | None,
        direction: str | None,
        run: str | None,
        editable: list[str] | None,
        goal: dict[str, Any],
        budget: dict[str, Any],
    ) -> None:
        from autoresearch.track.beginning import look_around
        from autoresearch.track.project_file import FILE_NAME

        self.workspace, self.metric, self.direction = workspace, metric, direction
        self.file, self.found = workspace.root / FILE_NAME, look_around(workspace.root)
        script, self.program = self.found.script, self.found.program
        self.command = _words(run) if run else (["python", script] if script else [])
        self.editable = editable or ([script] if script else [])
        self.goal, self.budget = goal, budget
        if self.program is not None:
            self.command = _words(run) if run else list(self.program.command) or self.command
            self.editable = editable or list(self.program.editable) or self.editable
            self.goal = {**goal, "protected": goal["protected"] or list(self.program.protected)}
            self.budget = {**budget, "trial_seconds": budget["trial_seconds"] or self.program.limit}

    @property
    def complete(self) -> bool:
        """Whether ``program.md`` left nothing open that would have to be asked."""
        return self.program is not None and bool(self.command and all(self._objective()))

    def _objective(self) -> tuple[str | None, str | None]:
        metric = self.metric or self.found.metric
        return metric, self.direction or (self.found.direction if metric == self.found.metric else None)

    def confirmed(self) -> bool:
        """Show what was understood, and ask once whether it is right."""
        typer.echo("program.md describes this research:", err=True)
        for name, value in self._understood():
            typer.echo(f"  {name:<10} {clean(value, 200)}", err=True)
        log = f", and import {self.found.log}" if self.found.rows else ""
        return typer.confirm(f"Set it up so{log}?", default=True, err=True)

    def _understood(self) -> list[tuple[str, str]]:
        metric, direction = self._objective()
        said = [
            ("goal", f"{metric}, {'lower' if direction == 'min' else 'higher'} is better"),
            ("command", shlex.join(self.command)),
            ("editable", ", ".join(self.editable)),
            ("protected", ", ".join(self.goal["protected"] or ())),
        ]
        if self.budget["trial_seconds"]:
            own = self.program and self.program.budget
            trains = f"trains {own:g} s by itself, and " if own else ""
            said.append(("one run", f"{trains}is ended after {self.budget['trial_seconds']:g} s"))
        if self.found.rows:
            said.append(("log", f"{self.found.log}, {self.found.rows} experiments"))
        return [(name, value) for name, value in said if value]

    def left(self) -> Answer:
        """Say that nothing was done."""
        return Answer(
            document={"project": self.workspace.name, "file": None, "goal": None},
            ids=[],
            blocks=[Facts([("project", self.workspace.name), ("file", "none was written")])],
            following="autoresearch init --metric METRIC --min --command COMMAND --editable FILE",
        )

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

    def write(self, *, replace: bool, bring_log: bool) -> Answer:
        """Write the file, set the goal, import the log if that is wanted, and say so.

        Raises:
            UsageError: There is a metric, and nothing says whether lower is better.
        """
        from autoresearch.track.beginning import write_project_file

        metric, direction = self._objective()
        if metric and not direction:
            raise UsageError(
                f"Nothing says whether a lower or a higher {metric} is better.", hint="Add --min or --max."
            )
        name = self.workspace.name
        written = write_project_file(
            self.workspace.root,
            project=name,
            goal={"metric": metric, "direction": direction, **self.goal} if metric else None,
            budget=self.budget,
            run={"command": self.command, "editable": self.editable},
            replace=replace,
        )
        made = self.workspace.ledger.research.set_goal(name, written.goal) if written.goal else None
        brought = self._import() if bring_log and made and self.found.rows else None
        rows: list[tuple[str, Cell]] = [("project", name), ("file", str(self.file)), *_goal_rows(made)]
        rows += [("imported", f"{brought} experiments of {self.found.log}")] if brought is not None else []
        return Answer(
            document={
                "project": name,
                "file": str(self.file),
                "goal": made and shown(made),
                "imported": brought,
            },
            ids=[name],
            blocks=[Facts(rows)],
            following=_after_init(made, None if brought is not None else self.found),
            notices=[
                *([] if (self.workspace.root / ".git").exists() else [_NO_GIT]),
                *([] if made else [_NO_GOAL]),
            ],
        )

    def _import(self) -> int:
        from autoresearch.track.exchanging import import_log

        assert self.found.log is not None
        metric = self._objective()[0]
        new = int(import_log(self.workspace, self.workspace.root / self.found.log, metric=metric)["new"])
        if new:
            # Who measured them, on what machine and from which code is not known: the first own score is a new baseline.
            self.workspace.new_segment(_IMPORTED)
        return new


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
