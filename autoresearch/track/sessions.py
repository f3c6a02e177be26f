"""Sessions by the names people give them."""

from __future__ import annotations

from autoresearch.errors import Conflict, NotFound
from autoresearch.ledger.base import every
from autoresearch.records.experiment import Session
from autoresearch.track.viewing import ProjectView

__all__ = ["find_session", "sessions"]


def sessions(workspace: ProjectView) -> tuple[Session, ...]:
    """All sessions of the project in order of number.

    Raises:
        NotFound: Nothing was recorded in the project yet.
    """
    research = workspace.ledger.research
    return tuple(every(lambda cursor: research.sessions(workspace.name, limit=1000, cursor=cursor)))


def find_session(workspace: ProjectView, text: str | None) -> Session:
    """The session meant by a number, a tag or an id; None means the active one.

    Raises:
        NotFound: Nothing fits, or no session is active.
        Conflict: Several have this tag.
    """
    if text is None:
        active = workspace.active_session()
        if active is None:
            raise NotFound(
                f"Project {workspace.name!r} has no active session.",
                hint="Name one; `autoresearch session list` shows them.",
            )
        return active
    known = sessions(workspace)
    digits = text.removeprefix("#")
    for found in (
        [one for one in known if text in {one.tag, one.id}],
        [one for one in known if str(one.number) == digits],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise Conflict(
                f"Several sessions have the tag {text!r}.", hint="Give the number of the one you mean."
            )
    raise NotFound(
        f"Project {workspace.name!r} has no session {text!r}.", hint="`autoresearch session list` shows them."
    )
