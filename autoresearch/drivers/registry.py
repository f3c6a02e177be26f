"""The one door to agents: by the name of a profile, by a file, or by a command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from autoresearch import shipped
from autoresearch.drivers.base import Agent
from autoresearch.drivers.command import CommandAgent
from autoresearch.drivers.profiles import CommandProfile, Profile, parse_profile, read_toml
from autoresearch.drivers.scripted import ScriptedAgent, read_script
from autoresearch.drivers.templates import laid_over, names
from autoresearch.errors import Invalid, NotFound
from autoresearch.settings import Settings

__all__ = ["PLACE", "CommandOptions", "find_profile", "make_agent", "profiles"]

PLACE = ".autoresearch/agents"
"""Folder of a repository that holds its own profiles."""

_COMMAND = "command:"
_OWN = {"offline": "It is the built-in searcher of the loop: autoresearch run --agent offline."}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions:
    """What may be changed of a program for one campaign.

    Attributes:
        program: Name or path of the program.
        arguments: Further arguments, after those of the profile.
        seconds: Wall-clock seconds that one proposal may take, where the trial says nothing.
        keys: Further variables of the environment that it is given.
        environment: Variables that are set for it.
    """

    program: str = ""
    arguments: tuple[str, ...] = ()
    seconds: float | None = None
    keys: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None


def make_agent(
    name: str,
    *,
    model: str | None = None,
    options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    folder: Path | None = None,
) -> Agent:
    """The agent of a name.

    Args:
        name: A shipped profile, such as ``codex``; one of the repository or the home folder; a path that ends in
            ``.toml``; or ``command:`` and a command line.
        model: Name of the model, as the agent writes it; None for its own choice.
        options: What to change for this time: ``CommandOptions`` for a program, ``ModelSettings`` for a model, and
            ``script``, the path of one, for ``scripted``.
        settings: Says where the home folder is; None takes those of the environment.
        folder: The repository's root; paths are relative to it. None for none.

    Raises:
        NotFound: There is no such profile.
        Invalid: The profile or an option is off, or the agent takes no model.
        AgentError: It needs a key that is not there.
    """
    given = dict(options or {})
    if name.startswith(_COMMAND):
        profile, more = _of_line(name.removeprefix(_COMMAND)), given
    else:
        profile, more = find_profile(name, settings=settings, folder=folder), given
    if profile.kind == "model":
        from autoresearch.drivers.models.making import model_agent

        return model_agent(profile.name, profile.values, model=model, options=more)
    if profile.kind == "scripted":
        return _scripted(profile, more, model, folder)
    return CommandAgent(name=profile.name, profile=_changed(profile, more, model), model=model)


def find_profile(name: str, *, settings: Settings | None = None, folder: Path | None = None) -> Profile:
    """The profile of a name or path, with what it extends below it.

    Raises:
        NotFound: There is no such profile.
        Invalid: It is off, or extends itself.
    """
    values: dict[str, Any] = {}
    where, seen, wanted = "", list[str](), name
    while wanted or not seen:
        text, place = _read(wanted, settings, folder)
        if place in seen:
            raise Invalid(f"The profile {name} extends itself.", hint="Remove one of the `extends`.")
        seen.append(place)
        where = where or place
        own = read_toml(text, place)
        values = laid_over({key: value for key, value in own.items() if key != "extends"}, values)
        wanted = own.get("extends", "")
        if not isinstance(wanted, str):
            raise Invalid(f"The profile {place} extends {wanted!r}.", hint='Name one: extends = "codex".')
    return parse_profile(Path(name).stem if name.endswith(".toml") else name, where, values)


def profiles(*, settings: Settings | None = None, folder: Path | None = None) -> list[Profile]:
    """All profiles that can be named, by name.

    Raises:
        Invalid: One of them is off.
    """
    found = {entry.name for entry in shipped.root("agents").iterdir() if entry.is_file()}
    for place in _places(settings, folder):
        found |= {path.name for path in place.glob("*.toml")}
    names_of = sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))
    return [find_profile(name, settings=settings, folder=folder) for name in names_of]


def _places(settings: Settings | None, folder: Path | None) -> list[Path]:
    home = Path((settings or Settings()).home) / "agents"
    return [home] if folder is None else [folder / PLACE, home]


def _read(name: str, settings: Settings | None, folder: Path | None) -> tuple[str, str]:
    """The text of a profile, and where it stands. A name that ships means what ships, wherever else it stands."""
    if name.endswith(".toml"):
        path = (folder or Path()) / Path(name).expanduser()
        return _file(path), str(path)
    if not name or {"/", "\\"} & set(name) or name.startswith("."):
        raise Invalid(
            f"{name!r} is not the name of an agent.",
            hint="Give a name such as codex, a path that ends in .toml, or command:PROGRAM ARGUMENTS.",
        )
    try:
        return shipped.read("agents", f"{name}.toml"), "shipped"
    except NotFound:
        for place in _places(settings, folder):
            if (path := place / f"{name}.toml").is_file():
                return _file(path), str(path)
    known = sorted(
        entry.name[:-5] for entry in shipped.root("agents").iterdir() if entry.name.endswith(".toml")
    )
    hint = _OWN.get(name, f"There are {', '.join(known)}, and {PLACE}/{name}.toml can be one of your own.")
    raise NotFound(f"There is no agent {name!r}.", hint=hint)


def _file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"There is no profile {path}.", hint="Give the path of a TOML file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The profile {path} cannot be read: {error}.", hint="Look at the file.") from None


def _of_line(line: str) -> Profile:
    """The profile ``command`` with the program and the arguments of a command line."""
    try:
        parts = shlex.split(line)
    except ValueError as error:
        raise Invalid(f"The command {line!r} cannot be read: {error}.", hint="Close its quotes.") from None
    if not parts:
        raise Invalid("There is no command to run.", hint="Write one after command: .")
    profile = find_profile("command")
    open_names = set(names(parts))
    prompt: Literal["argument", "file", "stdin"] = "stdin"
    if "prompt" in open_names:
        prompt = "argument"
    elif "prompt_file" in open_names:
        prompt = "file"
    values = {**profile.values, "program": parts[0], "arguments": parts[1:], "prompt": prompt}
    return replace(profile, name=Path(parts[0]).name, where="the command line", values=values)


def _changed(profile: Profile, given: Mapping[str, Any], model: str | None) -> CommandProfile:
    """The profile of a program with the options over it."""
    from pydantic import TypeAdapter, ValidationError

    known = CommandOptions.__dataclass_fields__
    try:
        if unknown := sorted(given.keys() - known.keys()):
            raise Invalid(
                f"The agent {profile.name} has no option {unknown[0]}.", hint=f"It has {', '.join(known)}."
            )
        options = TypeAdapter(CommandOptions).validate_python(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise Invalid(
            f"The option {place} is off: {first['msg']}.", hint=f"There are {', '.join(known)}."
        ) from None
    values = profile.values
    changes: dict[str, Any] = {
        "program": options.program or values.get("program", ""),
        "arguments": [*values.get("arguments", ()), *options.arguments],
        "keys": [*values.get("keys", ()), *options.keys],
        "environment": {**values.get("environment", {}), **(options.environment or {})},
    }
    if options.seconds is not None:
        changes["seconds"] = options.seconds
    if not changes["program"]:
        raise Invalid(
            f"The agent {profile.name} needs a program.", hint="Write command:PROGRAM ARGUMENTS as its name."
        )
    made = profile.command(**changes)
    if model and "model" not in made.capabilities:
        raise Invalid(
            f"The agent {profile.name} takes no model.",
            hint="Leave --model out, or write {model} into its arguments.",
        )
    return made


def _scripted(profile: Profile, given: Mapping[str, Any], model: str | None, folder: Path | None) -> Agent:
    script = given.get("script") or profile.values.get("script")
    if not isinstance(script, str | Path) or given.keys() - {"script"} or model:
        raise Invalid(
            f"The agent {profile.name} follows a script, and needs the path of one and nothing else.",
            hint='Give the option script = "script.toml"; docs/agents.md shows its form.',
        )
    return ScriptedAgent(profile.name, read_script((folder or Path()) / Path(script).expanduser()))
