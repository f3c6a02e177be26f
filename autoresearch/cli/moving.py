"""``import`` and ``export``: logs of other tools in, documents out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from autoresearch.cli import options as o
from autoresearch.cli.answer import Answer, Cell, Column, Facts, Table
from autoresearch.cli.declaring import command
from autoresearch.cli.face import the_face, workspace_of
from autoresearch.errors import UsageError
from autoresearch.exchange.files import whole_file

__all__ = ["app", "export_project", "import_file"]

app = typer.Typer(rich_markup_mode=None)

_As = Annotated[
    Literal["json", "csv", "tsv"] | None,
    typer.Option(
        "--as",
        metavar="json|csv|tsv",
        help="json has everything; csv is for spreadsheets, tsv a results.tsv.  [default: json]",
    ),
]

_SHOWN = 20


@command(
    app,
    "import",
    "import results.tsv",
    "import results.tsv --project old-loop --metric val_bpb --direction min",
    "import log.tsv --segment-by episode_id --json",
)
def import_file(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A log with tabs, commas or semicolons between cells.")
    ],
    *,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the score; else it is told from the log.")
    ] = None,
    direction: Annotated[
        Literal["min", "max"] | None,
        typer.Option(
            metavar="min|max", help="Whether lower or higher is better; else told from goal or log."
        ),
    ] = None,
    segment_by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column whose value starts a series of its own.")
    ] = None,
) -> Answer:
    """Read a result log as experiments with verdicts.

    Twice is once: rows that are there already, also from a shorter version of the file, are not recorded again.
    Every line that is no experiment is reported with its number and the reason.
    """
    from autoresearch.track.exchanging import import_log

    with workspace_of(context) as workspace:
        result = import_log(workspace, file, metric=metric, direction=direction, segment_by=segment_by)
    blocks: list[Facts | Table] = [_summary(result)]
    if segment_by is not None:
        blocks.append(_segments(result))
    if result["rejected"]:
        blocks.append(_rejected(result["rejected"]))
    return Answer(
        document=result,
        ids=[result["project"]],
        blocks=blocks,
        following="autoresearch frontier",
        notices=result["notices"],
    )


def _summary(result: dict[str, Any]) -> Facts:
    best = result["best"]
    worse = result["keeps_not_improving"]
    return Facts(
        [
            ("project", result["project"]),
            ("goal", f"{result['metric']} ({result['direction']})"),
            ("rows", result["rows"]),
            ("imported", f"{result['imported']}, {result['new']} of them new"),
            ("rejected", len(result["rejected"])),
            (
                "statuses",
                ", ".join(f"{name or '(none)'} {n}" for name, n in result["statuses"].items()) or None,
            ),
            ("best", f"{best['score']:.10g}, line {best['line']}" if best else "none"),
            ("keeps that did not improve", f"{len(worse)}: lines {_lines(worse)}" if worse else 0),
        ]
    )


def _lines(lines: list[int]) -> str:
    return ", ".join(map(str, lines[:_SHOWN])) + (" …" if lines[_SHOWN:] else "")


def _segments(result: dict[str, Any]) -> Table:
    columns = [
        Column("session", "number"),
        Column("segment", "flexible"),
        Column("imported", "number"),
        Column("improving", "number"),
        Column("best", "score"),
    ]
    rows: list[list[Cell]] = [
        [
            s["session"],
            s["label"] or "(none)",
            s["imported"],
            s["improving"],
            s["best"] and s["best"]["score"],
        ]
        for s in result["segments"]
    ]
    return Table(columns, rows, title="Segments: scores compare within one (frontier --session N)")


def _rejected(lines: list[dict[str, Any]]) -> Table:
    rows: list[list[Cell]] = [[line["line"], line["reason"]] for line in lines[:_SHOWN]]
    more = f", the first {_SHOWN} of {len(lines)} (--json has all)" if lines[_SHOWN:] else ""
    return Table([Column("line", "number"), Column("why", "flexible")], rows, title=f"Rejected{more}")


@command(
    app,
    "export",
    "export > project.json",
    "export --as tsv --output results.tsv",
    "export --as csv --output experiments.csv --force",
)
def export_project(
    context: typer.Context,
    *,
    form: _As = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write to a file instead.")] = None,
    force: o.Force = False,
) -> Answer:
    """Write the project as JSON, CSV or results.tsv."""
    from autoresearch.track.exchanging import export

    face = the_face(context)
    if form in {"csv", "tsv"} and face.form == "json" and output is None:
        raise UsageError(
            f"--json and --as {form} exclude each other.", hint="Leave one of them out, or add --output FILE."
        )
    with workspace_of(context) as workspace:
        text = export(workspace, form or "json")
        name = workspace.name
    if output is None:
        import json

        document = json.loads(text) if face.form == "json" else {}
        return Answer(document=document, ids=[name], raw=text.encode())
    place = output.resolve()
    with whole_file(place, replace=force) as out:
        out.write(text.encode())
    rows: list[tuple[str, Cell]] = [
        ("project", name),
        ("written to", str(place)),
        ("bytes", len(text.encode())),
    ]
    return Answer(
        document={"project": name, "file": str(place), "bytes": len(text.encode())},
        ids=[str(place)],
        blocks=[Facts(rows)],
    )
