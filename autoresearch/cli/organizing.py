"""``folders``, and the verbs of ``runs`` that put runs in order: ``move``, ``annotate``, ``annotations``, ``catalog``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from autoresearch.cli import options as o
from autoresearch.cli import run_views as views
from autoresearch.cli.answer import Answer, Cell, Column, Facts, Table, shown
from autoresearch.cli.declaring import command, group, pairs
from autoresearch.cli.face import the_face, workspace_of
from autoresearch.cli.running import app, runs_group
from autoresearch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoresearch.records.comparing import LabelValues
    from autoresearch.records.folder import Annotation, Folder
    from autoresearch.records.run import SeriesInfo

__all__ = [
    "annotate_run",
    "app",
    "catalog_run",
    "create_folder",
    "list_annotations",
    "list_folder",
    "move_folder",
    "move_run",
    "remove_folder",
    "rename_folder",
]

_folders = group(
    app,
    "folders",
    "folders",
    "folders create sweeps/lr",
    "runs move last sweeps/lr",
    about="List, make, rename, move and remove folders, in which runs lie.",
    without="ls",
    otherwise="ls",
)

_Path = Annotated[str, typer.Argument(metavar="FOLDER", help="Path of a folder, such as sweeps/lr.")]


@command(_folders, "ls", "folders", "folders ls sweeps", "folders ls / --limit 5", "folders ls --all --json")
def list_folder(
    context: typer.Context,
    folder: Annotated[str, typer.Argument(metavar="[FOLDER]", help="Path of a folder; / is the root.")] = "/",
    *,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=10_000, help="At most this many runs.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="All folders, however deep; no runs.")] = False,
) -> Answer:
    """List what lies in a folder: its folders, and its runs, of all projects, the newest first."""
    with workspace_of(context) as workspace:
        if everything:
            every = workspace.folders.list()
            return Answer(
                document={"folders": [shown(one) for one in every]},
                ids=[one.id for one in every],
                blocks=[_folder_table(every)],
            )
        found = workspace.folders.contents(folder, limit=limit)
        rows: list[list[Cell]] = [
            [run.project, run.number, run.name, run.state, ", ".join(run.tags)] for run in found.runs
        ]
        columns = [
            Column("project", "flexible"),
            Column("#", "number"),
            Column("name", "flexible"),
            Column("state", "state"),
            Column("tags", "flexible", optional=True),
        ]
        return Answer(
            document=shown(found),
            ids=[*(one.id for one in found.folders), *(run.id for run in found.runs)],
            blocks=[_folder_table(found.folders), Table(columns, rows, empty="no run")],
            notices=[f"these are {limit} runs of more; --limit shows more"] if found.next_cursor else (),
        )


def _folder_table(folders: Sequence[Folder]) -> Table:
    columns = [Column("folder", "flexible"), Column("changed", optional=True)]
    rows: list[list[Cell]] = [[one.path_name, f"{one.updated_at:%Y-%m-%d %H:%M}"] for one in folders]
    return Table(columns, rows, empty="no folder")


@command(_folders, "create", "folders create sweeps/lr")
def create_folder(context: typer.Context, folder: _Path) -> Answer:
    """Make a folder, and those above it where they are missing; one that is there stays as it is."""
    with workspace_of(context) as workspace:
        return _folder_answer(workspace.folders.create(folder))


@command(_folders, "rename", "folders rename sweeps/lr learning-rate")
def rename_folder(
    context: typer.Context,
    folder: _Path,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name, without /.")],
) -> Answer:
    """Give a folder another name."""
    with workspace_of(context) as workspace:
        return _folder_answer(workspace.folders.rename(folder, name))


@command(_folders, "move", "folders move sweeps/lr archive", "folders move sweeps/lr /")
def move_folder(
    context: typer.Context,
    folder: _Path,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The folder to move it into; / is the root.")],
) -> Answer:
    """Move a folder with everything in it into another, or to the root."""
    with workspace_of(context) as workspace:
        return _folder_answer(workspace.folders.move(folder, into))


@command(_folders, "rm", "folders rm sweeps/lr")
def remove_folder(context: typer.Context, folder: _Path) -> Answer:
    """Remove an empty folder. Runs are never removed with one."""
    with workspace_of(context) as workspace:
        gone = workspace.folders.remove(folder)
        return Answer(
            document={"removed": shown(gone)}, ids=[gone.id], blocks=[Facts([("removed", gone.path_name)])]
        )


def _folder_answer(folder: Folder) -> Answer:
    return Answer(
        document={"folder": shown(folder)}, ids=[folder.id], blocks=[Facts([("folder", folder.path_name)])]
    )


@command(runs_group, "move", "runs move 12 sweeps/lr", "runs move last /")
def move_run(
    context: typer.Context,
    run: o.RunRef,
    folder: Annotated[
        str,
        typer.Argument(metavar="FOLDER", help="Path of a folder, made when it is missing; / is the root."),
    ],
) -> Answer:
    """Move a run into a folder, or to the root."""
    with workspace_of(context) as workspace:
        moved = workspace.runs.move(run, folder)
        rows: list[tuple[str, Cell]] = [
            ("run", f"{moved.number} {moved.name}"),
            ("folder", moved.folder or "/"),
        ]
        return Answer(
            document={"run": shown(moved)},
            ids=[moved.id],
            blocks=[Facts(rows)],
            following=f"autoresearch folders ls {moved.folder}" if moved.folder else "autoresearch folders",
        )


_Moment = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        metavar="TIME",
        formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"],
        help="The moment that is meant, such as 2026-01-31T12:00, UTC unless it says; else now.",
    ),
]


@command(
    runs_group,
    "annotate",
    "runs annotate last 'loss spike after the restart'",
    "runs annotate 12 'new data' --meta shard=7 --at 2026-01-31T12:00",
)
def annotate_run(
    context: typer.Context,
    run: o.RunRef,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be noted.")],
    *,
    meta: Annotated[
        list[str] | None,
        typer.Option("--meta", metavar="NAME=VALUE", help="Data beside it; may be repeated."),
    ] = None,
    at: _Moment = None,
) -> Answer:
    """Note something about a run at a moment of its life."""
    metadata = pairs(meta or (), "--meta")
    with workspace_of(context) as workspace:
        made = workspace.runs.annotate(run, text, metadata, at=at)
        return Answer(
            document={"annotation": shown(made)},
            ids=[made.id],
            blocks=[_annotation_table([made])],
            following=f"autoresearch runs annotations {made.run_id}",
        )


@command(runs_group, "annotations", "runs annotations last", "runs annotations 12 --json")
def list_annotations(context: typer.Context, run: o.RunRef) -> Answer:
    """List what was noted about a run, first to last."""
    with workspace_of(context) as workspace:
        found = workspace.runs.annotations(run)
        return Answer(
            document={"annotations": [shown(one) for one in found]},
            ids=[one.id for one in found],
            blocks=[_annotation_table(found)],
        )


def _annotation_table(found: Sequence[Annotation]) -> Table:
    columns = [
        Column("at"),
        Column("by"),
        Column("text", "flexible"),
        Column("data", "flexible", optional=True),
    ]
    rows: list[list[Cell]] = [
        [
            views.moment_text(one.at.timestamp()),
            str(one.actor),
            one.text,
            " ".join(f"{name}={views.value_text(value)}" for name, value in one.metadata.items()),
        ]
        for one in found
    ]
    return Table(columns, rows, empty="nothing was noted")


@command(runs_group, "catalog", "runs catalog 12", "runs catalog last loss --json")
def catalog_run(
    context: typer.Context,
    run: o.RunRef,
    metric: Annotated[
        str | None, typer.Argument(metavar="[METRIC]", help="The labels of this metric with their values.")
    ] = None,
    *,
    key: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="Only this label; may be repeated.")
    ] = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=10_000, help="Most values of one label.")
    ] = 100,
) -> Answer:
    """List what a run has logged, or the labels of one metric with their values."""
    if key and metric is None:
        raise UsageError("--key was given without a metric.", hint="Name it: runs catalog RUN METRIC.")
    with workspace_of(context) as workspace:
        if metric is None:
            found = workspace.runs.catalog(run)
            return Answer(
                document={"series": [shown(info) for info in found]},
                ids=[info.name for info in found],
                blocks=[views.catalog_table(found), _text_table(found)],
            )
        values = workspace.runs.label_values(run, metric, *(key or ()), limit=limit)
        return Answer(
            document=shown(values),
            ids=[one.key for one in values.labels],
            blocks=[_label_table(values)],
            following=f"autoresearch metrics {values.run_id} {metric}" if the_face(context).talks else "",
        )


def _text_table(found: Sequence[SeriesInfo]) -> Table:
    rows: list[list[Cell]] = [[info.name, info.points] for info in found if info.kind == "text"]
    return Table([Column("text series", "flexible"), Column("lines", "number")], rows, empty="no text")


def _label_table(found: LabelValues) -> Table:
    columns = [Column("label"), Column("value", "flexible"), Column("points", "number")]
    rows: list[list[Cell]] = [[key.key, one.value, one.points] for key in found.labels for one in key.values]
    return Table(columns, rows, empty="no label")
