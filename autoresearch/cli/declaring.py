"""How commands are declared, so that all of them have examples, plain help and the same words for the same things."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from autoresearch.errors import UsageError

__all__ = [
    "Command",
    "ExperimentRef",
    "Group",
    "command",
    "complete_experiments",
    "complete_runs",
    "group",
    "numbers",
    "pairs",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command whose examples stand in the help as they are to be typed."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  the parser's signature
        """Write the examples."""
        if self.epilog:
            formatter.write(f"\n{self.epilog}\n")


class Group(TyperGroup):
    """A noun with verbs.

    ``without`` is the verb when none is given, ``otherwise`` when the first word is none, ``optioned`` when it is an option.
    """

    without = ""
    otherwise = ""
    optioned = ""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the verb that is meant before arguments that name none."""
        first = args[0] if args else ""
        if first not in self.commands and first not in {"--help", "-h"}:
            optioned = self.optioned or self.otherwise
            verb = (optioned if first.startswith("-") else self.otherwise) if first else self.without
            args = [verb, *args] if verb else args
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  the parser's signature
        """Write the examples."""
        if self.epilog:
            formatter.write(f"\n{self.epilog}\n")


def command(app: typer.Typer, name: str, *examples: str) -> Callable[[_Function], _Function]:
    """Declare a function as a command, with examples of what stands after the program's name, or after a pipe to it."""
    return app.command(name, cls=Command, epilog=_epilog(examples))


def group(
    parent: typer.Typer,
    name: str,
    *examples: str,
    about: str,
    without: str = "",
    otherwise: str = "",
    optioned: str = "",
) -> typer.Typer:
    """Declare a noun; its verbs are declared on what this answers."""
    kind = type("Group", (Group,), {"without": without, "otherwise": otherwise, "optioned": optioned})
    made = typer.Typer(cls=kind, help=about, rich_markup_mode=None, epilog=_epilog(examples))
    # Without a callback a group of one verb would be that verb.
    made.callback()(_nothing)
    parent.add_typer(made, name=name)
    return made


def _nothing() -> None:
    pass


def _epilog(examples: Sequence[str]) -> str:
    # One that begins with another program names ours itself.
    typed = (one if "| autoresearch " in one else f"autoresearch {one}" for one in examples)
    return "\n".join(["Examples:", *(f"  $ {one}" for one in typed)])


def complete_experiments(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Numbers of recent experiments, with their notes."""
    from autoresearch.track.completing import recent_experiments

    given = ctx.find_root().params
    found = recent_experiments(
        given.get("directory"), project=given.get("project"), home=given.get("home"), beginning=incomplete
    )
    return [*found, *((word, "") for word in ("best", "last") if word.startswith(incomplete))]


def complete_runs(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Numbers of recent runs, with their names."""
    from autoresearch.track.completing import recent_runs

    given = ctx.find_root().params
    found = recent_runs(
        given.get("directory"), project=given.get("project"), home=given.get("home"), beginning=incomplete
    )
    return [*found, *((word, "") for word in ("last",) if word.startswith(incomplete))]


ExperimentRef = Annotated[
    str,
    typer.Argument(
        metavar="EXP",
        help="Number (12 or #12), best, last, or an id or part of one.",
        autocompletion=complete_experiments,
        show_default=False,
    ),
]


def pairs(words: Sequence[str], option: str) -> dict[str, str]:
    """``name=value`` words as a mapping.

    Raises:
        UsageError: A word has no name or no ``=``.
    """
    found: dict[str, str] = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not name.strip():
            raise UsageError(f"{option} was {word!r}.", hint=f"Write {option} NAME=VALUE.")
        found[name.strip()] = value
    return found


def numbers(words: Sequence[str], option: str) -> list[float]:
    """Numbers from words that may hold several, separated by commas.

    Raises:
        UsageError: One of them is no number.
    """
    found: list[float] = []
    for part in (part.strip() for word in words for part in word.split(",")):
        try:
            found.append(float(part))
        except ValueError:
            raise UsageError(
                f"{option} was {part!r}, which is no number.", hint=f"Write {option} 2.51,2.53."
            ) from None
    return found
