"""``runs``: executions of the code, listed, shown, compared, exported, removed and tagged."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from autoresearch.cli import options as o
from autoresearch.cli import run_views as views
from autoresearch.cli.answer import Answer, Cell, Facts, Prose, shown
from autoresearch.cli.declaring import command, complete_experiments, complete_runs, group
from autoresearch.cli.face import View, can_ask, the_face, workspace_of
from autoresearch.cli.paper import visible
from autoresearch.errors import NotFound, UsageError

if TYPE_CHECKING:
    from autoresearch.records.run import Run
    from autoresearch.track.archive import Archive

__all__ = [
    "app",
    "compare_runs",
    "export_runs",
    "list_runs",
    "remove_runs",
    "runs_group",
    "show_run",
    "tag_run",
]

app = typer.Typer(rich_markup_mode=None)
runs_group = group(
    app,
    "runs",
    "runs",
    "runs 12                   # the same as: runs show 12",
    "runs ls --where 'config.lr > 0.001' --sort val_loss --asc",
    "runs compare 11 12",
    about="List, show, compare, export, move, annotate, remove and tag runs.",
    without="ls",
    otherwise="show",
    optioned="ls",
)

_Several = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...", help="Runs, each as a number, name, last, or id.", autocompletion=complete_runs
    ),
]
_State = Annotated[
    Literal["running", "finished", "failed", "crashed", "killed"] | None,
    typer.Option(metavar="running|finished|failed|crashed|killed", help="Only those in this state."),
]
_Tags = Annotated[
    list[str] | None, typer.Option(metavar="TAG", help="Only those with this tag; may be repeated.")
]
_Group = Annotated[str | None, typer.Option("--group", metavar="NAME", help="Only those of this group.")]
_Experiment = Annotated[
    str | None,
    typer.Option(metavar="EXP", help="Only those that executed it.", autocompletion=complete_experiments),
]
_Folder = Annotated[str | None, typer.Option(metavar="FOLDER", help="Only those immediately in this folder.")]
_Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TEXT", help="Condition such as 'config.lr > 0.001' or 'name ~ warm'; may be repeated."
    ),
]
_Sort = Annotated[
    str, typer.Option(metavar="NAME", help="number, name, started, seconds, a metric, or config.NAME.")
]
_Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric", metavar="NAME", help="This metric, or a pattern such as 'val/*'; may be repeated."
    ),
]


@command(
    runs_group,
    "ls",
    "runs ls",
    "runs ls --state running",
    "runs ls --tag baseline --where 'val_loss < 2.5' --sort val_loss --asc --limit 5",
    "runs ls --all --json",
)
def list_runs(
    context: typer.Context,
    *,
    state: _State = None,
    tag: _Tags = None,
    group_: _Group = None,
    experiment: _Experiment = None,
    folder: _Folder = None,
    where: _Where = None,
    sort: _Sort = "number",
    asc: Annotated[bool, typer.Option("--asc", help="The least or oldest first.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="At most this many.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="All of them, however many.")] = False,
) -> Answer:
    """List runs, the newest first, with the last values of their metrics."""
    with workspace_of(context) as workspace:
        found = workspace.runs.list(
            state=state,
            tags=tag or (),
            group=group_,
            experiment=experiment,
            folder=folder,
            where=where or (),
            order=sort,
            descending=not asc,
            limit=None if everything else limit + 1,
        )
        more = not everything and len(found) > limit
        chosen = found[:limit] if more else found
        now, metric = datetime.now(UTC), views.goal_metric(workspace)
        first = f"show {chosen[0].number}" if chosen else "ls --all"
        return Answer(
            document={"project": workspace.name, "runs": [shown(run) for run in chosen], "more": more},
            ids=[run.id for run in chosen],
            blocks=[views.run_table(chosen, the_face(context).view, metric=metric, now=now)],
            brief=[views.run_table(chosen, View(), metric=metric, now=now)],
            following=f"autoresearch runs {first}",
            notices=[f"these are {limit} of more; --all lists every run"] if more else (),
        )


@command(runs_group, "show", "runs show 12", "runs show last --verify", "runs show quiet-otter-3fa9 --json")
def show_run(
    context: typer.Context,
    run: o.RunRef,
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Decode every point; exit code 1 when something is wrong.")
    ] = False,
) -> Answer:
    """Show one run: its configuration, code, last values, and whether everything it logged is there."""
    with workspace_of(context) as workspace:
        archive = workspace.runs
        found = archive.find(run)
        receipt = archive.receipt(found, verify=verify)
        parent = _parent(archive, found)
        answer = views.run_answer(found, archive.catalog(found), receipt, parent)
        return answer if receipt.intact or not verify else _failed(answer)


def _failed(answer: Answer) -> Answer:
    from dataclasses import replace

    return replace(answer, exit_code=1)


def _parent(archive: Archive, run: Run) -> Run | None:
    try:
        return archive.find(run.parent_id) if run.parent_id else None
    except NotFound:
        return None


@command(
    runs_group,
    "compare",
    "runs compare 11 12",
    "runs compare 11 12 13 --metric val_loss --plot",
    "runs compare 11 12 --metric 'val/*' --samples 100 --json",
)
def compare_runs(
    context: typer.Context,
    runs: _Several,
    *,
    metric: _Metrics = None,
    samples: Annotated[
        int | None,
        typer.Option(metavar="N", min=2, help="At most this many points of each curve, extremes among them."),
    ] = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw the metrics, else the goal's, in one picture.")
    ] = False,
    same: Annotated[
        bool, typer.Option("--same", help="Also the configuration that all of them share.")
    ] = False,
) -> Answer:
    """Put runs side by side: the configuration that differs, and last, least and greatest values.

    With --json the curves of the metrics that are named come too, over the same steps.
    """
    face = the_face(context)
    with workspace_of(context) as workspace:
        archive = workspace.runs
        names = metric or []
        wanted = names if face.form == "json" else []
        found = archive.compare(runs, *wanted, samples=samples if wanted else None)
        blocks = views.comparison_blocks(found, names, unlike=not same)
        if plot:
            drawn = names or [one for one in [views.goal_metric(workspace)] if one]
            if not drawn:
                raise UsageError(
                    "There is no goal whose metric could be drawn.", hint="Name one: --metric loss."
                )
            curves = archive.sampled(found.runs, *drawn, samples=samples or 400)
            blocks.append(views.picture(curves, {run.id: f"#{run.number} " for run in found.runs}))
        return Answer(
            document=found.document(),
            ids=[run.id for run in found.runs],
            blocks=blocks,
            following=f"autoresearch runs show {found.runs[0].number}",
        )


@command(
    runs_group,
    "export",
    "runs export 12 > points.csv",
    "runs export 11 12 --output points.parquet",
    "runs export last --metric loss --metric 'val/*' --as jsonl --output points.jsonl --force",
)
def export_runs(
    context: typer.Context,
    runs: _Several,
    *,
    metric: _Metrics = None,
    form: Annotated[
        Literal["csv", "jsonl", "parquet"] | None,
        typer.Option(
            "--as", metavar="csv|jsonl|parquet", help="Else by the end of the file's name.  [default: csv]"
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write to a file instead.")] = None,
    force: o.Force = False,
) -> Answer | None:
    """Write every point of runs: one row for each step, one column for each metric.

    Metrics below system/ have steps of their own; they are left out unless they are named.
    """
    face = the_face(context)
    out = sys.stdout.buffer
    if output is None and not face.talks:
        raise UsageError(f"--{face.form} and points exclude each other.", hint="Add --output FILE.")
    if output is None and form == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal.", hint="Add --output FILE.")
    told = form or ("csv" if output is None or not output.suffix else None)
    with workspace_of(context) as workspace:
        done = workspace.runs.export(
            out if output is None else output, runs, *(metric or ()), format=told, replace=force
        )
    if done.path is None:
        return None
    rows: list[tuple[str, Cell]] = [
        ("runs", len(done.runs)),
        ("metrics", len(done.metrics)),
        ("rows", done.rows),
        ("written to", done.path),
    ]
    return Answer(document=shown(done), ids=[done.path], blocks=[Facts(rows)])


@command(runs_group, "rm", "runs rm 12", "runs rm 12 13 14 --yes")
def remove_runs(
    context: typer.Context,
    runs: _Several,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> Answer:
    """Remove runs with all they logged; asks first, or needs --yes where nobody can be asked."""
    with workspace_of(context) as workspace:
        archive = workspace.runs
        found = list({run.id: run for run in map(archive.find, runs)}.values())
        named = ", ".join(f"{run.number} {run.name}" for run in found)
        if not yes:
            if not can_ask(the_face(context)):
                raise UsageError(f"Nobody confirmed that {named} may go.", hint="Add --yes.")
            if not typer.confirm(f"Remove {visible(named)} with all that was logged?", err=True):
                return Answer(document={"removed": []}, blocks=[Prose("nothing was removed")])
        for run in found:
            archive.remove(run)
        return Answer(
            document={"removed": [shown(run) for run in found]},
            ids=[run.id for run in found],
            blocks=[Facts([("removed", named)])],
            following="autoresearch gc",
        )


@command(runs_group, "tag", "runs tag 12 baseline", "runs tag last best tuned --remove draft")
def tag_run(
    context: typer.Context,
    run: o.RunRef,
    tags: Annotated[list[str] | None, typer.Argument(metavar="[TAG...]", help="Tags to add.")] = None,
    *,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="Tag to take away; may be repeated.")
    ] = None,
) -> Answer:
    """Add tags to a run and take others away."""
    if not tags and not remove:
        raise UsageError("No tag was given.", hint="Name some to add, or --remove TAG.")
    with workspace_of(context) as workspace:
        edited = workspace.runs.tag(run, *(tags or ()), remove=remove or ())
        rows: list[tuple[str, Cell]] = [
            ("run", f"{edited.number} {edited.name}"),
            ("tags", ", ".join(edited.tags) or "none"),
        ]
        return Answer(
            document={"run": shown(edited)},
            ids=[edited.id],
            blocks=[Facts(rows)],
            following=f"autoresearch runs show {edited.number}",
        )
