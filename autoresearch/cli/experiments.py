"""How experiments look: one in full, many as a table, matches of a search."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from autoresearch.cli.answer import Answer, Block, Cell, Column, Facts, Quoted, Table, shown

if TYPE_CHECKING:
    from autoresearch.records.campaign import Trial
    from autoresearch.records.experiment import Decision, Experiment
    from autoresearch.records.frontier import Match
    from autoresearch.track.workspace import Workspace

__all__ = ["experiment_answer", "experiment_table", "match_table", "money_text", "tokens_text"]

_RUNS = 10
_FILES = 20


def tokens_text(read: int | None, written: int | None) -> str | None:
    """Tokens as people read them; None where none were counted."""
    return None if not read and not written else f"{read or 0:,} in, {written or 0:,} out"


def money_text(dollars: float | None) -> str:
    """US dollars to the cent, a smaller sum to two digits; empty where nothing was paid."""
    if not dollars:
        return ""
    return f"${dollars:.2f}" if dollars >= 0.1 else f"${dollars:.2g}"


def experiment_table(experiments: Sequence[Experiment]) -> Table:
    """One line for each experiment."""
    columns = [
        Column("#", "number"),
        Column("state", "state"),
        Column("score", "score"),
        Column("gain", "gain"),
        Column("note", "flexible"),
        Column("reason", "flexible", optional=True),
    ]
    rows: list[list[Cell]] = [[e.number, e.state, e.score, e.gain, e.note, e.reason] for e in experiments]
    return Table(columns, rows, empty="no experiment")


def match_table(matches: Sequence[Match]) -> Table:
    """One line for each experiment that was found."""
    columns = [
        Column("#", "number"),
        Column("alike", "number"),
        Column("state", "state"),
        Column("score", "score"),
        Column("gain", "gain"),
        Column("note", "flexible"),
        Column("found", "flexible", optional=True),
    ]
    rows: list[list[Cell]] = [
        [m.number, f"{m.likeness:.2f}", m.state, m.score, m.gain, m.note, m.excerpt] for m in matches
    ]
    return Table(columns, rows, empty="nothing found")


def experiment_answer(workspace: Workspace, reference: str) -> Answer:
    """One experiment in full, with all verdicts on it."""
    research = workspace.ledger.research
    one = workspace.find(reference)
    decisions = research.decisions(one.id)
    session = research.session(one.session_id)
    parent = research.experiment(one.parent_id).number if one.parent_id else None
    runs = workspace.runs.list(experiment=one.number, descending=False)
    about = _about(one, session.tag, parent, decisions)
    trial = workspace.campaigns.trial_of(one.id)
    about += _of_trial(workspace, trial) if trial else []
    about.append(("runs", ", ".join(f"{run.number} ({run.state})" for run in runs[:_RUNS]) or None))
    blocks: list[Block] = [Facts(about)]
    for title, text in (("note", one.note), ("reason", one.reason), ("end of the log", one.log_tail.strip())):
        if "\n" in text or (title == "end of the log" and text):
            blocks.append(Quoted(title, text))
    if len(decisions) > 1:
        blocks.append(_history(decisions))
    return Answer(
        document={
            "experiment": shown(one),
            "decisions": [shown(decision) for decision in decisions],
            "runs": [{"number": run.number, "id": run.id, "state": run.state} for run in runs],
            "trial": shown(trial) if trial else None,
        },
        ids=[one.id],
        blocks=blocks,
        following=f"autoresearch diff {one.number}" if one.diff else "",
        notices=one.notices,
    )


def _about(
    one: Experiment, session: str, parent: int | None, decisions: Sequence[Decision]
) -> list[tuple[str, Cell]]:
    last = decisions[-1] if decisions else None
    files = ", ".join(one.files[:_FILES]) + (
        f" and {len(one.files) - _FILES} more" if one.files[_FILES:] else ""
    )
    return [
        ("experiment", one.number),
        ("id", one.id),
        ("state", one.state),
        ("score", None if one.score is None else _of(last, one.score)),
        ("gain", None if one.gain is None else f"{one.gain:+.6g}"),
        ("on the frontier", "yes" if one.on_frontier else None),
        ("note", None if "\n" in one.note else one.note or None),
        ("reason", None if "\n" in one.reason else one.reason or None),
        ("standing", last.standing if last and last.standing != one.reason else None),
        ("violations", "; ".join(last.violations) or None if last else None),
        ("metrics", ", ".join(f"{name}={value}" for name, value in one.metrics.items()) or None),
        ("seconds", one.seconds),
        ("session", session),
        ("parent", parent),
        ("commit", one.commit),
        ("branch", one.branch),
        ("change", f"{one.diff.size:,} bytes, {one.diff.digest}" if one.diff else None),
        ("files", files or None),
        ("snapshot", one.tree),
        ("command", shlex.join(one.command) or None),
        ("config", json.dumps(one.config) if one.config else None),
        ("uses", ", ".join(one.uses) or None),
        ("source", json.dumps(one.source) if one.source else None),
        ("by", str(one.actor)),
        ("recorded", one.recorded_at.isoformat(timespec="seconds")),
    ]


def _of_trial(workspace: Workspace, trial: Trial) -> list[tuple[str, Cell]]:
    campaign = workspace.ledger.campaigns.campaign(trial.campaign_id)
    spoke = f"{trial.agent} ({trial.model})" if trial.model else trial.agent
    return [
        ("campaign", f"{campaign.number}, trial {trial.number}"),
        ("agent", spoke),
        ("tokens", tokens_text(trial.input_tokens, trial.output_tokens)),
        ("cost", money_text(trial.cost) or None),
        ("prompt", trial.prompt),
    ]


def _of(last: Decision | None, score: float) -> str:
    many = f", mean of {len(last.samples)}" if last and len(last.samples) > 1 else ""
    return f"{score:.10g} {last.metric if last else ''}".rstrip() + many


def _history(decisions: Sequence[Decision]) -> Table:
    columns = [
        Column("verdict", "state"),
        Column("score", "score"),
        Column("by"),
        Column("at"),
        Column("reason", "flexible"),
    ]
    rows: list[list[Cell]] = [
        [d.status, d.score, str(d.actor), d.recorded_at.isoformat(timespec="seconds"), d.reason]
        for d in decisions
    ]
    return Table(columns, rows, title="Verdicts, first to last")
