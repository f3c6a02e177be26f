"""From ``autoresearch.toml`` and what the command line says to a plan, an agent and an executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoresearch.drivers.base import Agent
from autoresearch.drivers.registry import make_agent
from autoresearch.errors import Conflict, Invalid
from autoresearch.loop.budget import Limits
from autoresearch.loop.campaign import unfinished
from autoresearch.loop.executors.base import Resources
from autoresearch.loop.offline import OfflineAgent
from autoresearch.loop.plan import Plan
from autoresearch.loop.policy import Policy
from autoresearch.loop.profile import Profile, load_profile
from autoresearch.records.campaign import Campaign
from autoresearch.track.project_file import CampaignSection
from autoresearch.track.workspace import Workspace

__all__ = ["Planned", "planned"]

_SAID = "arguments"
_GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Planned:
    """A campaign that can be started.

    Attributes:
        plan: How it works.
        agent: Who proposes.
        executor: Name of where the command runs, and ``executor_options`` what is said to it.
        campaign: The one to go on with; None for a new one.
        said: What the command line has said of it, now or when it was begun, to be kept with it.
    """

    plan: Plan
    agent: Agent
    executor: str
    executor_options: dict[str, Any]
    campaign: Campaign | None
    said: dict[str, Any]


def planned(workspace: Workspace, said: Mapping[str, Any], *, new: bool = False) -> Planned:
    """Plan a campaign: what is said wins over what was said when the unfinished one was begun, and that over the file.

    Args:
        workspace: Of the repository.
        said: Keys of ``[campaign]``, and ``command``; what is None is not said.
        new: Whether to begin another one, also where one is unfinished.

    Raises:
        Invalid: A value was refused.
        NotFound: There is no such agent.
        AgentError: The agent needs a key that is not there.
        Conflict: Nothing says which agent to ask, or which command to run.
    """
    given = {name: value for name, value in said.items() if value is not None}
    tag = str(given.get("tag") or workspace.file.campaign.tag)
    workspace.adopt_goal()
    found = None if new else unfinished(workspace, tag)
    if found is not None:
        given = {**found.settings.get(_SAID, {}), **given}
    values = {**dict(workspace.file.campaign), **given}
    command = tuple(values.pop("command", ()) or workspace.file.run.command)
    section = CampaignSection.make(**values)
    if not command:
        raise Conflict(
            "Nothing says what a trial runs.",
            hint="Write it at the end: autoresearch run -- python train.py, or under [run] of autoresearch.toml.",
        )
    agent = _agent(workspace, section)
    plan = _plan(workspace, section, command)
    return Planned(plan, agent, section.executor, section.executor_options, found, given)


def _agent(workspace: Workspace, section: CampaignSection) -> Agent:
    if section.agent is None:
        raise Conflict(
            "Nothing says which agent to ask.",
            hint="Name it: autoresearch run --agent claude-code, or offline, or agent = under [campaign].",
        )
    if section.agent == OfflineAgent.name:
        return _offline(workspace, section)
    return make_agent(
        section.agent,
        model=section.model,
        options=section.options,
        settings=workspace.settings,
        folder=workspace.root,
    )


def _offline(workspace: Workspace, section: CampaignSection) -> OfflineAgent:
    """The built-in searcher: over a profile of the repository's, or over the constants of one file."""
    options = dict(section.options)
    seed, folder, file = options.pop("seed", 0), options.pop("profile", None), options.pop("file", None)
    if options or not isinstance(seed, int) or section.model is not None:
        raise Invalid(
            f"The offline agent does not know {next(iter(options), 'such a model or seed')!r}.",
            hint="It takes seed (a number), file (the one it changes) and profile (a folder with search.toml), and no model.",
        )
    if folder is not None:
        return OfflineAgent(seed, load_profile(workspace.root / str(folder)))
    editable = [name for name in workspace.file.run.editable if (workspace.root / name).is_file()]
    return OfflineAgent(seed, Profile(file=str(file or (editable[0] if editable else "train.py"))))


def _plan(workspace: Workspace, section: CampaignSection, command: tuple[str, ...]) -> Plan:
    run = workspace.file.run
    memory = None if run.memory_gb is None else int(run.memory_gb * _GIGABYTE)
    more = {} if run.processes is None else {"processes": run.processes}
    return Plan(
        command=command,
        tag=section.tag,
        limits=Limits(
            experiments=section.max_experiments,
            hours=section.max_hours,
            tokens=section.max_tokens,
            cost=section.max_cost,
            failures=section.max_failures or None,
        ),
        workers=section.workers,
        editable=run.editable,
        baseline_runs=section.baseline_runs,
        trial_seconds=run.timeout_seconds,
        agent_seconds=section.agent_seconds,
        resources=Resources(cpus=run.cpus, gpus=run.gpus or 0.0, memory=memory, **more),
        source=run.score,
        pattern=run.pattern,
        often=run.often,
        environment=run.environment,
        artifact=section.artifact,
        artifact_paths=section.artifact_paths,
        policy=Policy(k=section.sigmas, confirm=section.confirm, near=section.near),
        folders=Path(workspace.settings.home) / "trials",
        prompt_tokens=0 if section.agent == OfflineAgent.name else section.prompt_tokens,
        patience=section.patience,
        early=section.early_stop,
        results=run.results,
    )
