"""How one run of the command line speaks: in which form, how wide, in which colours, and about which workspace."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO, cast, get_args

from autoresearch.errors import Invalid
from autoresearch.settings import detect_agent

if TYPE_CHECKING:
    import typer

    from autoresearch.track.workspace import Workspace

__all__ = [
    "FORMATS",
    "Face",
    "Form",
    "Format",
    "Run",
    "View",
    "can_ask",
    "form_of",
    "present_view",
    "the_face",
    "workspace_of",
]

Format = Literal["auto", "human", "agent", "json", "quiet"]
Form = Literal["human", "plain", "agent", "json", "quiet"]
FORMATS: tuple[str, ...] = get_args(Format)


@dataclass(frozen=True, slots=True)
class View:
    """Where people read.

    Attributes:
        width: Columns; None when nothing has to be cut, as in a file.
        color: Whether ANSI colours are understood.
        unicode: Whether more than ASCII can be shown.
    """

    width: int | None = None
    color: bool = False
    unicode: bool = True


@dataclass(frozen=True, slots=True)
class Face:
    """What the global options say."""

    form: Form
    view: View = View()
    project: str | None = None
    home: Path | None = None

    @property
    def talks(self) -> bool:
        """Whether remarks beside the data are wanted."""
        return self.form not in {"json", "quiet"}

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """The workspace that was asked for, closed at the end of the block."""
        from autoresearch.track.workspace import Workspace

        with Workspace.open(project=self.project, home=self.home) as workspace:
            # A process that died may have left a run in its journal: whoever looks next brings it in.
            found = workspace.recover()
            if self.talks:
                for sentence in (*found.left, *found.faults):
                    sys.stderr.write(f"note: {sentence}\n")
            try:
                yield workspace
            finally:
                said = workspace.notice if self.talks else None
                if said:
                    sys.stderr.write(f"note: {said}\n")


@dataclass(slots=True)
class Run:
    """One run of the program; its face is known once the global options are."""

    face: Face = Face("plain")


def form_of(asked: str | None, *, out: TextIO, environment: Mapping[str, str] | None = None) -> Form:
    """The form of the answer.

    Args:
        asked: The option's value, or None to take ``AUTORESEARCH_FORMAT``, else ``auto``.
        out: Where the answer goes.
        environment: In place of the process's own.

    Raises:
        Invalid: There is no such form.
    """
    env = os.environ if environment is None else environment
    name = asked or env.get("AUTORESEARCH_FORMAT") or "auto"
    if name not in FORMATS:
        origin = "--format" if asked else "AUTORESEARCH_FORMAT"
        raise Invalid(f"{origin} was {name!r}.", hint=f"Use one of {', '.join(FORMATS)}.")
    if name != "auto":
        return cast("Form", name)
    if out.isatty():
        return "human"
    return "agent" if detect_agent(env) else "plain"


def present_view(form: Form, *, out: TextIO, environment: Mapping[str, str] | None = None) -> View:
    """What the place can show where an answer goes; NO_COLOR and FORCE_COLOR win over what it is."""
    env = os.environ if environment is None else environment
    terminal = out.isatty() and env.get("TERM") != "dumb"
    color = bool(env.get("FORCE_COLOR")) or terminal
    if env.get("NO_COLOR"):
        color = False
    wide = shutil.get_terminal_size((100, 24)).columns if form == "human" else None
    encoding = (out.encoding or "ascii").lower().replace("-", "")
    view = View(width=max(40, wide) if wide else None, color=color, unicode=encoding.startswith("utf"))
    return view if form in {"human", "plain"} else replace(view, color=False)


def can_ask(face: Face) -> bool:
    """Whether a person is there to answer a question."""
    return face.form == "human" and sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")


def the_face(context: typer.Context) -> Face:
    """The face of this run."""
    run: Run = context.find_root().obj
    return run.face


def workspace_of(context: typer.Context) -> contextlib.AbstractContextManager[Workspace]:
    """The workspace of this run, for a ``with`` block."""
    return the_face(context).workspace()
