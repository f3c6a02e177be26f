"""``agent``: make ourselves known to a coding agent, see where we are, and where the plugin lies."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from autoresearch.cli.answer import Answer, Block, Cell, Column, Prose, Table
from autoresearch.cli.declaring import command, group
from autoresearch.cli.face import Face, can_ask, the_face
from autoresearch.errors import AutoresearchError, UsageError

if TYPE_CHECKING:
    from autoresearch.drivers.installing.clients import Client
    from autoresearch.drivers.installing.planning import Change, Plan, Wanted
    from autoresearch.drivers.profiles import Profile

__all__ = ["app", "install", "list_agents", "plugin"]

app = typer.Typer(rich_markup_mode=None)
_agent = group(
    app,
    "agent",
    "agent install claude-code",
    "agent list",
    about="Make autoresearch known to coding agents; list them.",
    without="list",
    optioned="list",
)


def _complete_agents(incomplete: str) -> list[str]:
    from autoresearch.drivers.installing.clients import clients

    return [name for name in (*clients(), "all") if name.startswith(incomplete)]


_Agent = Annotated[
    str,
    typer.Argument(
        metavar="AGENT",
        help="claude-code, codex, cursor, gemini, opencode, vscode; or all that are here.",
        autocompletion=_complete_agents,
        show_default=False,
    ),
]
_Scope = Annotated[
    Literal["user", "project"],
    typer.Option(metavar="user|project", help="For all of your projects, or in the files of this one."),
]
_Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="A server's /mcp instead of one on this machine; key from AUTORESEARCH_API_KEY.",
    ),
]
_Instructions = Annotated[
    bool,
    typer.Option("--instructions", help="Add a few lines to the file of instructions that the agent reads."),
]
_Remove = Annotated[bool, typer.Option("--remove", help="Take out what was put in.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Also replace a server of our name, and files of the skill that were edited."
    ),
]


@command(
    _agent,
    "install",
    "agent install claude-code",
    "agent install codex --scope project --instructions",
    "agent install all --dry-run",
    "agent install gemini --url https://research.example.org/mcp",
    "agent install claude-code --remove",
)
def install(
    context: typer.Context,
    agent: _Agent,
    *,
    scope: _Scope = "user",
    url: _Url = None,
    instructions: _Instructions = False,
    remove: _Remove = False,
    dry_run: _DryRun = False,
    yes: _Yes = False,
    force: _Force = False,
) -> Answer:
    """Tell a coding agent of autoresearch: its MCP server, and a skill that says how to work with it.

    What would change is shown as a diff first. Nothing else in the files is touched, comments included.
    No key is written: the agent reads it from its environment, or the server from `autoresearch login`.
    """
    wanted = replace(_wanted(context, scope, url), remove=remove, instructions=instructions, force=force)
    plans, refused = _plans(agent, wanted)
    if refused and not plans:
        raise refused[0]
    changes = [change for one in plans for change in one.changes]
    if not dry_run and changes and not yes:
        _ask(the_face(context), changes)
    done = [] if dry_run else [change for one in plans for change in one.apply(wanted)]
    notes = dict.fromkeys(note for one in plans for note in one.notes)
    return Answer(
        document={
            "scope": scope,
            "dry_run": dry_run,
            "changes": [_document(change, done=change in done) for change in changes],
            "notes": list(notes),
            "refused": [error.envelope()["error"] for error in refused],
        },
        ids=[str(change.path) for change in changes],
        blocks=_blocks(changes, dry_run=dry_run, remove=remove),
        following="" if remove or dry_run else plans[0].client.check,
        notices=[*notes, *(f"{error.message} {error.hint}" for error in refused)],
        exit_code=refused[0].exit_code if refused else 0,
    )


def _wanted(context: typer.Context, scope: Literal["user", "project"], url: str | None) -> Wanted:
    from autoresearch.drivers.installing.clients import Server
    from autoresearch.drivers.installing.planning import Wanted
    from autoresearch.track.place import root_of

    face = the_face(context)
    if url is not None and not url.startswith(("http://", "https://")):
        raise UsageError(f"--url was {url!r}.", hint="Write the address of a server: https://HOST/mcp.")
    options = [
        *(["--home", str(face.home)] if face.home else ()),
        *(["-p", face.project] if face.project else ()),
    ]
    return Wanted(scope=scope, root=Path(root_of(str(Path.cwd()))), server=Server(url, options))


def _plans(agent: str, wanted: Wanted) -> tuple[list[Plan], list[AutoresearchError]]:
    """The plan for each program that is meant, and what was wrong with those that cannot be changed."""
    from autoresearch.drivers.installing.clients import client_named
    from autoresearch.drivers.installing.planning import plan

    if agent != "all":
        return [plan(client_named(agent), wanted)], []
    plans: list[Plan] = []
    refused: list[AutoresearchError] = []
    meant = _here(wanted)
    wanted = replace(wanted, together=frozenset(client.name for client in meant))
    for client in meant:
        try:
            plans.append(plan(client, wanted))
        except AutoresearchError as error:
            refused.append(error)
    return _once_each(plans), refused


def _here(wanted: Wanted) -> list[Client]:
    """The programs that are on this machine; to remove, all of them."""
    from autoresearch.drivers.installing.clients import clients

    known = list(clients().values())
    if wanted.remove:
        return known
    found = [one for one in known if one.found or one.config("user", wanted.root).exists()]
    if not found:
        raise UsageError(
            "None of the agents was found on this machine.", hint="Name one to install into it all the same."
        )
    return found


def _once_each(plans: Sequence[Plan]) -> list[Plan]:
    """Plans in which a file that several programs read is changed once."""
    seen: set[Path] = set()
    found: list[Plan] = []
    for one in plans:
        changes = tuple(change for change in one.changes if change.path not in seen)
        seen |= {change.path for change in changes}
        found.append(replace(one, changes=changes))
    return found


def _ask(face: Face, changes: Sequence[Change]) -> None:
    if not can_ask(face):
        raise UsageError(
            "Nobody is here to agree to the changes.", hint="Add --yes, or look first with --dry-run."
        )
    for block in _diffs(changes):
        sys.stderr.write(f"{block}\n")
    if not typer.confirm("Make these changes?", err=True):
        raise UsageError("Nothing was changed.", hint="Look at the changes again with --dry-run.")


def _document(change: Change, *, done: bool) -> dict[str, Any]:
    return {
        "agent": change.client,
        "kind": change.kind,
        "path": str(change.path),
        "action": change.action,
        "diff": change.diff,
        "done": done,
    }


def _diffs(changes: Sequence[Change]) -> list[str]:
    from autoresearch.cli.paper import visible

    shown = [change.diff for change in changes if change.diff]
    files = [f"{change.action} {change.path}" for change in changes if not change.diff]
    # A file of others may hold anything, and this is a terminal.
    return ["\n".join(map(visible, block.split("\n"))) for block in [*shown, "\n".join(files)] if block]


def _blocks(changes: Sequence[Change], *, dry_run: bool, remove: bool) -> list[Block]:
    if not changes:
        return [Prose("nothing to take out" if remove else "everything is in place")]
    if dry_run:
        return [Prose(block) for block in _diffs(changes)]
    rows: list[list[Cell]] = [[one.client, one.kind, one.action, str(one.path)] for one in changes]
    return [Table([Column("agent"), Column("what"), Column("action"), Column("file")], rows)]


@command(_agent, "list", "agent list", "agent list --json")
def list_agents() -> Answer:
    """List the agents: what each needs to be asked for changes, and into which autoresearch is installed.

    A campaign may ask those that have a profile: `autoresearch run --agent NAME`. The others are installed into alone.
    """
    from autoresearch.drivers.installing.clients import clients
    from autoresearch.drivers.registry import profiles
    from autoresearch.track.place import root_of

    root = Path(root_of(str(Path.cwd())))
    asked = {one.name: one for one in profiles(folder=root)}
    found = [_agent_document(name, asked.get(name), root) for name in sorted({"offline", *asked, *clients()})]
    columns = [
        Column("agent"),
        Column("asked"),
        Column("needs", "flexible"),
        Column("for you"),
        Column("here"),
    ]
    rows: list[list[Cell]] = [
        [
            str(one["agent"]),
            str(one["profile"] or "no"),
            _needed(one),
            _where(one["user"]),
            _where(one["project"]),
        ]
        for one in found
    ]
    return Answer(
        document={"agents": found},
        ids=[str(one["agent"]) for one in found],
        blocks=[Table(columns, rows)],
        following="autoresearch agent install NAME",
    )


def _agent_document(name: str, profile: Profile | None, root: Path) -> dict[str, Any]:
    import os
    import shutil

    from autoresearch.drivers.installing.clients import clients
    from autoresearch.drivers.installing.planning import installed

    client = clients().get(name)
    values = profile.values if profile else {}
    program = values.get("program") or (client.program if client else None)
    key = values.get("key_variable") or None
    return {
        "agent": name,
        "title": profile.title if profile else client.title if client else name,
        "profile": profile.kind if profile else "built in" if name == "offline" else None,
        "where": profile.where if profile else None,
        "needs": program,
        "program": shutil.which(program) if program else None,
        "key_variable": key,
        "key_is_set": bool(os.environ.get(key)) if key else None,
        "user": installed(client, "user", root) if client else None,
        "project": installed(client, "project", root) if client else None,
        "user_file": str(client.config("user", root)) if client else None,
        "project_file": str(client.config("project", root)) if client else None,
    }


def _needed(one: Mapping[str, Any]) -> str:
    if one["key_variable"]:
        return f"{one['key_variable']}, {'set' if one['key_is_set'] else 'not set'}"
    if one["needs"]:
        return str(one["program"] or f"{one['needs']}, not found")
    return ""


def _where(there: bool | None) -> str:  # noqa: FBT001  a cell's value
    return "" if there is None else "installed" if there else "no"


@command(_agent, "plugin", "agent plugin", 'claude plugin marketplace add "$(autoresearch agent plugin -q)"')
def plugin() -> Answer:
    """Print the folder of the plugin that ships with autoresearch: for Claude Code, Codex and Gemini CLI."""
    from autoresearch import shipped

    folder = str(shipped.root("agents") / "plugin")
    return Answer(document={"folder": folder}, ids=[folder], blocks=[Prose(folder)])
