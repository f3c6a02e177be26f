"""Which server a process works with, by which key, and the folder of its home that belongs to it."""

from __future__ import annotations

import os

from autoresearch.errors import Invalid
from autoresearch.records.jsontext import json_text, json_value
from autoresearch.settings import MODES
from autoresearch.store.homes import make_home, server_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autoresearch.settings import Settings

__all__ = ["Server", "mode_of", "required_server", "server_of", "siblings"]

_ABOUT = "server.json"


class Server:
    """A server as this process sees it.

    Attributes:
        url: Its origin.
        key: The key that it gave.
        home: Folder of what belongs to it: journals, the mirror, what waits to be sent.
    """

    __slots__ = ("home", "key", "url")

    def __init__(self, url: str, key: str, home: str) -> None:
        self.url = url
        self.key = key
        self.home = home

    def organization(self) -> str | None:
        """Id of the organization whose folder this is; None while the server has not said it."""
        name = self._about().get("organization")
        return name if isinstance(name, str) else None

    def is_of(self, url: str, organization: str) -> bool:
        """Whether this folder is that of an organization on a server."""
        about = self._about()
        return (about.get("url"), about.get("organization")) == (url, organization)

    def _about(self) -> dict[str, Any]:
        try:
            with open(os.path.join(self.home, _ABOUT), encoding="utf-8") as file:
                said = json_value(file.read())
        except (OSError, ValueError):
            return {}
        return said if isinstance(said, dict) else {}

    def claim(self, organization: str) -> None:
        """Note whose folder this is; where it cannot be written it is asked again."""
        path = os.path.join(self.home, _ABOUT)
        beside = f"{path}.{os.urandom(4).hex()}"
        try:
            make_home(os.path.dirname(os.path.dirname(self.home)))
            make_home(self.home)
            with open(beside, "w", encoding="utf-8") as file:
                file.write(json_text({"url": self.url, "organization": organization}))
            os.replace(beside, path)
        except OSError:
            pass  # a full or read-only disk: nothing depends on it but what another key may see


def server_of(settings: Settings, home: str) -> Server | None:
    """The server that the settings name; None when address or key is missing.

    Args:
        settings: What the environment says.
        home: The home, below which the server's folder lies.

    Raises:
        AuthError: No key is set, and what ``autoresearch login`` stored cannot be used.
    """
    url = settings.base_url
    key = settings.api_key or (_stored_key(url) if url else None)
    if url is None or key is None:
        return None
    return Server(url, key, server_home(home, url, key))


def required_server(settings: Settings, home: str) -> Server:
    """The server that the settings name.

    Raises:
        Invalid: Address or key is missing.
    """
    found = server_of(settings, home)
    if found is None:
        missing = "AUTORESEARCH_API_KEY" if settings.base_url else "AUTORESEARCH_BASE_URL"
        raise Invalid(
            f"There is no server to work with: {missing} is not set.",
            hint="Set AUTORESEARCH_BASE_URL and AUTORESEARCH_API_KEY, or use mode local or offline.",
        )
    return found


def siblings(server: Server) -> list[Server]:
    """Folders that belong to the same organization of the same server, made with keys that were used before.

    What waits in them may be sent with the present key.
    """
    above, mine = os.path.dirname(server.home), server.organization()
    try:
        names = sorted(os.listdir(above))
    except OSError:
        return []
    others = [Server(server.url, server.key, os.path.join(above, name)) for name in names]
    return [one for one in others if one.home != server.home and mine and one.is_of(server.url, mine)]


def mode_of(settings: Settings, home: str, asked: str | None = None) -> str:
    """The mode in force: the one that was asked for, else the setting, else online where there is a server, else local.

    Raises:
        Invalid: There is no such mode.
    """
    mode = asked or settings.mode
    if mode is None:
        return "local" if server_of(settings, home) is None else "online"
    if mode not in MODES:
        raise Invalid(f"mode was {mode!r}.", hint=f"Use one of {', '.join(MODES)}.")
    return mode


def _stored_key(url: str) -> str | None:
    from autoresearch.client.credentials import stored

    found = stored(url)
    return None if found is None else found.key
