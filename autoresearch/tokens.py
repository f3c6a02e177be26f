"""How many tokens a text costs a model.

Where an encoding of tiktoken lies on this machine's disk it is used and the count is exact; elsewhere an estimate is
made that is meant never to be too low. Neither opens a socket, writes a file or touches the environment.

The estimate cuts a text where both encodings (o200k_base and cl100k_base) cut it, and sums upper bounds of the
pieces. Digits cost one token per three, punctuation at most one each, other characters at most their bytes. A word of
the table (``token_costs.txt``) costs what it costs in the dearer encoding, whatever comes before it. Any other word
is bounded by what a byte-pair encoding cannot leave: nearly every pair of letters is a token, so two single letters
next to each other would have been merged, and n letters make at most (2n + 1) / 3 tokens.
"""

from __future__ import annotations

import binascii
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

__all__ = ["Counter", "count", "counter", "estimate"]


@dataclass(frozen=True, slots=True)
class Counter:
    """How this process counts: ``name`` of the encoding or ``"estimate"``, and whether counts are ``exact``."""

    name: str
    exact: bool
    count: Callable[[str], int] = field(repr=False, compare=False)


def count(text: str) -> int:
    """Tokens of a text, exact where an encoding is on disk and else ``estimate(text)``."""
    return counter().count(text)


def counter() -> Counter:
    """The counter of this process; found on the first call, the same ever after. Safe to call from threads."""
    with _lock:
        if not _found:
            _found.append(_exact(_cache_folder()) or Counter("estimate", exact=False, count=estimate))
        return _found[0]


def estimate(text: str) -> int:
    """At least as many tokens as o200k_base or cl100k_base make of a text, in about 80 µs per kB.

    English notes come out about a quarter too high, source code a third, other scripts up to three times.
    """
    return sum(map(_costs().__getitem__, _PIECE.findall(text)))


_lock = threading.Lock()
_found: list[Counter] = []


# --- the estimate -------------------------------------------------------------------------------------------------

_PIECE = re.compile(
    r" ?[A-Za-z]+"
    r"|[0-9]{1,3}"
    r"| ?[!-/:-@\[-`{-~]+[\r\n]*"
    r"|\s+(?!\S)|\s"
    r"|.",
    re.ASCII | re.DOTALL,
)
_CHUNK = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SAME = re.compile(r"(.)\1*", re.DOTALL)
# The longest run of a character that is one token for sure, and what each token of a longer run covers at least.
_RUNS = {" ": (79, 40), "\n": (10, 5), "\t": (20, 10), "-": (8, 16), "=": (8, 16), "\r": (1, 1)}
# Added to a known word they make two tokens more at most.
_ENDINGS = ("s", "ed", "d", "ing")
_REMEMBERED, _LONG = 20_000, 48


class _Costs(dict[str, int]):
    """Cost of each piece, remembered; text by strangers cannot make it grow without bound.

    The table holds a word's cost after a space (``spaced``) and the most it adds after anything else (``other``).
    """

    def __init__(self, table: str) -> None:
        super().__init__()
        self.spaced: dict[str, int] = {}
        self.other: dict[str, int] = {}
        self.missing: frozenset[str] = frozenset()
        for line in table.splitlines():
            head, cost, rest = line.split(" ", 2)
            if head == "missing":
                self.missing = frozenset([cost, *rest.split()])
            elif head == "each":
                self.other.update(dict.fromkeys(rest, int(cost)))
            else:
                items = rest.split()
                self.spaced.update(dict.fromkeys(items, int(head)))
                self.other.update(dict.fromkeys(items, int(cost)))

    def __missing__(self, piece: str) -> int:
        cost = self.bound(piece)
        if len(piece) <= _LONG:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[piece] = cost
        return cost

    def bound(self, piece: str) -> int:
        """An upper bound of the tokens of one piece."""
        first, last = piece[0], piece[-1]
        if not piece.isascii():
            return self.other.get(piece) or len(piece.encode("utf-8", "surrogatepass"))
        if last.isalpha():
            return self.words(piece[1:], self.spaced) if first == " " else self.words(piece, self.other)
        if first.isdigit():
            return 1
        if piece.isspace():
            return sum(_run(found.group()) for found in _SAME.finditer(piece))
        marks = piece.strip(" \r\n")
        lines = piece.count("\n") + piece.count("\r")
        known = self.other.get(marks)
        if known is not None:
            return known + (lines if lines > 2 else 0)
        return lines + sum(_run(found.group()) for found in _SAME.finditer(marks))

    def words(self, letters: str, first: dict[str, int]) -> int:
        """An upper bound for letters in a row: cut by case, as one of the encodings does and the other does not."""
        chunks: list[str] = _CHUNK.findall(letters)
        cost = first.get(chunks[0]) or self.unknown(chunks[0])
        for chunk in chunks[1:]:
            cost += self.other.get(chunk) or self.unknown(chunk)
        if len(chunks) == 1:
            return cost
        # The encoding that does not cut here may merge across the cut: "RSAPrivate" starts with "R", "SAP".
        return cost + 2 * sum(len(chunk) > 1 and chunk.isupper() for chunk in chunks)

    def unknown(self, word: str) -> int:
        """An upper bound for a word in one case that is not in the table."""
        if len(word) == 1:
            return 1
        for ending in _ENDINGS:
            stem = self.other.get(word.removesuffix(ending)) if word.endswith(ending) else None
            if stem is not None:
                return stem + 2
        misses = sum(word[at : at + 2] in self.missing for at in range(len(word) - 1))
        # One letter more, for the space before it that may become a token of its own.
        return (2 * len(word) + 3 + misses) // 3


def _run(run: str) -> int:
    """An upper bound for one character again and again."""
    whole, part = _RUNS.get(run[0], (1, 2))
    return 1 if len(run) <= whole else 2 + len(run) // part


@cache
def _costs() -> _Costs:
    return _Costs(files(__package__).joinpath("token_costs.txt").read_text(encoding="utf-8"))


# --- the encodings on disk ----------------------------------------------------------------------------------------

_LETTERS_OR_MARKS = r"\p{Lm}\p{Lo}\p{M}"
_LEAD = r"[^\r\n\p{L}\p{N}]?"
_UPPER, _LOWER = rf"[\p{{Lu}}\p{{Lt}}{_LETTERS_OR_MARKS}]", rf"[\p{{Ll}}{_LETTERS_OR_MARKS}]"
_ENDING = r"(?:'(?i:s|t|re|ve|m|ll|d))"
_SPACES = (r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+")


@dataclass(frozen=True, slots=True)
class _Encoding:
    """An encoding as tiktoken caches it: file name and sha256 of the file, and how text is cut before merging."""

    name: str
    file: str
    sha256: str
    cuts: tuple[str, ...]


_ENCODINGS = (
    _Encoding(
        "o200k_base",
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        (
            f"{_LEAD}{_UPPER}*{_LOWER}+{_ENDING}?",
            f"{_LEAD}{_UPPER}+{_LOWER}*{_ENDING}?",
            r"\p{N}{1,3}",
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            *_SPACES,
        ),
    ),
    _Encoding(
        "cl100k_base",
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        (_ENDING, rf"{_LEAD}\p{{L}}+", r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n]*", *_SPACES),
    ),
)


def _cache_folder() -> Path | None:
    """Where tiktoken keeps encodings; None when its cache is switched off by an empty variable."""
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if variable in os.environ:
            return Path(os.environ[variable]) if os.environ[variable] else None
    return Path(tempfile.gettempdir()) / "data-gym-cache"


def _exact(folder: Path | None) -> Counter | None:
    if folder is None:
        return None
    for encoding in _ENCODINGS:
        try:
            data = (folder / encoding.file).read_bytes()
        except OSError:
            continue
        # tiktoken removes a file with another hash and downloads it again; so it is never asked to open one.
        if hashlib.sha256(data).hexdigest() == encoding.sha256:
            return _load(encoding, data)
    return None


def _load(encoding: _Encoding, data: bytes) -> Counter | None:
    try:
        from tiktoken import Encoding
    except ImportError:
        return None
    ranks = {}
    for line in data.splitlines():
        token, _, rank = line.partition(b" ")
        ranks[binascii.a2b_base64(token)] = int(rank)
    loaded = Encoding(
        encoding.name, pat_str="|".join(encoding.cuts), mergeable_ranks=ranks, special_tokens={}
    )
    return Counter(encoding.name, exact=True, count=lambda text: len(loaded.encode_ordinary(text)))
