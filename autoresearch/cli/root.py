"""The program itself: its global options, and its help, which lists all commands without importing one."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from autoresearch.cli.face import FORMATS, Face, form_of, present_view
from autoresearch.cli.table import COMMANDS, SECTIONS, Lazy
from autoresearch.errors import NotFound

__all__ = ["Root", "app"]

_EPILOG = """\
Examples:
  $ autoresearch init --metric val_bpb --min --command "python train.py"
  $ autoresearch experiment --note "lr too hot early; 200 steps of warm-up"
  $ autoresearch decide last keep --score 2.41
  $ autoresearch context --budget 2000

Global options may stand anywhere. EXP is a number, best, last, or part of an id;
RUN is a number, a name, last, or part of an id.
Exit codes: 0 done, 1 failed, 2 refused, 3 not found, 5 conflict or busy,
10 to 16 why a campaign ended, 124 out of time, 130 interrupted."""


class Root(TyperGroup):
    """The group of all commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": None})
        self.commands = Lazy()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  the parser's signature
        """Names of all commands."""
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  the parser's signature
        """Write the commands by section."""
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(10), about) for name, (_, about) in section.items()])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  the parser's signature
        """Write the examples as they are to be typed."""
        formatter.write(f"\n{self.epilog}\n")


app = typer.Typer(
    name="autoresearch",
    cls=Root,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
)


def _version(asked: bool) -> None:  # noqa: FBT001  how typer calls it
    if asked:
        from autoresearch import __version__

        typer.echo(f"autoresearch {__version__}")
        raise typer.Exit


_Form = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="|".join(FORMATS),
        help="Form of the answer; else AUTORESEARCH_FORMAT, else auto.",
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="One JSON document; the same as --format json.")]
_Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Ids alone, one a line; the same as --format quiet.")
]
_Project = Annotated[
    str | None, typer.Option("--project", "-p", metavar="NAME", help="Another project than the folder's own.")
]
_Home = Annotated[
    Path | None,
    typer.Option(
        "--home", metavar="DIR", help="Folder of the store; else AUTORESEARCH_HOME, else ~/.autoresearch."
    ),
]
_Directory = Annotated[
    Path,
    typer.Option(
        "-C", "--directory", metavar="DIR", help="Work as if started in this folder.", show_default=False
    ),
]
_Version = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
]


@app.callback()
def _begin(
    context: typer.Context,
    *,
    form: _Form = None,
    as_json: _Json = False,
    quiet: _Quiet = False,
    project: _Project = None,
    home: _Home = None,
    directory: _Directory = Path(),
    version: _Version = False,  # noqa: ARG001  its callback has ended the run
) -> None:
    """Run research on code: change something, run it, measure it, keep it or drop it, and know why."""
    asked = form or ("json" if as_json else "quiet" if quiet else None)
    spoken = form_of(asked, out=sys.stdout)
    view = present_view(spoken, out=sys.stdout)
    if not directory.is_dir():
        raise NotFound(f"There is no folder {str(directory)!r}.", hint="Give -C a folder that is there.")
    # As git does it: every other path on the line is then relative to that folder.
    context.with_resource(contextlib.chdir(directory))
    place = None if home is None else home.expanduser().absolute()
    context.obj.face = Face(spoken, view, project, place)
