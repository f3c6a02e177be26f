"""Change a goal in part: what is not mentioned stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoresearch.errors import NotFound, UsageError
from autoresearch.records.goal import Budget, Goal, GoalRequest, parse_constraint
from autoresearch.track.project_file import FILE_NAME, differences
from autoresearch.track.viewing import ProjectView
from autoresearch.track.workspace import Workspace

__all__ = ["change_goal", "disagreement", "present_goal"]

_BUDGET = frozenset(Budget.model_fields)


def present_goal(workspace: ProjectView) -> Goal | None:
    """The goal of the project, or None while there is none."""
    try:
        return workspace.project.goal
    except NotFound:
        return None


def disagreement(workspace: Workspace) -> tuple[str, ...]:
    """One sentence when ``autoresearch.toml`` says another goal than the ledger, which is the one that counts."""
    said, present = workspace.file.goal_of(workspace.name), present_goal(workspace)
    parts = differences(said, present) if said and present else ()
    if not parts:
        return ()
    return (f"{FILE_NAME} says {'; '.join(parts)}: `autoresearch init --adopt` takes the file's.",)


def change_goal(workspace: ProjectView, changes: Mapping[str, Any]) -> Goal:
    """Set what is given, and keep the rest of the goal as long as the metric stays.

    A project without a goal takes that of ``autoresearch.toml`` first.

    Args:
        workspace: Whose project it is.
        changes: Fields of a goal and of its budget; ``constraints`` as texts. Those that are None are not given.

    Raises:
        UsageError: There is no goal to change, or a new metric came without a direction.
        Invalid: A value was refused.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    workspace.adopt_goal()
    present = present_goal(workspace)
    metric = given.get("metric") or (present and present.metric)
    if metric is None:
        raise UsageError(
            f"Project {workspace.name!r} has no goal to change.",
            hint="Name the metric: autoresearch goal METRIC --min (or --max).",
        )
    kept = present if present is not None and present.metric == metric else None
    values = {name: getattr(kept, name) for name in GoalRequest.model_fields} if kept else {}
    if "direction" not in {**values, **given}:
        raise UsageError(
            f"Nothing says whether a lower or a higher {metric} is better.", hint="Add --min or --max."
        )
    budget: Budget = values.get("budget", Budget())
    limits = {name: given.pop(name) for name in _BUDGET & given.keys()}
    if "constraints" in given:
        given["constraints"] = tuple(map(parse_constraint, given["constraints"]))
    values |= {**given, "metric": metric, "budget": Budget.make(**{**budget.model_dump(), **limits})}
    return workspace.ledger.research.set_goal(workspace.name, GoalRequest.make(**values))
