"""Who acts, as far as the process can tell."""

from __future__ import annotations

import os

from autoresearch.settings import Settings, detect_agent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autoresearch.records.experiment import Actor

__all__ = ["present_actor", "who"]


def present_actor(settings: Settings) -> Actor:
    """The coding agent that runs this process, else the person: AUTORESEARCH_ACTOR or the system's user."""
    from autoresearch.records.experiment import Actor

    return Actor.model_validate(who(settings))


def who(settings: Settings) -> dict[str, str]:
    """The kind and name of who acts, without the models."""
    agent = detect_agent()
    if agent is not None:
        return {"kind": "agent", "name": settings.actor or agent}
    return {"kind": "human", "name": settings.actor or _user()}


def _user() -> str:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if name := os.environ.get(variable):
            return name
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):  # a user id without an entry, as in many containers
        return "unknown"
