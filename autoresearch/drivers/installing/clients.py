"""The programs that we can be installed into, as the data files in ``agents/install`` describe them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from autoresearch import shipped
from autoresearch.errors import NotFound

__all__ = ["NAME", "Client", "Scope", "Server", "client_named", "clients"]

Scope = Literal["project", "user"]
NAME = "autoresearch"
"""What we are called in every configuration."""

_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Server:
    """The MCP server that an agent is told of: a command on this machine, or an address.

    Attributes:
        url: Address of a server of the team; None to start one here.
        options: Global options of the command, such as ``--project NAME``.
        python: The interpreter, absolute, so that it works from any folder and with any PATH.
    """

    url: str | None = None
    options: Sequence[str] = ()
    python: str = field(default_factory=lambda: sys.executable)

    def fill(self, template: Any) -> Any:
        """A template with its places filled; ``{options}`` in a list stands for all of them."""
        if isinstance(template, Mapping):
            return {name: self.fill(value) for name, value in template.items()}
        if isinstance(template, list):
            return [one for part in template for one in self._part(part)]
        return {"{python}": self.python, "{url}": self.url}.get(template, template)

    def _part(self, part: Any) -> list[Any]:
        return list(self.options) if part == "{options}" else [self.fill(part)]


@dataclass(frozen=True, slots=True)
class Client:
    """One program, and where it keeps what we write.

    Attributes:
        name: As its user types it.
        title: As its makers write it.
        program: What is looked for on the PATH.
        check: What shows its user that it is there.
        format: Form of its configuration.
        table: Names on the way to its servers in there.
        entry: Template of the entry of a server, for a command and for an address.
        notes: What its user has to know, by scope.
    """

    name: str
    title: str
    program: str
    check: str
    format: Literal["json", "toml"]
    table: tuple[str, ...]
    entry: Mapping[Literal["stdio", "http"], Mapping[str, Any]]
    notes: Mapping[str, str]
    _places: Mapping[str, Any] = field(repr=False)

    @property
    def path(self) -> tuple[str, ...]:
        """Names on the way to our entry."""
        return (*self.table, NAME)

    @property
    def found(self) -> str | None:
        """Where its program is on this machine; None where it is not."""
        return shutil.which(self.program)

    def config(self, scope: Scope, root: Path) -> Path:
        """Its configuration: the one that is there, else the one that would be made.

        Args:
            scope: Of this project, or of this user.
            root: Folder of the project.
        """
        files = {**self._places["files"], **self._places["files"].get(sys.platform, {})}[scope]
        places = [_place(file, scope, root) for file in files]
        return next((place for place in places if os.path.lexists(place)), places[0])

    def skills(self, scope: Scope, root: Path) -> Path:
        """Folder of its skills."""
        return _place(self._places["skills"][scope], scope, root)

    def instructions(self, scope: Scope, root: Path) -> Path | None:
        """The file of instructions that it reads; None where it has none in this scope."""
        file = self._places.get("instructions", {}).get(scope)
        return None if file is None else _place(file, scope, root)

    def wanted(self, server: Server) -> dict[str, Any]:
        """The entry of a server."""
        filled: dict[str, Any] = server.fill(self.entry["stdio" if server.url is None else "http"])
        return filled

    def is_ours(self, entry: Any) -> bool:
        """Whether an entry of our name is one that we wrote, by what it starts or where it leads."""
        if not isinstance(entry, Mapping):
            return False
        command, arguments = entry.get("command"), entry.get("args")
        words = [*(command if isinstance(command, list) else [command])]
        words += arguments if isinstance(arguments, list) else []
        address = entry.get("url") or entry.get("httpUrl")
        starts = NAME in words and "mcp" in words
        return starts or (isinstance(address, str) and address.rstrip("/").endswith("/mcp"))

    @property
    def keys(self) -> frozenset[str]:
        """Names of what we write into an entry, of either kind; others in there are its user's."""
        return frozenset().union(*(template.keys() for template in self.entry.values()))


def _place(text: str, scope: Scope, root: Path) -> Path:
    filled = _VARIABLE.sub(lambda found: os.environ.get(found[1]) or found[2], text)
    return root / filled if scope == "project" else Path(filled).expanduser()


@cache
def clients() -> Mapping[str, Client]:
    """All of them by name."""
    folder = shipped.root("agents") / "install"
    names = sorted(
        file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")
    )
    return {name: _read(name) for name in names}


def client_named(name: str) -> Client:
    """One of them.

    Raises:
        NotFound: There is none of this name.
    """
    found = clients().get(name)
    if found is None:
        raise NotFound(
            f"There is no agent named {name!r} to be installed into.",
            hint=f"There are {', '.join(clients())}.",
        )
    return found


def _read(name: str) -> Client:
    data = tomllib.loads(shipped.read("agents", f"install/{name}.toml"))
    return Client(
        name=name,
        title=data["title"],
        program=data["program"],
        check=data["check"],
        format=data["format"],
        table=tuple(data["table"]),
        entry={"stdio": data["stdio"], "http": data["http"]},
        notes=data.get("notes", {}),
        _places={key: data[key] for key in ("files", "skills", "instructions") if key in data},
    )
