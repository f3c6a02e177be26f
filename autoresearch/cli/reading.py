"""``status``, ``frontier``, ``progress`` and ``context``: where the project stands."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoresearch.cli import options as o
from autoresearch.cli.answer import Answer, Cell, Column, Drawing, Facts, Prose, Table, shown
from autoresearch.cli.declaring import command
from autoresearch.cli.face import View, workspace_of

if TYPE_CHECKING:
    from autoresearch.records.frontier import Frontier, Noise, Progress
    from autoresearch.records.goal import Project
    from autoresearch.track.workspace import Workspace

__all__ = ["app", "context", "frontier", "progress", "status"]

app = typer.Typer(rich_markup_mode=None)


@command(app, "status", "status", "status --all", "status --json")
def status(
    context: typer.Context,
    *,
    everywhere: Annotated[bool, typer.Option("--all", help="List every project of the store.")] = False,
) -> Answer:
    """Say where the project stands."""
    with workspace_of(context) as workspace:
        return _projects(workspace) if everywhere else _status(workspace)


def _status(workspace: Workspace) -> Answer:
    from autoresearch.cli import campaign_views
    from autoresearch.track.goals import disagreement

    workspace.adopt_goal()
    project = workspace.project
    going = campaign_views.going_on(workspace)
    facts = workspace.ledger.memory.facts(workspace.name, limit=1)
    counts, base, best, left = facts.counts, facts.baseline, facts.incumbent, facts.left
    numbers = [
        (counts.kept, "kept"),
        (counts.dropped, "dropped"),
        (counts.crashed, "crashed"),
        (counts.waiting, "not judged"),
    ]
    said = ", ".join(f"{n} {word}" for n, word in numbers if n)
    rows: list[tuple[str, Cell]] = [
        ("project", project.name),
        ("goal", _goal(project)),
        ("session", facts.session or "none"),
        ("campaign", campaign_views.summary(*going) if going else None),
        ("experiments", f"{counts.experiments}" + (f": {said}" if said else "")),
        ("baseline", f"{base.score:.6g} (#{base.number})" if base else None),
        ("best", f"{best.score:.6g} (#{best.number}{_age(best.age)})" if best else None),
        ("made by", best.note.partition("\n")[0] if best else None),
        ("noise", f"sd {facts.noise.sd:.4g}" if facts.noise else None),
        ("experiments left", left.experiments),
        ("seconds left", left.seconds),
        ("segment", facts.segment.number if facts.segment.number > 1 else None),
        ("server", workspace.server.url if workspace.server else None),
    ]
    return Answer(
        document={**_document(project, facts), "campaign": campaign_views.document(going)},
        ids=[project.name],
        blocks=[Facts(rows), *([campaign_views.worker_table(going[1])] if going and going[1] else [])],
        following=_following(project, counts),
        notices=disagreement(workspace),
    )


def _document(project: Project, facts: Any) -> dict[str, Any]:
    named = {"counts": facts.counts, "baseline": facts.baseline, "best": facts.incumbent}
    named |= {"noise": facts.noise, "left": facts.left}
    said = {name: dataclasses.asdict(value) if value else None for name, value in named.items()}
    return {"project": shown(project), "session": facts.session, **said}


def _age(experiments: int) -> str:
    return f", {experiments} experiment{'s' * (experiments > 1)} ago" if experiments else ""


def _goal(project: Project) -> str:
    goal = project.goal
    if goal is None:
        return "none yet"
    better = "lower is better" if goal.lower_is_better else "higher is better"
    return f"{goal.metric}, {better}" + (f", target {goal.target:g}" if goal.target is not None else "")


def _following(project: Project, counts: Any) -> str:
    if project.goal is None:
        return "autoresearch goal METRIC --min"
    if counts.waiting:
        return "autoresearch experiment list --state recorded"
    return (
        "autoresearch context"
        if counts.experiments
        else 'autoresearch experiment --note "baseline, as committed"'
    )


def _projects(workspace: Workspace) -> Answer:
    from autoresearch.ledger.base import every

    research = workspace.ledger.research
    found = list(every(lambda cursor: research.projects(limit=1000, cursor=cursor)))
    columns = [
        Column("project"),
        Column("experiments", "number"),
        Column("sessions", "number"),
        Column("goal", "flexible"),
    ]
    rows: list[list[Cell]] = [[p.name, p.experiments, p.sessions, _goal(p)] for p in found]
    return Answer(
        document={"projects": [shown(project) for project in found]},
        ids=[project.name for project in found],
        blocks=[Table(columns, rows, empty="no project yet")],
        following="autoresearch status --project NAME",
    )


@command(app, "frontier", "frontier", "frontier --session 2", "frontier --segment 1 --json")
def frontier(
    context: typer.Context,
    *,
    session: o.SessionOption = None,
    segment: o.Segment = None,
) -> Answer:
    """List the running bests, from baseline to best."""
    with workspace_of(context) as workspace:
        workspace.adopt_goal()
        found = workspace.ledger.research.frontier(
            workspace.name, session_id=_session(workspace, session), segment=segment
        )
        return Answer(
            document={"frontier": shown(found)},
            ids=[step.experiment_id for step in found.steps],
            blocks=[_steps(found), *_standing(found)],
            following=f"autoresearch show {found.best.number}"
            if found.best
            else "autoresearch decide EXP keep --score SCORE",
        )


def _session(workspace: Workspace, text: str | None) -> str | None:
    from autoresearch.track.sessions import find_session

    return find_session(workspace, text).id if text else None


def _steps(found: Frontier) -> Table:
    columns = [
        Column("#", "number"),
        Column(found.goal.metric, "score"),
        Column("gain", "gain"),
        Column("in sd", "gain"),
        Column("note", "flexible"),
    ]
    rows: list[list[Cell]] = [[s.number, s.score, s.gain, s.sigmas, s.note] for s in found.steps]
    return Table(columns, rows, empty="no experiment was kept yet")


def _standing(found: Frontier) -> list[Facts]:
    rows: list[tuple[str, Cell]] = [
        ("noise", _noise(found.noise)),
        ("target", found.goal.target if not found.reached else f"{found.goal.target:g}, reached"),
    ]
    return [Facts(rows)] if any(value is not None for _, value in rows) else []


def _noise(noise: Noise | None) -> str | None:
    if noise is None:
        return None
    return f"sd {noise.sd:.4g}, " + (
        "given with the goal" if noise.source == "goal" else f"from {noise.n} repeats"
    )


@command(app, "progress", "progress", "progress --svg progress.svg", "progress --session 2 --json")
def progress(
    context: typer.Context,
    *,
    svg: o.Svg = None,
    session: o.SessionOption = None,
    segment: o.Segment = None,
) -> Answer:
    """Draw every attempt and the running best."""
    with workspace_of(context) as workspace:
        workspace.adopt_goal()
        found = workspace.ledger.research.progress(
            workspace.name, session_id=_session(workspace, session), segment=segment
        )
    notices = []
    if svg is not None:
        from autoresearch.loop.picture import write_svg

        write_svg(found, svg)
        notices.append(f"The picture was written to {svg}.")
    return Answer(
        document={"progress": shown(found), "svg": None if svg is None else str(svg)},
        ids=[attempt.experiment_id for attempt in found.attempts],
        blocks=[Drawing(lambda view: _picture(found, view))],
        brief=[_attempts(found)],
        following="autoresearch frontier",
        notices=notices,
    )


def _attempts(found: Progress) -> Table:
    columns = [
        Column("#", "number"),
        Column("state", "state"),
        Column(found.goal.metric, "score"),
        Column("best", "score"),
        Column("note", "flexible"),
    ]
    rows: list[list[Cell]] = [[a.number, a.state, a.score, a.best, a.note] for a in found.attempts]
    return Table(columns, rows, empty="no experiment yet")


def _picture(found: Progress, view: View) -> str:
    from autoresearch.loop.picture import as_text

    return as_text(
        found, width=min(view.width or 100, 140), height=20, color=view.color, plain=not view.unicode
    )


@command(app, "context", "context", "context --budget 800 --limit 3", "context --json")
def context(
    context: typer.Context,
    *,
    budget: Annotated[int, typer.Option(metavar="TOKENS", help="Hard limit in tokens.")] = 2000,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="How many recent attempts to show.")] = 5,
) -> Answer:
    """Print what an agent reads before its next change."""
    with workspace_of(context) as workspace:
        brief = workspace.context(limit=limit, budget=budget)
        return Answer(
            document={
                "project": brief.project,
                "markdown": brief.markdown,
                "data": brief.data,
                "tokens": brief.tokens,
                "budget": brief.budget,
                "omitted": brief.omitted,
            },
            ids=[workspace.name],
            raw=brief.markdown.encode(),
            blocks=[Prose(brief.markdown)],
        )
