"""Two lines of code that are alike but for values: which names have other values now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Difference", "difference"]

_TOKEN = re.compile(
    r"""(?P<string>[rbfuRBFU]{0,2}(?:"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'))"""
    r"""|(?P<number>(?:\d[\d_]*+(?:\.[\d_]*+)?+|\.\d[\d_]*+)(?:[eE][+-]?\d++)?+[A-Za-z]{0,3}+(?!\w))"""
    r"""|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<word>\w+)"""
    r"""|(?P<comment>\#.*|//.*)"""
    r"""|(?P<sign>\*\*|->|==|!=|<=|>=|:=|\S)"""
)
_WORDS = frozenset({"True", "False", "None", "true", "false", "null", "nil"})
_OPERATORS = frozenset({"+", "-", "*", "/", "**", "%", "^", "."})
_GIVING = frozenset({"=", ":", ":="})
_OPENING = {")": "(", "]": "[", "}": "{"}
_MAX_TOKENS = 400


@dataclass(frozen=True, slots=True)
class Difference:
    """A name that had one value and has another; the name is "" when none stands before the value."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def difference(old: str, new: str) -> list[Difference]:
    """What differs between two lines; empty when they are equal or differ in more than values.

    Differing numbers, strings and words such as True count as values, each under the name before it:
    ``lr=0.1``, ``"lr": 0.1``, ``betas[1]`` for the second in ``betas=(0.9, 0.95)``. The value of an assignment is
    the whole right-hand side when that holds values only (``2**19``). A single other name in its place counts too
    (``F.relu`` became ``F.gelu``). A comment that changed is passed over.
    """
    one, two = _tokens(old), _tokens(new)
    side = _right_side(one, two)
    if side is not None:
        first, second = one[side:], two[side:]
        same = [token.text for token in first] == [token.text for token in second]
        return [] if same else [Difference(_name(one, side)[0], _text(old, first), _text(new, second))]
    if len(one) != len(two):
        return []
    apart = [at for at, (a, b) in enumerate(zip(one, two, strict=True)) if a.text != b.text]
    if all(_is_value(one[at]) and _is_value(two[at]) for at in apart):
        return [Difference(_label(one, at), _signed(one, at), _signed(two, at)) for at in apart]
    if len(apart) == 1 and one[apart[0]].kind == two[apart[0]].kind == "name":
        return _renamed(one, two, apart[0])
    return []


def _tokens(line: str) -> list[_Token]:
    found: list[_Token] = []
    for match in _TOKEN.finditer(line):
        if match.lastgroup == "comment" or len(found) == _MAX_TOKENS:
            break
        found.append(_Token(match.lastgroup or "", match[0], match.start(), match.end()))
    return found


def _is_value(token: _Token) -> bool:
    return token.kind in {"string", "number"} or token.text in _WORDS


def _right_side(one: Sequence[_Token], two: Sequence[_Token]) -> int | None:
    """Where the value-only right-hand side of an assignment to the same target begins, on both lines."""
    for at, (a, b) in enumerate(zip(one, two, strict=False)):
        if a.text != b.text:
            return None
        if a.text == "=":
            plain = all(_is_value(t) or t.text in _OPERATORS for t in [*one[at + 1 :], *two[at + 1 :]])
            return at + 1 if plain and len(one) > at + 1 and len(two) > at + 1 else None
    return None


def _text(line: str, tokens: Sequence[_Token]) -> str:
    return line[tokens[0].start : tokens[-1].end]


def _signed(tokens: Sequence[_Token], at: int) -> str:
    before = tokens[at - 1].text if at else ""
    apart = at < 2 or (tokens[at - 2].kind == "sign" and tokens[at - 2].text not in {")", "]"})
    return f"-{tokens[at].text}" if before == "-" and apart else tokens[at].text


def _renamed(one: Sequence[_Token], two: Sequence[_Token], at: int) -> list[Difference]:
    if at + 1 < len(one) and one[at + 1].text in {"=", ":"}:
        return []
    return [Difference(_label(one, at), one[at].text, two[at].text)]


def _label(tokens: Sequence[_Token], at: int) -> str:
    name, depth = _name(tokens, at)
    return f"{name}[{depth}]" if depth is not None and name else name


def _name(tokens: Sequence[_Token], at: int) -> tuple[str, int | None]:
    """The name whose value stands at an index, and its place when the name holds a bracketed list."""
    commas = 0
    index: int | None = None
    back = at
    while (back := _outward(tokens, back)) >= 0:
        text = tokens[back].text
        if text == ",":
            commas += 1
        elif text in _OPENING.values():
            index, commas = commas, 0
            if back and tokens[back - 1].kind == "name":
                return tokens[back - 1].text, index
        # What stands before a comma is another name's value, so only the first place may claim one.
        elif text in _GIVING and commas == 0 and back and (named := _named(tokens, back)):
            return named, index
    if at and tokens[at - 1].kind == "name":
        return tokens[at - 1].text, None
    first = next((token.text for token in tokens if token.kind == "name"), "")
    return first, index if first else None


def _outward(tokens: Sequence[_Token], at: int) -> int:
    """The index before ``at``, past a bracket that closes there; below 0 at the beginning."""
    at -= 1
    open_brackets = 0
    while at >= 0:
        text = tokens[at].text
        open_brackets += (text in _OPENING) - (text in _OPENING.values())
        if open_brackets <= 0:
            return at
        at -= 1
    return at


def _named(tokens: Sequence[_Token], sign: int) -> str:
    """What an ``=`` or ``:`` gives a value to: a name, a key in quotes or brackets; not its annotation."""
    if sign >= 3 and tokens[sign].text == "=" and tokens[sign - 2].text == ":":
        sign -= 2
    at = sign - 1
    if tokens[at].text == "]" and at:
        at -= 1
    return tokens[at].text.strip("\"'") if tokens[at].kind in {"name", "string"} else ""
