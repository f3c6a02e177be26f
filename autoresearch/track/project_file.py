"""``autoresearch.toml``: what a repository says about its own research."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from autoresearch.errors import Invalid
from autoresearch.records.base import Count, Finite, Line, Name, Request, Text
from autoresearch.records.goal import Budget, GoalRequest, parse_constraint
from autoresearch.research.scope import touched
from autoresearch.track.place import FILE_NAME

__all__ = [
    "FILE_NAME",
    "CampaignSection",
    "ProjectFile",
    "RunSection",
    "differences",
    "find_project_file",
    "read_project_file",
]

_NAMED = 5


class RunSection(Request):
    """How a trial is run.

    Attributes:
        command: What runs it, without a shell; in the file a list of arguments or one line.
        timeout_seconds: Wall-clock seconds of one run of ``reproduce``, where the goal has no ``trial_seconds``.
        editable: What a change may touch, as ``.gitignore`` patterns; empty for everything.
        results: File that a campaign keeps written with what it tried, such as ``results.tsv``; empty for none.
        score: Where a campaign reads the score: ``run`` (what the run itself logged), ``output`` (what it printed), or
            ``auto``: either, and both have to agree where there are both.
        pattern: Regular expression with one group, the number, for lines of the output; by default ``metric: number``.
        often: ``once``: a score that is printed twice with different values is none; ``last``: the last one counts.
        memory_gb: Memory that all processes of a run may hold together, in units of 10^9 bytes.
        processes: How many processes a run may have at once.
        cpus: Processors of a run and ``gpus`` its accelerators, for executors that share out machines.
        environment: Variables added to the clean environment of a campaign's runs.
    """

    command: tuple[Text, ...] = ()
    timeout_seconds: Finite | None = None
    editable: tuple[Line, ...] = ()
    results: Text = ""
    score: Literal["auto", "run", "output"] = "auto"
    pattern: Text | None = None
    often: Literal["once", "last"] = "once"
    memory_gb: Finite | None = None
    processes: Count | None = None
    cpus: Finite | None = None
    gpus: Finite | None = None
    environment: dict[Line, Text] = Field(default_factory=dict)

    def remarks(self, files: Sequence[str]) -> tuple[str, ...]:
        """A sentence on the changed files that are not ``editable``; nothing when all are, or this file alone is not."""
        if not self.editable:
            return ()
        within = {FILE_NAME, *touched(files, self.editable)}
        outside = [name for name in files if name not in within]
        if not outside:
            return ()
        more = f" and {len(outside) - _NAMED:,} more" if outside[_NAMED:] else ""
        was, it = ("was", "it is") if len(outside) == 1 else ("were", "they are")
        scope = ", ".join(self.editable)
        named = ", ".join(outside[:_NAMED])
        return (f"{named}{more} {was} changed, and {it} outside of what may be edited ({scope}).",)


class CampaignSection(Request):
    """How a campaign works, where the command line says nothing else.

    Attributes:
        agent: Who proposes: ``offline``, the name of a profile, a path to one, or ``command:`` and a command line.
        model: Its model, as it calls it; None for its own choice.
        options: What else is said to the agent.
        tag: Tag of the session; kept changes go to the branch ``autoresearch/<tag>``.
        workers: Trials at the same time.
        executor: Where the command runs: ``local``, ``ray`` or ``slurm``.
        executor_options: What is said to the executor.
        max_experiments: Changes to try; the other limits are those of the command line.
        max_failures: Trials in a row that may give nothing to judge; 0 for no limit.
        baseline_runs: Runs of the unchanged code, from which the noise is known.
        agent_seconds: Wall-clock seconds that the agent may take for one proposal.
        prompt_tokens: Length of the question that it is asked, in tokens.
        patience: Experiments without a real gain after which the question changes.
        early_stop: When a run is ended before its time: ``certain`` for NaN, infinity and alerts of level error, ``behind``
            also when it falls far behind the best's own curve, or ``off``.
        sigmas: Standard deviations of the difference that a gain must exceed.
        confirm: Runs behind every keep, and ``near`` those of a change whose first run comes near the bar.
        artifact: Name of the artifact that keeps log, with ``artifact_paths`` as its files; None for none.
    """

    agent: Line | None = None
    model: Line | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    tag: Name = "run"
    workers: Count = 1
    executor: Line = "local"
    executor_options: dict[str, Any] = Field(default_factory=dict)
    max_experiments: Count | None = None
    max_hours: Finite | None = None
    max_tokens: Count | None = None
    max_cost: Finite | None = None
    max_failures: Count = 20
    baseline_runs: Count = 3
    agent_seconds: Finite = 1800.0
    prompt_tokens: Count = 8000
    patience: Count = 10
    early_stop: Literal["certain", "behind", "off"] = "certain"
    sigmas: Finite = 2.0
    confirm: Count = 2
    near: Count = 3
    artifact: Name | None = None
    artifact_paths: tuple[Line, ...] = ()


class ProjectFile(Request):
    """The file's content: the project's name, its goal, how it is run, and how a campaign works."""

    project: Name | None = None
    goal: GoalRequest | None = None
    run: RunSection = RunSection()
    campaign: CampaignSection = CampaignSection()

    def goal_of(self, project: str) -> GoalRequest | None:
        """The goal that the file gives a project; None when it has none, or is of a project of another name."""
        return self.goal if self.project in {None, project} else None


def differences(file: GoalRequest, ledger: GoalRequest) -> tuple[str, ...]:
    """Where the file's goal and the ledger's part, such as ``"target 2, the ledger 2.4"``, one for each key."""
    pairs = zip(_said(file), _said(ledger), strict=True)
    return tuple(f"{name} {here}, the ledger {there}" for (name, here), (_, there) in pairs if here != there)


def _said(goal: GoalRequest) -> Iterator[tuple[str, str]]:
    """The keys of a goal and of its budget, with their values in words."""
    values = {**dict(goal), **dict(goal.budget)}
    for name in [*GoalRequest.model_fields, *Budget.model_fields]:
        value = values[name]
        if isinstance(value, float | int):
            yield name, f"{value:.10g}"
        elif isinstance(value, tuple):
            yield name, ", ".join(map(str, value)) or "none"
        elif name != "budget":
            yield name, (repr(value) if name == "description" else str(value)) if value else "none"


def find_project_file(start: Path) -> Path | None:
    """The nearest ``autoresearch.toml`` in a folder or above it, not beyond the repository's root."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
        if (folder / ".git").exists():
            return None
    return None


def read_project_file(path: Path) -> ProjectFile:
    """Read the file.

    Raises:
        Invalid: It is not TOML, or a value was refused; the message names file and key.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} is not valid TOML: {error}.", hint="Correct the file.") from None
    try:
        goal = data.pop("goal", None)
        run = data.pop("run", {})
        budget = data.pop("budget", {})
        campaign = data.pop("campaign", {})
        return ProjectFile.make(
            **data,
            goal=goal and _goal(goal, budget),
            run=RunSection.make(**_command(run)),
            campaign=CampaignSection.make(**campaign),
        )
    except Invalid as error:
        raise Invalid(f"{path}: {error.message}", hint=error.hint, details=error.details) from None
    except TypeError as error:
        raise Invalid(
            f"{path}: {error}.", hint="Sections are [goal], [budget], [run] and [campaign]."
        ) from None


def _goal(goal: dict[str, Any], budget: dict[str, Any]) -> GoalRequest:
    values = dict(goal)
    if "lower_is_better" in values:
        values["direction"] = "min" if values.pop("lower_is_better") else "max"
    values["constraints"] = tuple(parse_constraint(text) for text in values.get("constraints", ()))
    values["protected"] = tuple(values.get("protected", ()))
    return GoalRequest.make(**values, budget=Budget.make(**budget))


def _command(run: dict[str, Any]) -> dict[str, Any]:
    import shlex

    values = dict(run)
    if isinstance(values.get("command"), str):
        values["command"] = shlex.split(values["command"])
    return values
