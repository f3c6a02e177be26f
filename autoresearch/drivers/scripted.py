"""An agent that does what a file says: for tests of one's own loop, without a model."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autoresearch.drivers.answer import Answer, parse_answer
from autoresearch.drivers.base import Assignment, Proposal, Usage
from autoresearch.drivers.profiles import Inside, read_toml
from autoresearch.errors import AgentError, Invalid

__all__ = ["Replacement", "Script", "ScriptedAgent", "ScriptedTurn", "read_script"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Replacement(_Part):
    """One place of a file that is changed: ``old``, which stands there once, becomes ``new``."""

    file: Inside
    old: str = Field(min_length=1)
    new: str


class ScriptedTurn(_Part):
    """What the agent does when it is asked once.

    Attributes:
        write: Files to write, path to whole text.
        replace: Places to change.
        delete: Files to remove.
        note: The note of its answer.
        config: The values of its answer.
        give_up: Whether it knows nothing more.
        answer: What it says in words, in place of the three above; read as a model's answer is.
        fail: The message of an error, with which it fails; ``fatal`` says whether asking again is useless.
        input_tokens: Tokens it is said to have read, ``output_tokens`` to have written, ``cost`` to have cost in dollars.
    """

    write: dict[Inside, str] = Field(default_factory=dict)
    replace: tuple[Replacement, ...] = ()
    delete: tuple[Inside, ...] = ()
    note: str = ""
    config: dict[str, Any] = Field(default_factory=dict)
    give_up: bool = False
    answer: str = ""
    fail: str = ""
    fatal: bool = False
    input_tokens: int | None = Field(default=None, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)
    cost: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = [name for name in ("note", "answer", "fail", "give_up") if getattr(self, name)]
        if said not in (["note"], ["answer"], ["fail"], ["give_up"], ["note", "give_up"]):
            raise ValueError("a turn has a note, an answer, fail or give_up")
        return self


class Script(_Part):
    """What the agent does, turn by turn: the first trial is the first turn, and so on.

    Attributes:
        turns: The turns; after the last one it gives up.
        repeat: Whether it begins anew instead.
    """

    turns: tuple[ScriptedTurn, ...] = Field(min_length=1)
    repeat: bool = False

    def turn(self, trial: int) -> ScriptedTurn | None:
        """The turn of a trial, counted from 1; None after the last one."""
        if self.repeat:
            return self.turns[(trial - 1) % len(self.turns)]
        return self.turns[trial - 1] if trial <= len(self.turns) else None


def read_script(path: Path) -> Script:
    """The script in a TOML or JSON file.

    Raises:
        Invalid: There is no such file, or it is no script.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else read_toml(text, str(path))
        return Script.model_validate(values)
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(
            f"The script {path} cannot be read: {error}.", hint="Name a file that is there."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        said = first["msg"].removeprefix("Value error, ")
        raise Invalid(
            f"The script {path} is off at {place}: {said}.", hint="docs/agents.md shows the form of a script."
        ) from None
    except json.JSONDecodeError as error:
        raise Invalid(f"The script {path} is not JSON: {error}.", hint="Mend the file.") from None


@dataclass(frozen=True, slots=True)
class ScriptedAgent:
    """Follows a script. It keeps no state: which turn it is follows from the number of the trial."""

    name: str
    script: Script

    def propose(self, assignment: Assignment) -> Proposal | None:
        """Do what the turn of this trial says, in the assignment's folder.

        Raises:
            AgentError: The turn says so, or the folder does not hold what the turn changes.
        """
        turn = self.script.turn(assignment.trial)
        if turn is None:
            return None
        usage = Usage(input_tokens=turn.input_tokens, output_tokens=turn.output_tokens, cost=turn.cost)
        try:
            _act(assignment.folder, turn)
            answer = (
                parse_answer(turn.answer) if turn.answer else Answer(turn.note, turn.config, turn.give_up)
            )
        except AgentError as error:
            error.details.setdefault("fatal", False)
            error.details["usage"] = asdict(usage)
            raise
        return Proposal(answer.note, config=answer.config, usage=usage, give_up=answer.give_up)


def _act(folder: Path, turn: ScriptedTurn) -> None:
    if turn.fail:
        raise AgentError(turn.fail, hint="The script says so.", details={"fatal": turn.fatal})
    try:
        for name, text in turn.write.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for change in turn.replace:
            path = folder / change.file
            text = path.read_text(encoding="utf-8")
            if text.count(change.old) != 1:
                raise AgentError(
                    f"{change.file} holds {change.old!r} {text.count(change.old)} times, and the script changes one place.",
                    hint="Write more of the text around the place into the script.",
                )
            path.write_text(text.replace(change.old, change.new), encoding="utf-8")
        for name in turn.delete:
            (folder / name).unlink()
    except (OSError, UnicodeDecodeError) as error:
        raise AgentError(f"The script cannot be followed: {error}.", hint="Look at its paths.") from error
