"""``sync`` and ``upload``: what this machine holds, brought to the server."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoresearch.cli.answer import Answer, Prose, shown
from autoresearch.cli.declaring import command
from autoresearch.cli.face import Face, the_face
from autoresearch.errors import UsageError

if TYPE_CHECKING:
    from autoresearch.track.live.syncing import Refused

__all__ = ["app", "sync", "upload"]

app = typer.Typer(rich_markup_mode=None)


@command(app, "sync", "sync", "sync ./journals-of-the-cluster", "sync --retry", "sync --json")
def sync(
    context: typer.Context,
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="Journals that came from elsewhere; else those of this machine.",
            show_default=False,
        ),
    ] = None,
    *,
    retry: Annotated[bool, typer.Option("--retry", help="Send once more what the server refused.")] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="Forget what the server refused.")] = False,
) -> Answer:
    """Send what waits to the server; without one, bring offline runs and dead processes' into the store.

    Each point and each change is there once, however often this is done.
    """
    from autoresearch.settings import Settings
    from autoresearch.track.live.syncing import synchronize

    if retry and dismiss:
        raise UsageError("--retry and --dismiss exclude each other.", hint="Leave one of them out.")
    refused: Refused = "retry" if retry else "dismiss" if dismiss else "keep"
    face = the_face(context)
    home = face.home or Settings().home
    with _bars(face) as told:
        done = synchronize(path, home, None, refused=refused, told=lambda what, count: told(what, count, 0))
    said = f"{_count(done.journals, 'journal')} brought in, {done.points:,} points"
    said += f", {_count(done.changes, 'change')} sent" if done.changes else ""
    more = (
        "Refused by the server; --retry sends it once more, --dismiss forgets it: " + s for s in done.refused
    )
    return Answer(
        document=shown(done),
        ids=[str(done.journals)],
        blocks=[Prose(said)],
        following="autoresearch runs ls" if done.journals else "",
        notices=(*done.left, *more, *done.faults),
        exit_code=1 if done.left or done.refused else 0,
    )


@command(app, "upload", "upload", "upload --project char-lm", "upload -p char-lm --run 12", "upload --json")
def upload(
    context: typer.Context,
    *,
    run: Annotated[
        str | None, typer.Option("--run", "-r", metavar="RUN", help="This run alone: number, name or id.")
    ] = None,
) -> Answer:
    """Bring a project of the embedded store to the server; its runs, experiments, verdicts and artifacts.

    Done again it sends what is new; interrupted it goes on where it was.
    """
    from autoresearch.settings import Settings
    from autoresearch.track.place import project_of
    from autoresearch.track.uploading import upload as uploaded

    face = the_face(context)
    project = project_of(str(Path.cwd()), face.project or Settings().project)
    with _bars(face) as told:
        done = uploaded(project, run, home=face.home, told=told)
    said = (
        f"{done.project}: {_count(done.changes, 'change')} sent, {_count(done.runs, 'run')} on the server, "
    )
    said += f"{done.points:,} points, {done.lines:,} lines and {done.media:,} media sent"
    return Answer(
        document=shown(done),
        ids=[done.project],
        blocks=[Prose(said)],
        notices=done.left,
        exit_code=1 if done.left else 0,
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


@contextlib.contextmanager
def _bars(face: Face) -> Iterator[Callable[[str, int, int], None]]:
    """Bars for people at a terminal; nobody else is told before the end."""
    if face.form != "human" or not sys.stderr.isatty():
        yield lambda _what, _more, _all: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def told(what: str, more: int, whole: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=whole or None)
            progress.update(tasks[what], advance=more)

        yield told
