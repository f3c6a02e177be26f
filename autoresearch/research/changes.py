"""What did a change change? Edits read from a patch or a note, and how alike two patches are."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from autoresearch.research.literals import Difference, difference

__all__ = ["Edit", "change_key", "changed_lines", "from_note", "from_patch", "similarity"]

_MAX_CHARS = 1024 * 1024
_MAX_LINE = 1000
_MAX_EDITS = 64
_MAX_TOKENS = 20_000
_MAX_VALUE = 160
_NEW = "new file"
_DELETED = "deleted"

_DEFINED = re.compile(r"^\s*(?:async\s+def|def|class|func|fn|function|struct|impl)\s+([A-Za-z_]\w*)")
_HUNK = re.compile(r"^@@ -\d{1,9}(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@ ?(.*)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing that was changed: ``subject`` had the value ``before`` and has ``after``; "" where there is none.

    In a patch the subject is ``path:name`` (``train.py:LR``), in a note the name alone, in snake case
    (``matrix_lr``). Values are texts of at most 160 characters on one line.
    """

    subject: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before:
            return f"{self.subject} = {self.after}"
        return (
            f"{self.subject} {self.before} -> {self.after}"
            if self.after
            else f"{self.subject} without {self.before}"
        )


@dataclass(slots=True)
class _Hunk:
    """Lines that were taken out and put in at one place of a file, and the definition they stand in."""

    path: str
    inside: str
    removed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)


def from_patch(text: str) -> list[Edit]:
    """The edits of a unified diff, first to last, at most 64; work is bounded by its first MiB.

    Two lines alike but for literals or one name give one edit each (``train.py:LR``, before ``0.04``, after
    ``0.06``). Any other change is one edit per place: the file and the definition around it, with the lines taken
    out and put in. A file that was added, deleted, renamed or is binary is one edit with the path as its subject.
    """
    edits: list[Edit] = []
    entire: set[str] = set()
    for part in _parts(text):
        if isinstance(part, Edit):
            edits.append(part)
            entire |= {part.subject} if part.after in {_NEW, _DELETED} else set()
        elif part.path not in entire:
            edits += _of_hunk(part)
        if len(edits) >= _MAX_EDITS:
            return edits[:_MAX_EDITS]
    return edits


def from_note(text: str, *, metrics: Collection[str] = ()) -> list[Edit]:
    """The edits a note speaks of: "matrix_lr 0.04->0.06 — regressed", "swap relu for gelu", "DEPTH=8".

    What follows a dash or stands in parentheses is outcome, not change, and is left out, as are the names in
    ``metrics``. A note in free prose gives no edit; its words are found by search.
    """
    from autoresearch.research.notes import edits_of

    skip = {*metrics}
    return [Edit(*found) for found in edits_of(text) if found[0] not in skip][:_MAX_EDITS]


def changed_lines(patch: str) -> list[str]:
    """The added and removed lines, each with its sign and its white space collapsed; blank lines are left out."""
    lines: list[str] = []
    for part in _parts(patch):
        if isinstance(part, Edit):
            lines.append(f"! {part.subject} {part.before} {part.after}")
            continue
        for sign, side in (("-", part.removed), ("+", part.added)):
            lines += [f"{sign} {flat}" for line in side if (flat := " ".join(line.split()))]
    return lines


def change_key(patch: str) -> str:
    """Digest of what a patch takes out and puts in; "" when that is nothing.

    White space, line numbers, context, the order of files, and how a tool cut its hunks do not matter; the files do.
    """
    files: dict[str, list[str]] = {}
    for part in _parts(patch, whole=True):
        if isinstance(part, Edit):
            files.setdefault(part.subject, []).append(f"!{part.before}\0{part.after}")
            continue
        lines = files.setdefault(part.path, [])
        for sign, side in (("-", part.removed), ("+", part.added)):
            lines += [sign + flat for line in side if (flat := " ".join(line.split()))]
    digest = hashlib.sha256()
    for path in sorted(path for path, lines in files.items() if lines):
        # Removed before added: tools differ in how they interleave them.
        ordered = sorted(files[path], key=lambda line: line[0])
        digest.update("\n".join([path, *ordered, "\0"]).encode("utf-8", "surrogatepass"))
    return digest.hexdigest() if any(files.values()) else ""


def similarity(a_lines: Sequence[str], b_lines: Sequence[str]) -> float:
    """How alike two changes are, from 0.0 (nothing in common) to 1.0 (the same), by the words of their lines.

    Takes the lines of ``changed_lines``; at most 20,000 words of each count. Dice's coefficient over words and
    pairs of neighbouring words, so a change that differs in one value is near, not equal.
    """
    first, second = _features(a_lines), _features(b_lines)
    size = first.total() + second.total()
    if not size:
        return 0.0
    return 2 * (first & second).total() / size


def _features(lines: Iterable[str]) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    left = _MAX_TOKENS
    for line in lines:
        tokens = _TOKEN.findall(line[:_MAX_LINE])[:left]
        found.update((token,) for token in tokens)
        found.update(pairwise(tokens))
        left -= len(tokens)
        if left <= 0:
            break
    return found


def _parts(text: str, *, whole: bool = False) -> Iterator[_Hunk | Edit]:
    """The places a unified diff changes, and what it does to files as such."""
    return _Patch(text if whole else text[:_MAX_CHARS]).parts()


class _Patch:
    """Reads a unified diff line by line; whatever is not understood is passed over."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._path = ""
        self._old = ""

    def parts(self) -> Iterator[_Hunk | Edit]:
        at = 0
        while at < len(self._lines):
            line = self._lines[at]
            hunk = _HUNK.match(line)
            if hunk:
                left = [int(count) if count is not None else 1 for count in hunk.groups()[:2]]
                at, places = self._hunk(at + 1, left, _defined(hunk[3]))
                yield from places
                continue
            yield from self._head(line)
            at += 1

    def _head(self, line: str) -> Iterator[Edit]:
        if line.startswith("diff --git "):
            half = line[len("diff --git ") :]
            # Both halves name the same file unless it is renamed, and then its own lines say so.
            self._path = _stripped(half[len(half) // 2 + 1 :])
        elif line.startswith("--- "):
            self._old = _stripped(line[4:])
        elif line.startswith("+++ "):
            new = _stripped(line[4:])
            self._path = self._old if new == "/dev/null" else new
        elif line.startswith("new file mode"):
            yield Edit(self._path, "", _NEW)
        elif line.startswith("deleted file mode"):
            yield Edit(self._path, "file", _DELETED)
        elif line.startswith("rename from "):
            self._old = line[len("rename from ") :]
        elif line.startswith("rename to "):
            yield Edit(self._path, _short(self._old), _short(line[len("rename to ") :]))
        elif line.startswith(("Binary files ", "GIT binary patch")):
            yield Edit(self._path, "binary", "binary changed")

    def _hunk(self, at: int, left: list[int], inside: str) -> tuple[int, list[_Hunk]]:
        """The places of one hunk, and the index after it; the counts of its header say where it ends."""
        places: list[_Hunk] = []
        place: _Hunk | None = None
        while at < len(self._lines) and (left[0] > 0 or left[1] > 0):
            line = self._lines[at]
            sign, body = line[:1], line[1:].removesuffix("\r")
            if sign not in {"-", "+", " ", "", "\\"}:
                break
            if sign in {"-", "+"}:
                if place is None or (sign == "-" and place.added):
                    place = _Hunk(self._path, inside)
                    places.append(place)
                (place.removed if sign == "-" else place.added).append(body)
            elif sign != "\\":
                place = None
            inside = _defined(body) or inside if sign != "-" else inside
            left[0] -= sign in {"-", " ", ""}
            left[1] -= sign in {"+", " ", ""}
            at += 1
        return at, places


def _stripped(path: str) -> str:
    path = path.split("\t", maxsplit=1)[0].strip().strip('"')
    return _short(path[2:] if path.startswith(("a/", "b/")) else path)


def _defined(line: str) -> str:
    found = _DEFINED.match(line[:_MAX_LINE])
    return found[1] if found else ""


def _of_hunk(hunk: _Hunk) -> list[Edit]:
    removed, added = _clipped(hunk.removed), _clipped(hunk.added)
    edits: list[Edit] = []
    rest_removed, rest_added = [], []
    if len(removed) == len(added):
        for old, new in zip(removed, added, strict=True):
            found = difference(old, new)
            edits += [_edit(hunk, one) for one in found]
            if not found and old.split() != new.split():
                rest_removed.append(old)
                rest_added.append(new)
    else:
        rest_removed, rest_added = removed, added
    before, after = _flat(rest_removed), _flat(rest_added)
    if before or after:
        name = hunk.inside or _first_name(rest_removed + rest_added)
        edits.append(Edit(f"{hunk.path}:{name}" if name else hunk.path, before, after))
    return edits


def _edit(hunk: _Hunk, found: Difference) -> Edit:
    name = found.name or hunk.inside
    return Edit(f"{hunk.path}:{name}" if name else hunk.path, _short(found.before), _short(found.after))


def _clipped(lines: Sequence[str]) -> list[str]:
    return [line[:_MAX_LINE] for line in lines[:2000] if line.strip()]


def _flat(lines: Sequence[str]) -> str:
    return _short("; ".join(" ".join(line.split()) for line in lines[:20]))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _MAX_VALUE else flat[: _MAX_VALUE - 1] + "…"


def _first_name(lines: Sequence[str]) -> str:
    for line in lines:
        found = _NAME.search(line)
        if found:
            return found[0]
    return ""
