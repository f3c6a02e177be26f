"""``diff``, ``checkout`` and ``reproduce``: the code of an experiment."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoresearch.cli.answer import Answer, Cell, Drawing, Facts, Quoted, shown
from autoresearch.cli.declaring import ExperimentRef, command, complete_experiments
from autoresearch.cli.face import View, workspace_of
from autoresearch.cli.paper import painted, visible

if TYPE_CHECKING:
    from autoresearch.loop.reproduce import Reproduction

__all__ = ["app", "checkout", "diff", "reproduce"]

app = typer.Typer(rich_markup_mode=None)

_OUT_OF_TIME = 124


@command(app, "diff", "diff 12", "diff 12 > change.patch", "diff 12 15", "diff best --json")
def diff(
    context: typer.Context,
    experiment: ExperimentRef,
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXP]", help="Compare the trees of both.", autocompletion=complete_experiments
        ),
    ] = None,
) -> Answer:
    """Print the change of an experiment, or compare the trees of two.

    The change is printed byte for byte when it is piped, so that `git apply` takes it.
    """
    if other is not None:
        return _compared(context, experiment, other)
    with workspace_of(context) as workspace:
        one = workspace.find(experiment)
        patch = workspace.ledger.snapshots.patch(one.id)
        text = patch.decode("utf-8", "replace")
        return Answer(
            document={
                "experiment": one.number,
                "id": one.id,
                "diff": one.diff and shown(one.diff),
                "patch": text,
            },
            ids=[one.id],
            raw=patch,
            blocks=[Drawing(lambda view: _highlighted(text, view))],
            notices=[] if patch else [f"Experiment {one.number} has no uncommitted change."],
        )


def _compared(context: typer.Context, first: str, second: str) -> Answer:
    from autoresearch.track.materializing import compare_code

    with workspace_of(context) as workspace:
        one, two = workspace.find(first), workspace.find(second)
        found = compare_code(workspace, one, two)
        return Answer(
            document={
                "experiments": [one.number, two.number],
                "added": found.added,
                "removed": found.removed,
                "changed": found.changed,
                "text": found.text,
            },
            ids=[*found.added, *found.removed, *found.changed],
            raw=found.text.encode("utf-8", "surrogateescape"),
            blocks=[Drawing(lambda view: _highlighted(found.text, view))],
            notices=[] if found.text else [f"Experiments {one.number} and {two.number} have the same files."],
        )


def _highlighted(text: str, view: View) -> str:
    return "\n".join(_inked(text, view))


def _inked(text: str, view: View) -> Iterator[str]:
    styles = {"+": "added", "-": "removed", "@": "hunk"}
    lines = text.split("\n")
    for line in lines[:-1] if lines[-1] == "" else lines:
        style = "title" if line.startswith(("diff ", "+++ ", "--- ")) else styles.get(line[:1], "")
        yield painted(visible(line), style, color=view.color)


@command(app, "checkout", "checkout 12 ../twelve", "checkout best /tmp/best --json")
def checkout(
    context: typer.Context,
    experiment: ExperimentRef,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to make; it must be new or empty.")
    ],
) -> Answer:
    """Write the exact code of an experiment to a new folder.

    It comes from the snapshot, else from commit and change. The repository is not touched.
    """
    from autoresearch.track.materializing import write_code

    with workspace_of(context) as workspace:
        one = workspace.find(experiment)
        place = directory.resolve()
        notices = write_code(workspace, one, place)
        rows: list[tuple[str, Cell]] = [("experiment", one.number), ("written to", str(place))]
        return Answer(
            document={"experiment": one.number, "id": one.id, "directory": str(place), "notices": notices},
            ids=[str(place)],
            blocks=[Facts(rows)],
            notices=notices,
        )


_Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[-- COMMAND...]",
        help="What to run; else the recorded command, else that of the file.",
        show_default=False,
    ),
]
_Repeats = Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Runs, each with the next SEED.")]
_Timeout = Annotated[
    float | None, typer.Option(metavar="S", help="Wall-clock seconds of one run; else the goal's.")
]
_KeepDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="New folder in which code and output stay.")
]


@command(
    app,
    "reproduce",
    "reproduce best",
    "reproduce 12 --repeats 3 --timeout 300",
    "reproduce 12 --keep-dir ../again -- python train.py --fast",
)
def reproduce(
    context: typer.Context,
    experiment: ExperimentRef,
    words: _Words = None,
    *,
    repeats: _Repeats = 1,
    timeout: _Timeout = None,
    keep_dir: _KeepDir = None,
) -> Answer:
    """Run an experiment again and compare the scores.

    Exit code 0 when the score is reproduced: within two standard deviations of the noise, or equal when no noise is
    known. 1 when it is not, 124 when a run was out of time.
    """
    from autoresearch.loop.reproduce import reproduce as run_again

    with workspace_of(context) as workspace:
        result = run_again(
            workspace,
            workspace.find(experiment),
            repeats=repeats,
            timeout=timeout,
            command=tuple(words or ()),
            keep_dir=keep_dir,
        )
    return Answer(
        document=result.document(),
        ids=[str(result.experiment)],
        blocks=[
            _reproduction(result),
            *([Quoted("end of the output", result.log_tail)] if result.reason else []),
        ],
        notices=result.notices,
        exit_code=0 if result.within else _OUT_OF_TIME if result.timed_out else 1,
    )


def _reproduction(result: Reproduction) -> Facts:
    return Facts(
        [
            ("experiment", result.experiment),
            ("command", shlex.join(result.command)),
            ("recorded", f"{result.metric} {result.score:.10g}"),
            ("again", None if result.reproduced is None else f"{result.metric} {result.reproduced:.10g}"),
            ("difference", None if result.difference is None else f"{result.difference:+.4g}"),
            ("noise", "unknown" if result.noise is None else f"sd {result.noise:.4g}"),
            ("verdict", _verdict(result)),
            ("kept in", result.directory),
        ]
    )


def _verdict(result: Reproduction) -> str:
    if result.reason:
        return f"not reproduced: {result.reason}"
    if result.noise is None:
        return (
            "reproduced exactly"
            if result.within
            else "not reproduced: the scores differ, and no noise is known"
        )
    return (
        "reproduced, within the noise" if result.within else "not reproduced: beyond two standard deviations"
    )
