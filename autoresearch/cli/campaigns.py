"""``campaigns``: those of the project, their trials, and what they are told from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from autoresearch.cli import options as o
from autoresearch.cli.answer import Answer, Block, Cell, Column, Facts, Quoted, Table, shown
from autoresearch.cli.declaring import command, group
from autoresearch.cli.experiments import money_text, tokens_text
from autoresearch.cli.face import workspace_of
from autoresearch.cli.run_views import duration, moment_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoresearch.records.campaign import Campaign, Trial
    from autoresearch.records.experiment import Note
    from autoresearch.track.workspace import Workspace

__all__ = [
    "app",
    "list_campaigns",
    "list_trials",
    "pause_campaign",
    "resume_campaign",
    "show_campaign",
    "stop_campaign",
]

app = typer.Typer(rich_markup_mode=None)
_campaigns = group(
    app,
    "campaigns",
    "campaigns",
    "campaigns show 3",
    "campaigns pause",
    about="List, show, pause, resume and stop campaigns, and list their trials.",
    without="ls",
    optioned="ls",
)

_Campaign = Annotated[
    str,
    typer.Argument(metavar="[CAMPAIGN]", help="Number (3 or #3), last, or an id or part of one."),
]
_Limit = Annotated[int, typer.Option(metavar="N", min=1, max=10_000, help="At most this many, the newest.")]
_LAST_REMARKS = 10


@command(_campaigns, "ls", "campaigns ls", "campaigns --limit 5 --json")
def list_campaigns(context: typer.Context, *, limit: _Limit = 20) -> Answer:
    """List the campaigns of the project, the newest first."""
    with workspace_of(context) as workspace:
        found = workspace.campaigns.list(limit=limit)
        columns = [
            Column("#", "number"),
            Column("state"),
            Column("agent", "flexible"),
            Column("trials", "number"),
            Column("kept", "number"),
            Column("failed", "number", optional=True),
            Column("tokens", "number", optional=True),
            Column("cost"),
            Column("begun"),
        ]
        rows: list[list[Cell]] = [
            [
                one.number,
                _state(one),
                one.agent,
                one.trials,
                one.outcomes.get("kept", 0),
                _failed(one),
                one.input_tokens + one.output_tokens,
                money_text(one.cost),
                moment_text(one.occurred_at.timestamp()),
            ]
            for one in found
        ]
        return Answer(
            document={"campaigns": [shown(one) for one in found]},
            ids=[one.id for one in found],
            blocks=[Table(columns, rows, empty="no campaign")],
            following="autoresearch campaigns show" if found else "",
        )


@command(_campaigns, "show", "campaigns show", "campaigns show 3 --json")
def show_campaign(context: typer.Context, campaign: _Campaign = "last") -> Answer:
    """Show one campaign: where it stands, what it cost, its open trials, and which remarks its agent was given."""
    with workspace_of(context) as workspace:
        one = workspace.campaigns.find(campaign)
        going = workspace.campaigns.trials(one.id, open_only=True)
        remarks = workspace.campaigns.remarks(one.id)
        blocks: list[Block] = [Facts(_about(workspace, one))]
        if "\n" in one.reason:
            blocks.append(Quoted("reason", one.reason))
        if going:
            blocks.append(_trial_table(going, {}))
        if remarks:
            blocks.append(_remark_table(remarks[-_LAST_REMARKS:], one.number))
        return Answer(
            document={
                "campaign": shown(one),
                "open_trials": [shown(trial) for trial in going],
                "remarks": [shown(note) for note in remarks],
            },
            ids=[one.id],
            blocks=blocks,
            following=f"autoresearch campaigns trials {one.number}",
        )


def _about(workspace: Workspace, one: Campaign) -> list[tuple[str, Cell]]:
    session = workspace.ledger.research.session(one.session_id)
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(one.outcomes.items()))
    return [
        ("campaign", one.number),
        ("id", one.id),
        ("state", _state(one)),
        ("reason", None if "\n" in one.reason else one.reason or None),
        ("agent", one.agent),
        ("session", session.tag),
        ("trials", one.trials),
        ("outcomes", outcomes or None),
        ("failed in a row", one.failures_in_row or None),
        ("measuring took", duration(one.seconds) if one.seconds else None),
        ("tokens", tokens_text(one.input_tokens, one.output_tokens)),
        ("cost", money_text(one.cost) or None),
        ("driven by", one.holder),
        ("by", str(one.actor)),
        ("begun", one.occurred_at.isoformat(timespec="seconds")),
        ("ended", one.ended_at.isoformat(timespec="seconds") if one.ended_at else None),
    ]


def _remark_table(remarks: Sequence[Note], number: int) -> Table:
    columns = [Column("remark", "flexible"), Column("by"), Column("given to")]
    rows: list[list[Cell]] = [[note.text, str(note.actor), _given(note, number)] for note in remarks]
    return Table(columns, rows, title="Remarks")


def _given(note: Note, number: int) -> str:
    for one in note.delivered:
        if one.campaign_number == number:
            return f"trial {one.trial_number}"
    return "nobody yet"


@command(
    _campaigns,
    "trials",
    "campaigns trials",
    "campaigns trials 3 --open",
    "campaigns trials --limit 200 --json",
)
def list_trials(
    context: typer.Context,
    campaign: _Campaign = "last",
    *,
    going: Annotated[bool, typer.Option("--open", help="Only those that are not judged.")] = False,
    limit: _Limit = 50,
) -> Answer:
    """List the trials of a campaign, first to last, with outcome, model, tokens and cost."""
    with workspace_of(context) as workspace:
        one = workspace.campaigns.find(campaign)
        found = workspace.campaigns.trials(one.id, open_only=going, limit=limit)
        research = workspace.ledger.research
        linked = {trial.experiment_id for trial in found if trial.experiment_id is not None}
        numbers = {each: research.experiment(each).number for each in linked}
        return Answer(
            document={"campaign": shown(one), "trials": [shown(trial) for trial in found]},
            ids=[trial.id for trial in found],
            blocks=[_trial_table(found, numbers)],
            following=f"autoresearch campaigns show {one.number}",
        )


def _trial_table(trials: Sequence[Trial], numbers: Mapping[str, int]) -> Table:
    columns = [
        Column("trial", "number"),
        Column("outcome", "state"),
        Column("experiment", "number"),
        Column("worker", optional=True),
        Column("tries", "flexible"),
        Column("reason", "flexible", optional=True),
        Column("model", optional=True),
        Column("tokens", optional=True),
        Column("cost"),
    ]
    rows: list[list[Cell]] = [
        [
            one.number,
            one.outcome or one.step,
            numbers.get(one.experiment_id or ""),
            one.worker,
            one.idea or ("the code as it is" if one.number == 0 else ""),
            one.reason,
            one.model,
            tokens_text(one.input_tokens, one.output_tokens),
            money_text(one.cost),
        ]
        for one in trials
    ]
    return Table(columns, rows, empty="no trial")


@command(_campaigns, "pause", "campaigns pause", "campaigns pause 3 --reason 'the GPU is needed'")
def pause_campaign(context: typer.Context, campaign: _Campaign = "last", *, reason: o.Reason = "") -> Answer:
    """Let no more trials begin until it is resumed; open ones go on."""
    with workspace_of(context) as workspace:
        return _moved(workspace.campaigns.pause(campaign, reason))


@command(_campaigns, "resume", "campaigns resume", "campaigns resume 3")
def resume_campaign(context: typer.Context, campaign: _Campaign = "last", *, reason: o.Reason = "") -> Answer:
    """Let a campaign go on that was paused or stopped, or that has ended."""
    with workspace_of(context) as workspace:
        return _moved(workspace.campaigns.resume(campaign, reason))


@command(_campaigns, "stop", "campaigns stop", "campaigns stop 3 --reason 'good enough'")
def stop_campaign(context: typer.Context, campaign: _Campaign = "last", *, reason: o.Reason = "") -> Answer:
    """End a campaign: no trial begins any more, and who drives it ends those that are open."""
    with workspace_of(context) as workspace:
        return _moved(workspace.campaigns.stop(campaign, reason))


def _moved(one: Campaign) -> Answer:
    idle = one.state == "running" and one.holder is None
    rows: list[tuple[str, Cell]] = [
        ("campaign", one.number),
        ("state", _state(one)),
        ("driven by", one.holder or "nobody"),
    ]
    return Answer(
        document={"campaign": shown(one)},
        ids=[one.id],
        blocks=[Facts(rows)],
        following="autoresearch run" if idle else f"autoresearch campaigns show {one.number}",
    )


def _state(one: Campaign) -> str:
    if one.stop is not None:
        return f"ended: {one.stop}"
    return one.state if one.holder or one.state != "running" else "running, driven by nobody"


def _failed(one: Campaign) -> int:
    return sum(count for name, count in one.outcomes.items() if name not in {"kept", "dropped", "hopeless"})
