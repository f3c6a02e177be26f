"""The answer of a model in words: one JSON object in a fence, read strictly, whatever stands around it.

What is asked for is a note, perhaps the values that were chosen, or that nothing more is known. Everything else that a
model says is left where it is, in the transcript. Two different answers in one text are none: nobody could say which one
the change belongs to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from autoresearch.briefs.fence import clean, quote
from autoresearch.errors import AgentError
from autoresearch.records.base import JsonObject

__all__ = ["ANSWER_FORM", "Answer", "parse_answer"]

_FLAW = "the flaw that you saw -> the fix that you made"
ANSWER_FORM = f"""```json
{{"note": "{_FLAW}", "config": {{"name of a value": 1}}}}
```"""
"""What a prompt shows as the form of an answer; repeated as it is, it counts as no answer."""

_MOST_TEXT, _MOST_NOTE, _MOST_CONFIG, _MOST_SHOWN, _MOST_TRIES = 1_000_000, 1000, 64 * 1024, 200, 100
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([^`\r\n]*)\r?\Z")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?')
_KEYS = frozenset({"note", "give_up"})
_config: TypeAdapter[dict[str, Any]] = TypeAdapter(JsonObject)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered.

    Attributes:
        note: The flaw and the fix, or why it gives up: one line of visible text of at most 1,000 characters.
        config: The values it chose, by name; at most 64 KiB as JSON.
        give_up: It knows nothing more to try; the note may then be empty.
    """

    note: str
    config: Mapping[str, Any] = field(default_factory=dict)
    give_up: bool = False


class _OffFormError(ValueError):
    """Why a text is no answer."""


def parse_answer(final_text: str) -> Answer:
    """Read the answer out of the last thing that a model said.

    The text holds exactly one JSON object with ``note`` or ``give_up``: between lines of three or more backticks or
    tildes, marked ``json`` or not at all; or, where no fence holds one, on lines of its own. The same object twice is one answer; other fenced
    blocks, and other keys of the object, are passed over.

    Raises:
        AgentError: There is no such object, or there are several that differ, or a value in it is off; the message
            carries the first 200 characters of what was said.
    """
    try:
        return _answer(final_text)
    except _OffFormError as error:
        said = quote(final_text, _MOST_SHOWN) if final_text.strip() else "nothing"
        raise AgentError(
            f"The agent did not answer in the form that it was asked for: {error}. It said: {said}",
            hint='Its last message must hold one fenced JSON object such as {"note": "flaw -> fix"}.',
        ) from None


def _answer(text: str) -> Answer:
    if len(text) > _MOST_TEXT:
        raise _OffFormError(
            f"it said {len(text):,} characters, and {_MOST_TEXT:,} are the most that are read"
        )
    found, broken = _objects(text)
    if not found:
        raise _OffFormError(broken or "there is no JSON object with a note in it")
    # A block that was meant as an answer and cannot be read may be the one that counts.
    if broken:
        raise _OffFormError(f"{broken}, beside another answer")
    answers = [_checked(given) for given in found]
    if any(answer != answers[0] for answer in answers):
        raise _OffFormError(f"there are {len(answers)} answers, and they differ")
    return answers[0]


def _objects(text: str) -> tuple[list[dict[str, Any]], str]:
    """The objects that are meant as answers, and what was wrong with the first one that cannot be read."""
    blocks, outside = _blocks(text)
    found, broken = _meant(blocks)
    return (found, broken) if found or broken else _meant(_unfenced(outside))


def _meant(blocks: Iterable[str]) -> tuple[list[dict[str, Any]], str]:
    found, broken = [], ""
    for block in blocks:
        try:
            value = _value(block)
        except _OffFormError as error:
            if any(f'"{key}"' in block for key in _KEYS):
                broken = broken or str(error)
            continue
        if isinstance(value, dict) and not _KEYS.isdisjoint(value) and value.get("note") != _FLAW:
            found.append(value)
    return found, broken


def _blocks(text: str) -> tuple[list[str], list[str]]:
    """What stands between fences that are marked ``json`` or not at all, and the lines outside of any fence.

    A fence that is not closed ends with the text.
    """
    blocks, outside, held = list[str](), list[str](), list[str]()
    fence, wanted = "", False
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if match and not fence:
            fence, mark = match[1], match[2].split()
            wanted, held = not mark or mark[0].lower() == "json", []
        elif match and match[1].startswith(fence) and not match[2]:
            blocks += ["\n".join(held)] if wanted else []
            fence = ""
        else:
            (held if fence else outside).append(line)
    return blocks + (["\n".join(held)] if fence and wanted else []), outside


def _unfenced(lines: list[str]) -> Iterator[str]:
    """Stretches of lines from one that begins with a brace to the next one that ends with one and closes it."""
    at, tries = 0, 0
    while at < len(lines) and tries < _MOST_TRIES:
        end = at + 1
        if lines[at].lstrip().startswith("{"):
            tries += 1
            depth, end = _closing(lines, at)
            if depth == 0:
                yield "\n".join(lines[at:end])
        at = end


def _closing(lines: list[str], start: int) -> tuple[int, int]:
    """How many braces are open, and after which line, when none was or the lines ended; braces in strings are no braces."""
    depth = 0
    for index in range(start, len(lines)):
        bare = _STRING.sub("", lines[index])
        depth += bare.count("{") - bare.count("}")
        if depth <= 0:
            return depth, index + 1
    return depth, len(lines)


def _value(block: str) -> Any:
    try:
        return json.loads(block, object_pairs_hook=_once, parse_constant=_no_constant)
    except _OffFormError:
        raise
    except RecursionError:
        raise _OffFormError("its JSON is nested too deep") from None
    except ValueError as error:
        raise _OffFormError(f"its JSON cannot be read, {str(error)[:100]}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _OffFormError("a key of its JSON stands there twice")
    return made


def _no_constant(name: str) -> NoReturn:
    raise _OffFormError(f"{name} is no JSON")


def _checked(given: Mapping[str, Any]) -> Answer:
    note, config, give_up = given.get("note", ""), given.get("config"), given.get("give_up", False)
    if not isinstance(note, str):
        raise _OffFormError("its note is no text")
    if not isinstance(give_up, bool):
        raise _OffFormError("its give_up is neither true nor false")
    seen = clean(note, _MOST_NOTE)
    if not seen and not give_up:
        raise _OffFormError("its note is empty")
    try:
        values = _config.validate_python({} if config is None else config)
        size = len(json.dumps(values))
    except ValidationError as error:
        raise _OffFormError(
            f"its config {error.errors()[0]['msg'].removeprefix('Value error, ')[:100]}"
        ) from None
    if size > _MOST_CONFIG:
        raise _OffFormError(f"its config has {size:,} characters, and {_MOST_CONFIG:,} are the most")
    return Answer(seen, values, give_up)
