"""Edits in the words of a note: "matrix_lr 0.04->0.06", "swap relu for gelu", "halve weight decay to 0.1"."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["edits_of", "subject"]

_MAX_NOTE = 2000
_MAX_WORDS = 4
_MAX_CLAUSE = 200
_MAX_CLAUSES = 50

_OUTCOME = re.compile(r"\s(?:[\u2014\u2013-]|--)\s|\s(?:=>|⇒)\s|;\s")
_SETTING = re.compile(
    r"\s(?:while|whilst|under|on top of|on the|in the|for the|so(?: that)?|to avoid|over the|around the|at fixed|because"
    r"|from (?:exp\w+|the|its|current)|keeping|where|which|but|vs)\s",
    re.IGNORECASE,
)
_LONG = re.compile(r"\S{80,}")
_ASIDE = re.compile(r"\([^()]*\)|^\s*\[[^\[\]]*\]")
_SPLIT = re.compile(r",?\s+(?:and|\+|&|plus|with)\s+|,\s+|\s+\|\s+")
_VALUE = r"(?:[+-]?(?:\d[\w.^*/%+-]*|\.\d[\w%-]*)|[A-Za-z_][\w./^*%-]*|\"[^\"]{0,60}\"|'[^']{0,60}')"
_NUMBER = (
    r"[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE^][+-]?\d+|\*\*\d+|/\d+)?(?:[KkMBGx%]|[a-zA-Z]{0,2})(?![\w.])"
)
_ARROW = re.compile(
    rf"(?P<name>[^=:>→]*?)\s*[=:]?\s*(?P<before>{_VALUE})\s*(?:->|→|-->|➜)\s*(?P<after>{_VALUE})"
)
_FROM_TO = re.compile(
    rf"(?P<name>.*?)\s*\bfrom\s+(?P<before>{_VALUE})\s+to\s+(?P<after>{_VALUE})", re.IGNORECASE
)
_TO = re.compile(rf"(?P<name>.*?\S)\s+(?P<before>{_NUMBER})\s+to\s+(?P<after>{_NUMBER})", re.IGNORECASE)
_SET_TO = re.compile(rf"(?P<name>.*?\S)\s+to\s+(?P<after>{_NUMBER})", re.IGNORECASE)
_SWAP = re.compile(
    r"\b(?:swap(?:ped)?|replac(?:e|ed|ing)|switch(?:ed)?)\s+(?P<before>.+?)\s+(?:for|with|by|to)\s+(?P<after>.+)",
    re.IGNORECASE,
)
_INSTEAD = re.compile(
    r"(?P<after>.+?)\s+(?:instead of|in place of|replaces|replacing)\s+(?P<before>.+)", re.IGNORECASE
)
_EQUALS = re.compile(rf"(?<![\w.])(?P<name>[A-Za-z_][\w.]*)\s*=\s*(?P<after>{_VALUE})")
_PLAIN = re.compile(rf"(?P<name>[A-Za-z][\w ./-]*?)\s+(?P<after>{_NUMBER})\s*(?:\Z|(?=\s))")
_REMOVE = re.compile(
    r"^(?:remov(?:e|ed|ing)|drop(?:ped)?|disabl(?:e|ed)|no|without|delete)\s+(?P<name>.+)", re.IGNORECASE
)
_ADD = re.compile(r"^(?:add(?:ed|ing)?|enabl(?:e|ed)|introduc(?:e|ed)|use|try)\s+(?P<name>.+)", re.IGNORECASE)
_AMOUNT = re.compile(rf"(?P<after>{_NUMBER})\s+(?P<name>\w+(?:\s\w+)?)")
_CONSTANT = re.compile(rf"\b(?P<name>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\s+(?P<after>{_NUMBER}|[A-Z]+\b)")
_VERB = re.compile(
    r"^(?:(?:try|tried|set|change|changed|increase|increased|decrease|decreased|lower|lowered|raise|raised|reduce"
    r"|reduced|halve|halved|double|doubled|bump|bumped|use|using|default|the|a|an|more|less|slightly|widen|shrink"
    r"|narrow|expand|cut|move|again|nudge|refine|tune|retune|higher|high|larger|smaller|ramp|fresh|switch|with|all|keep|shorten|b\d+|pq\d+|exp\d+)\s+)+",
    re.IGNORECASE,
)
_HOW = re.compile(
    r"(?:\s+(?:slightly|again|up|down|upward|downward|back|further|even|only|just|scaled))+$", re.IGNORECASE
)
_NOT_A_SUBJECT = frozenset(
    {"", "to", "from", "of", "in", "by", "at", "step", "seed probe", "same", "no", "vs", "than"}
)


def edits_of(note: str) -> list[tuple[str, str, str]]:
    """The edits of a note as (subject, before, after), in order, each once; "" stands for an unknown value."""
    # No name or value is that long, and patterns are tried from every character of what remains.
    bounded = _LONG.sub(" ", note[:_MAX_NOTE])
    head = _OUTCOME.split(_ASIDE.sub(" ", bounded), maxsplit=1)[0]
    found: dict[tuple[str, str, str], None] = {}
    head = _SETTING.split(head, maxsplit=1)[0]
    for part in _parts(head)[:_MAX_CLAUSES]:
        for edit in _edits(part.strip().rstrip(".!:")[:_MAX_CLAUSE]):
            found.setdefault(edit)
    return list(found)


def _parts(head: str) -> list[str]:
    """The clauses of a note; a swap is one clause, for its "with" joins what belongs together."""
    return [head] if _SWAP.match(head) and " and " not in head else _SPLIT.split(head)


def subject(name: str) -> str:
    """A name as it is compared: its last four words at most, in snake case, without verbs before it."""
    bare = _HOW.sub("", _VERB.sub("", name.rpartition(" from ")[2].strip() + " ").rstrip())
    words = re.findall(r"[a-z0-9]+", bare.lower())[-_MAX_WORDS:]
    return "" if words and words[-1] in _NOT_A_SUBJECT else "_".join(words)[:80]


def _edits(part: str) -> Iterator[tuple[str, str, str]]:
    for pattern in (_ARROW, _FROM_TO, _TO):
        found = pattern.search(part)
        if found:
            yield from _edit(found["name"], found["before"], found["after"])
            return
    swap = _SWAP.search(part) or _INSTEAD.search(part)
    if swap:
        before, after = swap["before"].strip(), swap["after"].strip()
        if max(len(before.split()), len(after.split())) <= _MAX_WORDS:
            yield from _edit(before, before, after)
        return
    equals = list(_EQUALS.finditer(part))
    if equals:
        for found in equals[:16]:
            yield from _edit(found["name"], "", found["after"])
        return
    yield from _one_sided(part)


def _one_sided(part: str) -> Iterator[tuple[str, str, str]]:
    removed = _REMOVE.search(part)
    if removed and len(removed["name"].split()) <= _MAX_WORDS:
        yield from _edit(removed["name"], "present", "")
        return
    added = _ADD.search(part)
    if added and (amount := _AMOUNT.match(added["name"])):
        yield from _edit(amount["name"], "", amount["after"])
        return
    constants = list(_CONSTANT.finditer(part))
    for found in constants[:16]:
        yield from _edit(found["name"], "", found["after"])
    one = None if constants else _SET_TO.search(part) or _PLAIN.match(part)
    if one and len(one["name"].split()) <= _MAX_WORDS + 1:
        yield from _edit(one["name"], "", one["after"])
    if one or constants:
        return
    if added and len(added["name"].split()) <= _MAX_WORDS:
        yield from _edit(added["name"], "", "present")


def _edit(name: str, before: str, after: str) -> Iterator[tuple[str, str, str]]:
    about = subject(name) or subject(before)
    if about not in _NOT_A_SUBJECT and before != after:
        yield about, before.strip(".,"), after.strip(".,")
