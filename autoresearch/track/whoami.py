"""Who acts, as far as the process can tell."""

from __future__ import annotations

import getpass

from autoresearch.records.experiment import Actor
from autoresearch.settings import Settings, detect_agent

__all__ = ["present_actor"]


def present_actor(settings: Settings) -> Actor:
    """The coding agent that runs this process, else the person: AUTORESEARCH_ACTOR or the system's user."""
    agent = detect_agent()
    if agent is not None:
        return Actor(kind="agent", name=settings.actor or agent)
    if settings.actor:
        return Actor(kind="human", name=settings.actor)
    try:
        return Actor(kind="human", name=getpass.getuser())
    except (KeyError, OSError):  # a user id without an entry, as in many containers
        return Actor(kind="human", name="unknown")
