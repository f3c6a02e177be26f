"""Tools that a model may call: what they are called, what they take, and how a call of one ends in a text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from autoresearch.briefs.fence import cut, quote
from autoresearch.errors import AutoresearchError, Invalid

__all__ = ["Call", "Outcome", "Tool", "Toolbox", "schema"]

_MOST_SHOWN, _LONGEST_REFUSAL = 60, 2000
_KINDS: Mapping[str, type | tuple[type, ...]] = {"string": str, "integer": int, "boolean": bool}


@dataclass(frozen=True, slots=True)
class Tool:
    """One thing that a model can do.

    Attributes:
        name: ``verb_noun``.
        description: What it does, when to use it, and what comes back; the important sentence first.
        parameters: JSON schema of its arguments: an object of strings, integers and truth values.
        run: Called with the arguments by name; answers a text, and raises an error of ours for what cannot be done.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    run: Callable[..., str]


@dataclass(frozen=True, slots=True)
class Call:
    """What a model wants called.

    Attributes:
        id: Its name for the call, which the result refers to.
        name: Name of a tool, as it said.
        arguments: The arguments; None where ``fault`` says why they cannot be read.
        fault: What was wrong with how the call was written.
    """

    id: str
    name: str
    arguments: Mapping[str, Any] | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What goes back to the model for one call."""

    call: Call
    text: str
    failed: bool = False


def schema(*required: str, **properties: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema of arguments: those that are required, and what each is."""
    return {
        "type": "object",
        "properties": {name: dict(value) for name, value in properties.items()},
        "required": list(required),
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools of one conversation, by name.

    Args:
        tools: Each with a name of its own.
        most: Characters of a result that a model is given at most.

    Raises:
        Invalid: Two tools have the same name.
    """

    tools: Mapping[str, Tool] = field(default_factory=dict)
    most: int = 40_000

    @classmethod
    def of(cls, tools: Iterable[Tool], most: int = 40_000) -> Toolbox:
        """A box of these tools."""
        found: dict[str, Tool] = {}
        for tool in tools:
            if tool.name in found:
                raise Invalid(f"There are two tools named {tool.name}.", hint="Give each a name of its own.")
            found[tool.name] = tool
        return cls(found, most)

    def run(self, call: Call) -> Outcome:
        """Run one call; what cannot be done comes back as a text that says what to do instead, never as an error."""
        try:
            tool = self._tool(call)
            arguments = self._checked(tool, call)
            said = tool.run(**arguments)
        except AutoresearchError as error:
            # The message may repeat what was given, of whatever length.
            said = cut(f"{error.message} {error.hint}".strip(), _LONGEST_REFUSAL)
            return Outcome(call, self._bounded(said), failed=True)
        except OSError as error:
            return Outcome(call, f"The system refused: {error.strerror}. Try another path.", failed=True)
        return Outcome(call, self._bounded(said))

    def _tool(self, call: Call) -> Tool:
        tool = self.tools.get(call.name)
        if tool is None:
            raise Invalid(
                f"There is no tool {quote(call.name, _MOST_SHOWN)}.",
                hint=f"There are {', '.join(self.tools)}.",
            )
        return tool

    def _checked(self, tool: Tool, call: Call) -> dict[str, Any]:
        if call.arguments is None:
            raise Invalid(f"The call of {tool.name} was not run: {call.fault}.", hint=self._form(tool))
        # Some models write null for what they leave out.
        given = {name: value for name, value in call.arguments.items() if value is not None}
        known: Mapping[str, Any] = tool.parameters["properties"]
        unknown = [name for name in given if name not in known]
        missing = [name for name in tool.parameters["required"] if name not in given]
        if unknown or missing:
            off = [f"no argument {quote(name, _MOST_SHOWN)}" for name in unknown[:3]]
            off += [f"{name} is needed" for name in missing]
            raise Invalid(f"{tool.name} was not run: {', '.join(off)}.", hint=self._form(tool))
        return {name: self._value(tool, name, value) for name, value in given.items()}

    def _value(self, tool: Tool, name: str, value: Any) -> Any:
        wanted = tool.parameters["properties"][name]
        kind = wanted["type"]
        if not isinstance(value, _KINDS[kind]) or (kind != "boolean" and isinstance(value, bool)):
            raise Invalid(
                f"{tool.name} was not run: {name} was {cut(json.dumps(value), _MOST_SHOWN)}.",
                hint=f"Give {'an' if kind == 'integer' else 'a'} {kind}.",
            )
        least, most = wanted.get("minimum"), wanted.get("maximum")
        if kind == "integer" and (
            (least is not None and value < least) or (most is not None and value > most)
        ):
            raise Invalid(
                f"{tool.name} was not run: {name} was {cut(str(value), _MOST_SHOWN)}.",
                hint=f"It goes from {least} to {most}.",
            )
        return value

    @staticmethod
    def _form(tool: Tool) -> str:
        return f"Its arguments are one JSON object: {json.dumps(tool.parameters['properties'])}"

    def _bounded(self, text: str) -> str:
        # A lone surrogate would make the whole conversation impossible to send.
        said = text.encode("utf-8", "replace").decode("utf-8") or "(nothing)"
        if len(said) <= self.most:
            return said
        half = self.most // 2
        left = len(said) - 2 * half
        return f"{said[:half]}\n[… {left:,} characters left out …]\n{said[-half:]}"
