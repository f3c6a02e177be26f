"""What a call is about: one project of a ledger, with the folder of the caller where there is one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from autoresearch.errors import AutoresearchError, Forbidden, Invalid, NotFound, UsageError

if TYPE_CHECKING:
    from autoresearch.ledger.base import Ledger
    from autoresearch.records.experiment import Actor, Session
    from autoresearch.records.goal import Project
    from autoresearch.track.workspace import Workspace

__all__ = ["Backend", "FolderBackend", "LedgerBackend", "Target"]

_MOST_CLIENTS = 32


@dataclass(frozen=True, slots=True)
class Target:
    """One project, as a tool works on it.

    Attributes:
        ledger: Where it is remembered.
        name: Name of the project.
        folder: The workspace of the caller's folder when it is of this project, else None.
        refresh: Brings in what runs have logged; called before every look at runs.
    """

    ledger: Ledger
    name: str
    folder: Workspace | None = None
    refresh: Callable[[], object] = lambda: None

    @property
    def project(self) -> Project:
        """The project as it stands.

        Raises:
            NotFound: Nothing was recorded in it yet.
        """
        return self.ledger.research.project(self.name)

    @property
    def workspace(self) -> Workspace:
        """The workspace of the caller's folder.

        Raises:
            UsageError: There is none: the server has no working tree of the caller's.
        """
        if self.folder is None:
            raise UsageError(
                f"This needs the folder with the code of project {self.name!r}, and the server has none.",
                hint="Start `autoresearch mcp` in that folder.",
            )
        return self.folder

    def adopt_goal(self) -> None:
        """Take the goal of ``autoresearch.toml``, where there is such a file, when the project has none."""
        if self.folder is not None:
            self.folder.adopt_goal()

    def active_session(self) -> Session | None:
        """The session in which the next experiment is recorded."""
        if self.folder is not None:
            return self.folder.active_session()
        try:
            active = self.project.active_session
        except NotFound:
            return None
        return self.ledger.research.session(active) if active else None


class Backend(Protocol):
    """Gives each call its target."""

    def target(self, project: str | None, client: str) -> Target:
        """The target of a call.

        Args:
            project: The project that the call names, or None.
            client: What the calling program says it is.
        """
        ...

    def allow(self, *, writing: bool) -> None:
        """Go on only when the caller may do this.

        Raises:
            Forbidden: Its key only reads.
        """
        ...

    def shown(self, error: AutoresearchError) -> AutoresearchError:
        """An error as the caller may see it."""
        ...


class FolderBackend:
    """The caller's own machine: the workspace of a folder, opened at the first call, so that a server is up at once.

    Args:
        opening: Opens the workspace for whoever acts; None for whoever the environment shows.
        writing: Whether callers may change something.
    """

    def __init__(self, opening: Callable[[Actor | None], Workspace], *, writing: bool = True) -> None:
        self._opening = opening
        self._writing = writing
        self._opened: dict[str, Workspace] = {}
        self._lock = threading.Lock()

    def target(self, project: str | None, client: str) -> Target:
        """The folder's own project, or another of the same ledger."""
        workspace = self._workspace(client)
        name = workspace.name if project is None else project
        own = workspace if name == workspace.name else None
        return Target(workspace.ledger, name, own, workspace.recover)

    def allow(self, *, writing: bool) -> None:
        """Everything, as whoever started the server may do it, unless it was started to be read only.

        Raises:
            Forbidden: It was, and the call would change something.
        """
        if writing and not self._writing:
            raise Forbidden(
                "This server only reads, and the call would change something.",
                hint="Look with the other tools; what started the server records and measures by itself.",
            )

    def shown(self, error: AutoresearchError) -> AutoresearchError:
        """The error itself: it is about the caller's own machine."""
        return error

    def close(self) -> None:
        """Let go of the stores."""
        with self._lock:
            for workspace in self._opened.values():
                workspace.close()
            self._opened.clear()

    def _workspace(self, client: str) -> Workspace:
        from autoresearch.records.experiment import Actor
        from autoresearch.settings import Settings, detect_agent

        with self._lock:
            if len(self._opened) >= _MOST_CLIENTS and client not in self._opened:
                client = next(iter(self._opened))
            found = self._opened.get(client)
            if found is None:
                # Whatever calls a tool is a program that acts for somebody, also where the environment shows a person.
                name = Settings().actor or detect_agent() or client or "agent"
                found = self._opening(Actor(kind="agent", name=name[:1000]))
                self._opened[client] = found
            return found


class LedgerBackend:
    """A caller of a team's server: the ledger of its organization, without any folder.

    Args:
        ledger: The ledger, which acts as the caller.
        reading: Whether the caller may read anything; ``writing`` whether it may change anything.
        shown: Makes of an error what a caller elsewhere may see.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        reading: bool,
        writing: bool,
        shown: Callable[[AutoresearchError], AutoresearchError],
    ) -> None:
        self._ledger = ledger
        self._reading = reading
        self._writing = writing
        self._shown = shown

    def shown(self, error: AutoresearchError) -> AutoresearchError:
        """The error without what is the server's own business."""
        return self._shown(error)

    def target(self, project: str | None, client: str) -> Target:  # noqa: ARG002  the key says who calls
        """The project that is named, or the only one."""
        if project is not None:
            return Target(self._ledger, project)
        known = self._ledger.research.projects(limit=20).items
        if len(known) == 1:
            return Target(self._ledger, known[0].name)
        names = ", ".join(repr(one.name) for one in known)
        raise Invalid(
            "The call does not say which project it is about.",
            hint=f"Give project: {names}." if known else "Give project, the name of a new one.",
        )

    def allow(self, *, writing: bool) -> None:
        """Reading always; changes when the key has the scope for it."""
        if not self._reading:
            raise Forbidden("This key does not read.", hint="Use a key made with --scope read or write.")
        if writing and not self._writing:
            raise Forbidden(
                "This key only reads, and the call would change something.",
                hint="Use a key made with --scope write, or ask an owner of the organization.",
            )
