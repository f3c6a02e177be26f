"""Which key and which server: what was given, the environment, or what ``autoresearch login`` stored.

The file ``${XDG_CONFIG_HOME:-~/.config}/autoresearch/credentials.json`` is readable by its owner only, and refused when others
can read it. Standard library only: a training script that logs to a server reads it.
"""

from __future__ import annotations

import os

from autoresearch.client.errors import AuthError

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["DEFAULT_URL", "Credentials", "credentials_of", "forget", "place", "store", "stored"]

DEFAULT_URL = "http://127.0.0.1:8090"


class Credentials:
    """A key and the server it is for.

    Attributes:
        base_url: Origin of the server, without a slash at its end.
        key: The API key.
    """

    __slots__ = ("base_url", "key")

    def __init__(self, base_url: str, key: str) -> None:
        self.base_url = base_url.rstrip("/")
        self.key = key

    def __repr__(self) -> str:
        return f"Credentials({self.base_url!r}, '***')"


def credentials_of(auth: str | Credentials, base_url: str | None = None) -> Credentials:
    """The credentials that are meant by a key, by ``"local"``, or by themselves.

    Raises:
        AuthError: ``"local"`` was asked for and nothing usable is stored.
    """
    if isinstance(auth, Credentials):
        return Credentials(base_url or auth.base_url, auth.key)
    named = base_url or os.environ.get("AUTORESEARCH_BASE_URL")
    if auth != "local":
        return Credentials(named or DEFAULT_URL, auth)
    key = os.environ.get("AUTORESEARCH_API_KEY")
    if key:
        return Credentials(named or DEFAULT_URL, key)
    found = stored(named)
    if found is None:
        where = f" for {named}" if named else ""
        raise AuthError(
            f"No credentials{where} are stored on this machine.",
            hint="Run `autoresearch login`, or set AUTORESEARCH_API_KEY.",
        )
    return found


def place(environment: Mapping[str, str] | None = None) -> str:
    """Path of the credentials file."""
    env = os.environ if environment is None else environment
    folder = env.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(folder, "autoresearch", "credentials.json")


def stored(base_url: str | None = None) -> Credentials | None:
    """What is stored for a server, for the one that was logged in to last when none is named; None when nothing is.

    Raises:
        AuthError: The file can be read by others, or is damaged.
    """
    known = _read()
    url = base_url.rstrip("/") if base_url else known.get("current")
    entry = known.get("servers", {}).get(url)
    if not isinstance(url, str) or not isinstance(entry, dict) or not isinstance(entry.get("key"), str):
        return None
    return Credentials(url, entry["key"])


def store(credentials: Credentials) -> str:
    """Keep credentials, and make their server the present one; answers the path of the file.

    Raises:
        AuthError: The file cannot be written, or the one that is there is damaged.
    """
    known = _read()
    servers = {**known.get("servers", {}), credentials.base_url: {"key": credentials.key}}
    return _write({"current": credentials.base_url, "servers": servers})


def forget(base_url: str | None = None) -> bool:
    """Remove what is stored for a server, the present one when none is named; False when nothing was.

    Raises:
        AuthError: The file cannot be written, or is damaged.
    """
    known = _read()
    servers = dict(known.get("servers", {}))
    url = base_url.rstrip("/") if base_url else known.get("current")
    if servers.pop(url, None) is None:
        return False
    current = known.get("current")
    _write({"current": current if current in servers else next(iter(servers), None), "servers": servers})
    return True


def _read() -> dict[str, Any]:
    import json

    path = place()
    try:
        with open(path, encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise AuthError(
                    f"{path} can be read by others, so its keys are no secret any more.",
                    hint=f"Revoke them, then `chmod 600 {path}` or remove the file and log in again.",
                )
            known = json.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise AuthError(
            f"{path} cannot be read: {error}.", hint="Remove the file and run `autoresearch login` again."
        ) from None
    if not isinstance(known, dict) or not isinstance(known.get("servers", {}), dict):
        raise AuthError(f"{path} is damaged.", hint="Remove the file and run `autoresearch login` again.")
    return known


def _write(known: dict[str, object]) -> str:
    import json

    path = place()
    beside = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        target = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(target, "w", encoding="utf-8") as file:
            json.dump(known, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise AuthError(f"{path} cannot be written: {error.strerror}.", hint="Set XDG_CONFIG_HOME.") from None
    return path
