"""``artifacts`` and ``promote``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoresearch.cli.answer import Answer, Cell, Column, Facts, Table, shown
from autoresearch.cli.declaring import command, complete_experiments, group, pairs
from autoresearch.cli.face import workspace_of

if TYPE_CHECKING:
    from autoresearch.records.artifact import Version

__all__ = ["app", "get_artifact", "list_artifacts", "log_artifact", "promote", "show_artifact"]

app = typer.Typer(rich_markup_mode=None)
_artifacts = group(
    app,
    "artifacts",
    "artifacts",
    "artifacts show char-lm",
    "artifacts get char-lm:winner ./winner",
    "artifacts log char-lm model/ --produced-by 12",
    about="List, show, get and log artifacts.",
    without="list",
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the artifact.")]
_Type = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Such as model or dataset.")]


@command(_artifacts, "list", "artifacts list", "artifacts list --type model --json")
def list_artifacts(context: typer.Context, *, kind: _Type = None) -> Answer:
    """List the artifacts of the store, of one type when it is given."""
    with workspace_of(context) as workspace:
        found = workspace.artifacts(type=kind)
        columns = [
            Column("artifact"),
            Column("type"),
            Column("project"),
            Column("versions", "number"),
            Column("refs", "flexible"),
        ]
        rows: list[list[Cell]] = [
            [a.name, a.type, a.project, a.versions, ", ".join(f"{r}={v}" for r, v in a.refs.items())]
            for a in found
        ]
        return Answer(
            document={"artifacts": [shown(artifact) for artifact in found]},
            ids=[artifact.name for artifact in found],
            blocks=[Table(columns, rows, empty="no artifact yet")],
            following="autoresearch artifacts show NAME",
        )


@command(_artifacts, "show", "artifacts show char-lm", "artifacts show char-lm --json")
def show_artifact(context: typer.Context, name: _Name) -> Answer:
    """Show the versions of an artifact, with their refs and lineage."""
    from autoresearch.ledger.base import every

    with workspace_of(context) as workspace:
        things, research = workspace.ledger.artifacts, workspace.ledger.research
        things.version(
            name
        )  # an artifact that is not there is said to be missing, not shown without versions
        found = list(every(lambda cursor: things.versions(name, limit=1000, cursor=cursor)))
        numbers = {
            one: research.experiment(one).number
            for version in found
            for one in {*version.producers, *version.used_by}
        }
        columns = [
            Column("version"),
            Column("refs"),
            Column("files", "number"),
            Column("bytes", "number"),
            Column("made by"),
            Column("used by", "flexible"),
        ]
        rows = [_version_row(version, numbers) for version in found]
        return Answer(
            document={"artifact": name, "versions": [shown(version) for version in found]},
            ids=[f"{name}:{version.version}" for version in found],
            blocks=[Table(columns, rows)],
            following=f"autoresearch artifacts get {name}:latest DIR",
        )


def _version_row(version: Version, numbers: dict[str, int]) -> list[Cell]:
    made = ", ".join(f"#{numbers[one]}" for one in version.producers)
    used = ", ".join(f"#{numbers[one]}" for one in version.used_by)
    return [version.version, ", ".join(version.refs), version.files, version.size, made, used]


@command(_artifacts, "get", "artifacts get char-lm ./latest", "artifacts get char-lm:winner ./winner --json")
def get_artifact(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME[:REF]", help="Artifact, and version or ref; else latest.")
    ],
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to make; it must be new or empty.")
    ],
) -> Answer:
    """Write the files of a version to a new folder."""
    artifact, _, ref = name.partition(":")
    with workspace_of(context) as workspace:
        place = directory.resolve()
        return _version(workspace.get_artifact(artifact, ref or "latest", place), str(place))


@command(
    _artifacts,
    "log",
    "artifacts log char-lm model/ --produced-by best --type model",
    "artifacts log vocabulary vocab.json --metadata size=96",
)
def log_artifact(
    context: typer.Context,
    name: _Name,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="File or folder to keep.")],
    *,
    kind: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="Such as model or dataset.")
    ] = "artifact",
    produced_by: Annotated[
        str | None,
        typer.Option(metavar="EXP", help="Experiment that made it.", autocompletion=complete_experiments),
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="JSON or text; may be repeated.")
    ] = None,
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it is.", show_default=False)] = "",
) -> Answer:
    """Log a file or folder as a version; identical bytes are the version that has them."""
    said = {key: _value(text) for key, text in pairs(metadata or (), "--metadata").items()}
    with workspace_of(context) as workspace:
        made = workspace.artifact(
            name, path, type=kind, produced_by=produced_by, metadata=said, description=description
        )
        return _version(made)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@command(app, "promote", "promote char-lm production v3", "promote char-lm production v4 --expected v3")
def promote(
    context: typer.Context,
    name: _Name,
    ref: Annotated[str, typer.Argument(metavar="REF", help="Such as production.")],
    version: Annotated[str, typer.Argument(metavar="VERSION", help="v3, or another ref.")],
    *,
    expected: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="Move it only from there; an empty text for nowhere."),
    ] = None,
) -> Answer:
    """Point a ref of an artifact at a version."""
    with workspace_of(context) as workspace:
        return _version(workspace.promote(name, ref, version, expected=expected))


def _version(version: Version, directory: str | None = None) -> Answer:
    rows: list[tuple[str, Cell]] = [
        ("artifact", version.artifact),
        ("version", version.version),
        ("refs", ", ".join(version.refs)),
        ("files", version.files),
        ("bytes", version.size),
        ("written to", directory),
    ]
    document = {"version": shown(version)} | ({"directory": directory} if directory else {})
    return Answer(
        document=document,
        ids=[f"{version.artifact}:{version.version}"],
        blocks=[Facts(rows)],
        following=f"autoresearch artifacts show {version.artifact}",
    )
