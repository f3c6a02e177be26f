"""JSON edited as text: one member is set or taken out, and everything else stays as it is, comments included.

What editors and agents call JSON may have comments and a comma after the last member. Both are read and kept. Every edit is
checked: what the new text means is what the old one meant, with that one member changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from autoresearch.errors import Conflict, Invalid

__all__ = ["get", "parsed", "with_member", "without_member"]

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_BLANK = re.compile(r"[ \t\r\n]*")
_REST_OF_LINE = re.compile(r"[ \t]*(?://[^\n]*|(?:/\*(?:[^*\n]|\*(?!/))*\*/[ \t]*)*(?=\r?\n|$))")
_DEEPEST = 200
_DECODER = json.JSONDecoder()


@dataclass(slots=True)
class _Member:
    name: str
    key: int
    value: _Value


@dataclass(slots=True)
class _Value:
    """A value and where it stands; of an object also its members, and where the comma after each stands."""

    start: int
    end: int
    data: Any
    members: list[_Member] = field(default_factory=list)
    commas: list[int] = field(default_factory=list)

    def member(self, name: str) -> _Member | None:
        found = [one for one in self.members if one.name == name]
        if len(found) > 1:
            raise Conflict(f"{name!r} stands there {len(found)} times.", hint="Leave one of them.")
        return found[0] if found else None


class _Reader:
    """Reads a text; what holds no comment is read by the standard library, as these files can have many megabytes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def whole(self) -> _Value:
        value = self.value(self.skip(0), 0)
        if self.skip(value.end) != len(self.text):
            self.fail(self.skip(value.end), "something stands after its end")
        return value

    def opened(self, value: _Value) -> _Value:
        """An object with its members; of anything else there are none."""
        return self._object(value.start, 0) if isinstance(value.data, dict) else value

    def skip(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def fail(self, at: int, why: str) -> NoReturn:
        line = self.text.count("\n", 0, at) + 1
        raise Invalid(f"Line {line} is no valid JSON: {why}.", hint="Mend it by hand first.")

    def value(self, at: int, depth: int) -> _Value:
        if depth > _DEEPEST:
            self.fail(at, "it is nested too deep")
        first = self.text[at : at + 1]
        if first in {"{", "["}:
            try:
                data, end = _DECODER.raw_decode(self.text, at)
            except RecursionError:
                self.fail(at, "it is nested too deep")
            except ValueError:
                return self._object(at, depth) if first == "{" else self._array(at, depth)
            return _Value(at, end, data)
        found = (_STRING if first == '"' else _SCALAR).match(self.text, at)
        if found is None:
            self.fail(
                at, "a value is missing" if not first or first in ",]}" else f"{first!r} begins no value"
            )
        try:
            return _Value(at, found.end(), json.loads(found[0]))
        except ValueError as error:
            self.fail(at, str(error)[:80])

    def _object(self, start: int, depth: int) -> _Value:
        made = _Value(start, start, {})
        at = self.skip(start + 1)
        while self.text[at : at + 1] != "}":
            if made.members and len(made.commas) < len(made.members):
                self.fail(at, "a comma or } is missing")
            name = _STRING.match(self.text, at)
            if name is None:
                self.fail(at, "a name in double quotes is missing")
            after = self.skip(name.end())
            if self.text[after : after + 1] != ":":
                self.fail(after, "a colon is missing")
            value = self.value(self.skip(after + 1), depth + 1)
            made.members.append(_Member(json.loads(name[0]), at, value))
            made.data[made.members[-1].name] = value.data
            at = self._comma(value.end, made.commas)
        made.end = at + 1
        return made

    def _array(self, start: int, depth: int) -> _Value:
        made = _Value(start, start, [])
        at = self.skip(start + 1)
        while self.text[at : at + 1] != "]":
            if made.data and len(made.commas) < len(made.data):
                self.fail(at, "a comma or ] is missing")
            value = self.value(at, depth + 1)
            made.data.append(value.data)
            at = self._comma(value.end, made.commas)
        made.end = at + 1
        return made

    def _comma(self, end: int, commas: list[int]) -> int:
        at = self.skip(end)
        if self.text[at : at + 1] == ",":
            commas.append(at)
            at = self.skip(at + 1)
        return at


def parsed(text: str) -> dict[str, Any]:
    """What a text means; an empty one is an empty object.

    Raises:
        Invalid: It is no JSON, comments aside, or no object; the message names the line.
    """
    if not text.strip():
        return {}
    value = _Reader(text).whole().data
    if not isinstance(value, dict):
        raise Invalid("It holds no JSON object.", hint="Mend it by hand first.")
    return value


def get(text: str, path: Sequence[str]) -> Any:
    """The value at a path of names; None when there is none."""
    return _at(parsed(text), path)


def _at(data: Any, path: Sequence[str]) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def with_member(text: str, path: Sequence[str], value: Any) -> str:
    """The text with a value at a path of names; objects on the way are made where there are none.

    Raises:
        Invalid: The text is no JSON.
        Conflict: What stands on the way is no object, or stands there twice.
    """
    present = parsed(text)
    wanted = _changed(present, path, value)
    if wanted == present:
        return text
    if not text.strip():
        return json.dumps(_nested(path, value), indent=2, ensure_ascii=False) + "\n"
    return _checked(_set(text, path, value), wanted)


def _set(text: str, path: Sequence[str], value: Any) -> str:
    reader = _Reader(text)
    at = reader.whole()
    for depth, name in enumerate(path):
        at = reader.opened(at)
        if not isinstance(at.data, dict):
            raise Conflict(f"{'.'.join(path[:depth])} is no object.", hint="Mend it by hand first.")
        found = at.member(name)
        if found is None:
            return _inserted(text, at, name, _nested(path[depth + 1 :], value))
        at = found.value
    return text[: at.start] + _dumped(value, text, _indent_of(text, at.start)) + text[at.end :]


def without_member(text: str, path: Sequence[str]) -> str:
    """The text without the member at a path, and without the objects on the way that are left empty.

    Raises:
        Invalid: The text is no JSON.
        Conflict: A name on the way stands there twice.
    """
    present = parsed(text)
    if _at(present, path) is None:
        return text
    wanted = _changed(present, path, _GONE)
    reader = _Reader(text)
    objects = [reader.opened(reader.whole())]
    for name in path[:-1]:
        found = objects[-1].member(name)
        assert found is not None
        objects.append(reader.opened(found.value))
    depth = len(path) - 1
    while depth > 0 and _is_all(text, objects[depth], path[depth]) and _is_plain(text, objects, path, depth):
        depth -= 1
        wanted = _changed(wanted, path[: depth + 1], _GONE)
    return _checked(_removed(text, objects[depth], path[depth]), wanted)


_GONE = object()


def _changed(data: dict[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    name, *rest = path
    made = dict(data)
    if rest:
        below = made.get(name)
        made[name] = _changed(below if isinstance(below, dict) else {}, rest, value)
    elif value is _GONE:
        made.pop(name, None)
    else:
        made[name] = value
    return made


def _checked(text: str, wanted: dict[str, Any]) -> str:
    if parsed(text) != wanted:
        raise Conflict("The file is written in a way that cannot be edited safely.", hint="Edit it by hand.")
    return text


def _nested(path: Sequence[str], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


def _inserted(text: str, at: _Value, name: str, value: Any) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    if not at.members:
        return _first(text, at, name, value, newline)
    last = at.members[-1]
    trailing = len(at.commas) == len(at.members)
    blank = text[_blank_before(text, last.key) : last.key]
    if "\n" not in blank:
        gap = " " if blank else ""
        member = f"{json.dumps(name)}:{' ' if gap else ''}{_dumped(value, text, None, spaced=bool(gap))}"
        end = at.commas[-1] + 1 if trailing else last.value.end
        return text[:end] + f"{'' if trailing else ','}{gap}{member}{',' if trailing else ''}" + text[end:]
    indent = blank.rpartition("\n")[2]
    member = f"{newline}{indent}{json.dumps(name)}: {_dumped(value, text, indent)}"
    # A comment behind the last member stays with it.
    end = at.commas[-1] + 1 if trailing else last.value.end
    rest = _REST_OF_LINE.match(text, end)
    line = rest.end() if rest and text[rest.end() : rest.end() + 1] in {"\n", "\r"} else end
    comma = "" if trailing else ","
    return text[:end] + comma + text[end:line] + member + ("," if trailing else "") + text[line:]


def _first(text: str, at: _Value, name: str, value: Any, newline: str) -> str:
    """The first member of an object that is empty, after the comments that stand in it."""
    inner = text[at.start + 1 : at.end - 1]
    outer = _indent_of(text, at.start)
    indent = outer + _unit(text)
    member = f"{newline}{indent}{json.dumps(name)}: {_dumped(value, text, indent)}{newline}{outer}"
    return text[: at.start + 1] + inner.rstrip() + member + text[at.end - 1 :]


def _is_all(text: str, at: _Value, name: str) -> bool:
    """Whether an object holds this member and nothing else, not even a comment."""
    found = at.member(name)
    if found is None or len(at.members) != 1:
        return False
    around = [text[at.start + 1 : found.key], text[found.value.end : at.end - 1]]
    return not "".join(around).replace(",", "", len(at.commas)).strip()


def _is_plain(text: str, objects: Sequence[_Value], path: Sequence[str], depth: int) -> bool:
    """Whether nothing but a colon stands between an object and its name."""
    named = objects[depth - 1].member(path[depth - 1])
    name = _STRING.match(text, named.key) if named else None
    return name is not None and text[name.end() : objects[depth].start].strip() == ":"


def _removed(text: str, at: _Value, name: str) -> str:
    members = at.members
    index = next(number for number, one in enumerate(members) if one.name == name)
    member = members[index]
    start = _blank_before(text, member.key)
    gap = text[at.commas[index - 1] + 1 if index else at.start + 1 : start]
    if index < len(at.commas):
        comma = at.commas[index]
        between, end = text[member.value.end : comma], comma + 1
        if index == 0 and "\n" not in text[start : member.key]:
            # The first of several on one line: the next one moves to where it began.
            start, end = member.key, _blank_after(text, end)
        return _joined(text[:start], gap, (between if between.strip() else "") + text[end:])
    if index > 0:
        comma = at.commas[index - 1]
        return _joined(
            text[:comma] + text[comma + 1 : start],
            text[members[index - 1].value.end : start],
            text[member.value.end :],
        )
    alone = not text[at.start + 1 : start].strip()
    return _joined(
        text[:start], gap, text[_blank_after(text, member.value.end) if alone else member.value.end :]
    )


def _joined(before: str, gap: str, after: str) -> str:
    """Both parts, and a line break between them where a comment at the end of the gap would swallow what follows."""
    comment = "//" in gap[gap.rfind("\n") + 1 :]
    opens = comment and not after.lstrip(" \t").startswith(("\n", "\r\n"))
    return f"{before}\n{after}" if opens else before + after


def _blank_before(text: str, at: int) -> int:
    """Where the white space in front of a place begins."""
    return len(text[:at].rstrip(" \t\r\n"))


def _blank_after(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _dumped(value: Any, text: str, indent: str | None, *, spaced: bool = True) -> str:
    if indent is None:
        separators = (", ", ": ") if spaced else (",", ":")
        return json.dumps(value, ensure_ascii=False, separators=separators)
    said = json.dumps(value, indent=_unit(text), ensure_ascii=False)
    newline = "\r\n" if "\r\n" in text else "\n"
    return said.replace("\n", f"{newline}{indent}")


def _indent_of(text: str, at: int) -> str:
    """The white space that the line of a place begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    """What one level is indented by: as the first line that is, else two spaces."""
    found = re.search(r"^([ \t]+)\"", text, re.MULTILINE)
    return found[1] if found else "  "
