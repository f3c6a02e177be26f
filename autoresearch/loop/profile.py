"""What the offline agent may change in one file: ranges for its constants, alternatives for its blocks."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any, Literal

from autoresearch.errors import Invalid

__all__ = ["BlockRange", "ConstantRange", "Profile", "load_profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantRange:
    """How a constant may move.

    Attributes:
        scale: ``"log"``: ``step`` is a factor; ``"linear"``: it is a difference.
        low: Smallest and ``high`` the largest value, both included.
        weight: How often it is tried before anything is known.
        integer: Whether it is a whole number.
        off: The value that switches it off, if there is one; ``start`` is its first value when switched on.
        up: What may be wrong with a value that is too small; ``down`` with one that is too large.
    """

    scale: Literal["log", "linear"] = "log"
    step: float = 2.0
    low: float = 1e-12
    high: float = 1e12
    weight: float = 1.0
    integer: bool = False
    off: float | None = None
    start: float | None = None
    up: str = "it may be too small"
    down: str = "it may be too large"

    def __post_init__(self) -> None:
        good = self.step > (1 if self.scale == "log" else 0) and self.low <= self.high and self.weight >= 0
        if (
            not good
            or (self.scale == "log" and self.low <= 0)
            or (self.off is not None and self.start is None)
        ):
            raise Invalid(
                f"The range {self.low:g} to {self.high:g} with step {self.step:g} cannot be searched.",
                hint="Steps are above 1 on a log scale, above 0 on a linear one; low is at most high; off needs start.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRange:
    """The alternatives of a block: name to body in ``bodies``, name to why one would take it in ``options``."""

    bodies: Mapping[str, str]
    options: Mapping[str, str]
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A file and what may be changed in it. Constants without a range move by a factor of two."""

    file: str = "train.py"
    constants: Mapping[str, ConstantRange] = field(default_factory=dict)
    blocks: Mapping[str, BlockRange] = field(default_factory=dict)


def load_profile(folder: Traversable) -> Profile:
    """Read ``search.toml`` and ``blocks/<block>/<alternative>.txt`` of a folder.

    Raises:
        Invalid: Something is missing or misspelt; the message names it.
    """
    path = folder / "search.toml"
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
        return Profile(
            file=str(given.get("file", "train.py")),
            constants={name: ConstantRange(**values) for name, values in given.get("constants", {}).items()},
            blocks={
                name: _block(folder / "blocks" / name, values)
                for name, values in given.get("blocks", {}).items()
            },
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Invalid(
            f"The search profile {path} cannot be used: {error}.", hint="Compare it with the one of the demo."
        ) from error


def _block(folder: Traversable, values: Mapping[str, Any]) -> BlockRange:
    options = {str(name): str(why) for name, why in values["options"].items()}
    bodies = {name: (folder / f"{name}.txt").read_text(encoding="utf-8") for name in options}
    return BlockRange(bodies=bodies, options=options, weight=float(values.get("weight", 1.0)))
