"""Every command with the module it lives in, so that help needs none of them and a command only its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any

import typer.main

__all__ = ["COMMANDS", "SECTIONS", "Lazy"]

SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Every day": {
        "init": ("beginning", "Set a repository up: autoresearch.toml and the goal."),
        "goal": ("beginning", "Show the goal, or set it."),
        "session": ("working", "Open, close, reopen and list sessions."),
        "experiment": ("working", "Record a tried change; list and show what was recorded."),
        "decide": ("working", "Give a verdict on an experiment: keep, drop or crash."),
        "note": ("working", "Leave a remark that every later context shows."),
        "context": ("reading", "Print what an agent reads before its next change."),
    },
    "See": {
        "ui": ("dashboard", "Open the dashboard in a browser, until Ctrl-C."),
        "status": ("reading", "Say where the project stands."),
        "frontier": ("reading", "List the running bests, from baseline to best."),
        "progress": ("reading", "Draw every attempt and the running best."),
        "search": ("looking", "Find experiments by words in their note or diff."),
        "tried": ("looking", "Ask whether something like a change was tried."),
        "show": ("looking", "Show one experiment and its verdicts."),
        "events": ("looking", "List what changed: who, what, when."),
    },
    "Campaigns": {
        "run": ("campaigning", "Run a campaign by itself, or go on with the one that was interrupted."),
        "campaigns": ("campaigns", "List, show, pause, resume and stop campaigns, and list their trials."),
    },
    "Runs": {
        "runs": ("organizing", "List, show, compare, export, move, annotate, remove and tag runs."),
        "folders": ("organizing", "List, make, rename, move and remove folders, in which runs lie."),
        "metrics": ("recalling", "Print the points of metrics, or draw them."),
        "logs": ("recalling", "Print what a run printed."),
        "top": ("watching", "Watch the campaign and the runs that are going on."),
    },
    "Code": {
        "diff": ("code", "Print the change of an experiment, or compare the trees of two."),
        "checkout": ("code", "Write the exact code of an experiment to a new folder."),
        "reproduce": ("code", "Run an experiment again and compare the scores."),
        "artifacts": ("things", "List, show, get and log artifacts."),
        "promote": ("things", "Point a ref of an artifact at a version."),
    },
    "Agents": {
        "trial": ("trying", "Measure the code of the folder: start, wait, stop, list."),
        "mcp": ("mcp_serving", "Serve the tools of this folder to a coding agent."),
        "agent": ("installing", "Make autoresearch known to coding agents; list them."),
    },
    "Server": {
        "serve": ("serving", "Serve the store to a team, until Ctrl-C or SIGTERM."),
        "login": ("signing", "Store a key for a server on this machine, once the server has taken it."),
        "logout": (
            "signing",
            "Forget the key that is stored for a server; the key itself stays valid until it is revoked.",
        ),
        "whoami": ("signing", "Ask the server who the key of this machine is, and what it may do."),
        "keys": ("administering", "List, create and revoke the keys that programs use."),
        "admin": ("administering", "Manage the people and the data of the store that a server uses."),
    },
    "Data and care": {
        "import": ("moving", "Read a result log as experiments with verdicts."),
        "export": ("moving", "Write the project as JSON, CSV or results.tsv."),
        "sync": ("sending", "Send what waits to the server; without one, bring offline runs into the store."),
        "upload": ("sending", "Bring a project of the embedded store to the server."),
        "fsck": ("caring", "Verify the database and every stored object."),
        "gc": ("caring", "Remove objects that nothing refers to."),
        "doctor": ("caring", "Check that everything needed is there and works."),
        "demo": ("caring", "Run a real campaign on a small language model, about 90 seconds."),
    },
}

COMMANDS = {name: place for section in SECTIONS.values() for name, place in section.items()}


class Lazy(MutableMapping[str, Any]):
    """Commands by name; the module of one is imported when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            module = import_module(f"autoresearch.cli.{COMMANDS[name][0]}")
            self._made.update(typer.main.get_group(module.app).commands)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS or name in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __setitem__(self, name: str, made: Any) -> None:
        self._made[name] = made

    def __delitem__(self, name: str) -> None:
        del self._made[name]
