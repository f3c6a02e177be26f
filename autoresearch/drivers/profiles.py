"""Profiles of agents: how a program is started, what it may see, how our tools reach it, and how its output is read.

A profile is data. Those that ship lie in ``agents/``; a repository's own in ``.autoresearch/agents/``, a person's own in
``agents/`` of the home folder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from autoresearch.drivers.reading import Output
from autoresearch.drivers.templates import names
from autoresearch.errors import Invalid

__all__ = [
    "Capability",
    "CommandProfile",
    "ConfigFile",
    "Failure",
    "Inside",
    "McpServer",
    "Profile",
    "parse_profile",
    "read_toml",
]

Capability = Literal["mcp", "model", "tokens", "cost", "session"]
"""What an agent can do: call our tools, take the name of a model, and say what it read, wrote, cost, and was called."""

_MCP_NAMES = {"mcp.command", "mcp.arguments", "mcp.line", "mcp.environment", "mcp.variables"}
_NAMES = {"folder", "scratch", "prompt", "prompt_file", "model"}


def _relative(path: str) -> str:
    if path.startswith(("/", "~")) or {"", ".", ".."} & set(path.split("/")):
        raise ValueError(f"{path!r} does not lie in the scratch folder: give a relative path")
    return path


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*\*?", name):
        raise ValueError(
            f"{name!r} is not the name of a variable, nor the beginning of names with a * after it"
        )
    return name


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    return text


Inside = Annotated[str, AfterValidator(_relative)]
_Variable = Annotated[str, AfterValidator(_variable)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConfigFile(_Part):
    """A JSON file that is written for one run of a program.

    Attributes:
        path: Where, below the scratch folder.
        content: What is in it.
        base: A JSON file of the user's that it is laid over, when that exists.
    """

    path: Inside
    content: dict[str, Any]
    base: str = ""


class McpServer(_Part):
    """How a program is given our MCP server for one run.

    Attributes:
        arguments: Arguments that name it.
        files: Files that name it.
        environment: Variables that name it.
        reference: How its configuration refers to a variable of its own environment, with ``{name}``; so that what is in
            the variable stands in no file and on no command line. Empty where it passes variables on by name.
    """

    arguments: tuple[str, ...] = ()
    files: tuple[ConfigFile, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    reference: str = ""


class Failure(_Part):
    """What a failure means.

    Attributes:
        match: Regular expression that is looked for in what the program said of it; case does not matter.
        hint: What to do.
        fatal: Whether asking again is useless.
    """

    match: Annotated[str, AfterValidator(_expression)]
    hint: str
    fatal: bool = True


class CommandProfile(_Part):
    """An agent that is a program.

    Attributes:
        title: Its name, as people write it.
        program: Name or path of the program.
        install: How to install it.
        documentation: Address of the page that describes how it is run without a person.
        arguments: Its arguments.
        prompt: How it gets the prompt: as its input, as an argument, or as a file; the latter two stand in ``arguments``.
        model_arguments: Arguments that name the model, where one is named.
        seconds: Wall-clock seconds that one proposal may take, where the trial says nothing.
        keys: Variables that it is given from the user's environment, its own keys and addresses; a name may end in ``*``.
        environment: Variables that are set for it. In the scratch folder there is a folder ``tmp`` for it.
        files: Files that are written for it.
        leftovers: What it leaves in the working tree for itself, as patterns of paths; removed when it has ended.
        links: Paths below the scratch folder, and the files of the user's that they lead to, where these exist.
        mcp: How it is given our tools; None when it cannot use them.
        output: How what it prints is read.
        failures: What its failures mean; the first that matches counts.
    """

    kind: Literal["command"] = "command"
    title: str
    program: str
    install: str = ""
    documentation: str = ""
    arguments: tuple[str, ...] = ()
    prompt: Literal["stdin", "argument", "file"] = "stdin"
    model_arguments: tuple[str, ...] = ()
    seconds: float = Field(default=1800.0, gt=0)
    keys: tuple[_Variable, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    files: tuple[ConfigFile, ...] = ()
    links: dict[Inside, str] = Field(default_factory=dict)
    leftovers: tuple[Inside, ...] = ()
    mcp: McpServer | None = None
    output: Output = Output()
    failures: tuple[Failure, ...] = ()

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        parts = [self.arguments, self.model_arguments, self.environment, self.links]
        parts += [file.content for file in self.files]
        unknown = set(names(parts)) - _NAMES
        if self.mcp is not None:
            own = [self.mcp.arguments, self.mcp.environment, *(file.content for file in self.mcp.files)]
            unknown |= set(names(own)) - _NAMES - _MCP_NAMES
            unknown |= set(names(self.mcp.reference)) - {"name"}
        if unknown:
            known = ", ".join(sorted(_NAMES | _MCP_NAMES))
            raise ValueError(f"{{{min(unknown)}}} stands for nothing; known are {known}")
        wanted = {"argument": "prompt", "file": "prompt_file"}.get(self.prompt)
        if wanted and wanted not in set(names(self.arguments)):
            raise ValueError(f"the prompt is given as {self.prompt}, and no argument holds {{{wanted}}}")
        return self

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do."""
        can: dict[Capability, bool] = {
            "mcp": self.mcp is not None,
            "model": bool(self.model_arguments or "model" in set(names(self.arguments))),
            "tokens": bool(self.output.input_tokens and self.output.output_tokens),
            "cost": bool(self.output.cost),
            "session": bool(self.output.session),
        }
        return frozenset(name for name, there in can.items() if there)


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as it was read.

    Attributes:
        name: Its name, that of its file.
        where: The file, or ``"shipped"``.
        kind: What it describes: a program, a model over HTTP, or a script.
        title: The agent's name, as people write it.
        values: All its keys but ``kind``, ``title`` and ``extends``.
    """

    name: str
    where: str
    kind: Literal["command", "model", "scripted"]
    title: str
    values: Mapping[str, Any]

    def command(self, **changes: Any) -> CommandProfile:
        """The profile of a program, some of its keys in place of those that it has.

        Raises:
            Invalid: A key is unknown or its value off.
        """
        try:
            return CommandProfile.model_validate({"title": self.title, **self.values, **changes})
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "it"
            said = first["msg"].removeprefix("Value error, ")
            raise Invalid(
                f"The profile of the agent {self.name} ({self.where}) is off at {place}: {said}.",
                hint=f"Its keys are {', '.join(CommandProfile.model_fields)}; docs/agents.md tells what they mean.",
            ) from None


def read_toml(text: str, where: str) -> dict[str, Any]:
    """The values in a TOML file.

    Raises:
        Invalid: It cannot be read.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{where} is not TOML: {error}.", hint="Mend the file, or remove it.") from None


def parse_profile(name: str, where: str, values: Mapping[str, Any]) -> Profile:
    """A profile from its values.

    Raises:
        Invalid: They say no kind that there is, or have no title.
    """
    rest = dict(values)
    kind, title = rest.pop("kind", "command"), rest.pop("title", name)
    if kind not in {"command", "model", "scripted"}:
        raise Invalid(
            f"The profile of the agent {name} ({where}) is of kind {kind!r}.",
            hint='A kind is "command" for a program, "model" for a model over HTTP, or "scripted".',
        )
    if not isinstance(title, str) or not title:
        raise Invalid(f"The profile of the agent {name} ({where}) has no title.", hint='Write title = "...".')
    profile = Profile(name, where, kind, title, rest)
    if kind == "command" and rest.get("program"):
        profile.command()
    return profile
