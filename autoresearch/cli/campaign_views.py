"""A campaign that goes on, in a few words: for ``status``, and for ``top`` with what each worker does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autoresearch.cli.answer import Cell, Column, Table, shown
from autoresearch.cli.experiments import money_text
from autoresearch.cli.run_views import duration
from autoresearch.errors import NotFound
from autoresearch.records.base import utc_now

if TYPE_CHECKING:
    from autoresearch.records.campaign import Campaign, Trial
    from autoresearch.track.workspace import Workspace

__all__ = ["document", "going_on", "summary", "worker_table"]

_UNCOUNTED = ("agent_failed", "abandoned")
_AFTER = 60.0


def going_on(workspace: Workspace) -> tuple[Campaign, tuple[Trial, ...]] | None:
    """The last campaign with its open trials, unless it ended more than a minute ago."""
    try:
        campaign = workspace.campaigns.find()
    except NotFound:
        return None
    if campaign.ended_at is not None and (utc_now() - campaign.ended_at).total_seconds() > _AFTER:
        return None
    return campaign, workspace.campaigns.trials(campaign.id, open_only=True, limit=256)


def summary(campaign: Campaign, trials: Sequence[Trial]) -> str:
    """State, who proposes, what became of its trials, and what is left, in one line."""
    state = campaign.state if campaign.stop is None else f"ended, {campaign.stop}"
    if campaign.state == "running" and campaign.holder is None:
        state = "interrupted"
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(campaign.outcomes.items()))
    parts = [f"{campaign.number} {state}", campaign.agent, outcomes, _open(trials), *_left(campaign)]
    return "; ".join(part for part in parts if part)


def worker_table(trials: Sequence[Trial]) -> Table:
    """What each worker does now."""
    columns = [
        Column("worker"),
        Column("trial", "number"),
        Column("step", "state"),
        Column("for"),
        Column("tries", "flexible"),
    ]
    now = utc_now()
    rows: list[list[Cell]] = [
        [
            one.worker,
            one.number,
            one.step,
            duration((now - one.started_at).total_seconds()),
            one.idea or ("the code as it is" if one.number == 0 else "the agent is asked"),
        ]
        for one in trials
    ]
    return Table(columns, rows, empty="no trial is open")


def document(found: tuple[Campaign, tuple[Trial, ...]] | None) -> dict[str, Any] | None:
    """The same as one JSON object."""
    if found is None:
        return None
    return {**shown(found[0]), "open": [shown(trial) for trial in found[1]]}


def _open(trials: Sequence[Trial]) -> str:
    return f"{len(trials)} open" if trials else ""


def _left(campaign: Campaign) -> list[str]:
    """What its limits leave, as they were when it was begun."""
    limits = campaign.settings.get("limits")
    if not isinstance(limits, dict):
        return []
    tried = campaign.trials - sum(campaign.outcomes.get(name, 0) for name in _UNCOUNTED)
    tokens = campaign.input_tokens + campaign.output_tokens
    said = [
        _of(limits.get("experiments"), tried, "{:.0f} experiments left"),
        _of(limits.get("tokens"), tokens, "{:,.0f} tokens left"),
    ]
    cost = limits.get("cost")
    if isinstance(cost, int | float):
        said.append(f"{money_text(max(0.0, cost - campaign.cost)) or '$0'} left")
    return [part for part in said if part]


def _of(limit: object, used: float, words: str) -> str:
    return words.format(max(0.0, limit - used)) if isinstance(limit, int | float) else ""
