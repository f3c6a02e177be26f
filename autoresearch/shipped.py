"""Find the agents and prompts that ship with the package.

A wheel carries them inside the package; a source checkout has them at its root, so that an edit there is live in an
editable install.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from autoresearch.errors import NotFound

if TYPE_CHECKING:
    import jinja2

__all__ = ["Kind", "read", "root", "templates"]

Kind = Literal["agents", "prompts"]


def root(kind: Kind) -> Traversable:
    """The folder that holds the shipped files of this kind.

    Raises:
        NotFound: This install carries none: it was copied or built incompletely.
    """
    package = files("autoresearch")
    inside = package / "_shipped" / kind
    if inside.is_dir():
        return inside
    checkout = Path(str(package)).resolve().parent
    # Without the first check a broken wheel would read whatever lies beside it in site-packages.
    if (checkout / "pyproject.toml").is_file() and (checkout / kind).is_dir():
        return checkout / kind
    raise NotFound(
        f"This install of autoresearch carries no {kind!r} folder.",
        hint="Install it again: pip install --force-reinstall autoresearch",
    )


def read(kind: Kind, name: str) -> str:
    """The text of one shipped file; ``name`` uses forward slashes.

    Raises:
        NotFound: There is no such file, or the name leads out of the folder.
    """
    parts = name.split("/")
    file = root(kind).joinpath(*parts)
    if {"", ".", ".."} & set(parts) or "\\" in name or not file.is_file():
        raise NotFound(f"No file {name!r} ships under {kind!r}.", hint="Names use forward slashes.")
    return file.read_text(encoding="utf-8")


@cache
def templates() -> jinja2.Environment:
    """The one Jinja environment over the shipped prompts; an undefined name in a template is an error.

    Nothing is escaped for a markup language: whoever renders cleans and fences what others wrote.
    """
    import jinja2

    def load(name: str) -> str | None:
        try:
            return read("prompts", name)
        except NotFound:
            return None

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  prompts are text, not markup
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
