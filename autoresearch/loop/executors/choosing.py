"""The executor that a name means, so that autoresearch.toml and the command line can say where trials run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoresearch.errors import Invalid
from autoresearch.loop.executors.base import Executor

__all__ = ["EXECUTORS", "make_executor"]

EXECUTORS: Mapping[str, tuple[str, ...]] = {
    "local": (),
    "ray": ("address", "cpus", "gpus", "send_files"),
    "slurm": ("partition", "parameters", "cluster"),
}
"""The names, each with the options that it takes."""


def make_executor(name: str, options: Mapping[str, Any] | None = None) -> Executor:
    """An executor by its name, to be used in a ``with`` block.

    Args:
        name: ``local``, ``ray`` or ``slurm``.
        options: What :class:`~autoresearch.loop.executors.ray.RayExecutor` or
            :class:`~autoresearch.loop.executors.slurm.SlurmExecutor` takes.

    Raises:
        Invalid: There is no such executor or option.
        TrialError: It needs something that is not installed, or its cluster does not answer.
    """
    given = dict(options or {})
    if name not in EXECUTORS:
        raise Invalid(f"There is no executor {name!r}.", hint=f"Use one of {', '.join(EXECUTORS)}.")
    if unknown := sorted(given.keys() - set(EXECUTORS[name])):
        known = ", ".join(EXECUTORS[name]) or "none"
        raise Invalid(f"The executor {name!r} has no option {unknown[0]!r}.", hint=f"Its options: {known}.")
    if name == "ray":
        from autoresearch.loop.executors.ray import RayExecutor

        return RayExecutor(given.pop("address", None), **given)
    if name == "slurm":
        from autoresearch.loop.executors.slurm import SlurmExecutor

        return SlurmExecutor(given.pop("partition", None), **given)
    from autoresearch.loop.executors.local import LocalExecutor

    return LocalExecutor()
