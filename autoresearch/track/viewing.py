"""What a workspace and any other view of one project have in common, for calls that need no folder."""

from __future__ import annotations

from typing import Protocol

from autoresearch.ledger.base import Ledger
from autoresearch.records.experiment import Session
from autoresearch.records.goal import Project

__all__ = ["ProjectView"]


class ProjectView(Protocol):
    """One project of a ledger, perhaps seen from a folder."""

    @property
    def name(self) -> str:
        """Name of the project."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Where it is remembered."""
        ...

    @property
    def project(self) -> Project:
        """The project as it stands.

        Raises:
            NotFound: Nothing was recorded in it yet.
        """
        ...

    def adopt_goal(self) -> None:
        """Take the goal of ``autoresearch.toml``, where there is such a file, when the project has none."""
        ...

    def active_session(self) -> Session | None:
        """The session in which the next experiment is recorded."""
        ...
