"""What a ``program.md`` says about the research in its repository: what is run, what may be edited, what is measured.

Such files are written for agents, in plain words. Only what can be checked is taken from them: paths that are there,
commands that name a script, a metric that is printed or logged. Everything is a proposal that a person confirms.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autoresearch.records.base import Direction

__all__ = ["PROGRAM", "Program", "read_program"]

PROGRAM = "program.md"
"""The file that tells an agent how to do research in a repository."""

_MOST_READ, _MOST_OF_A_LINE = 200_000, 1000
_CODE = re.compile(r"`([^`\n]{1,300})`")
_STARTS = (
    "uv run ",
    "python ",
    "python3 ",
    "bash ",
    "sh ",
    "./",
    "make ",
    "cargo ",
    "node ",
    "npm ",
    "torchrun ",
)
_REDIRECTED = re.compile(r"\s+(?:\d?>|\||&>|&&|;).*\Z")
_NOT_A_TRIAL = re.compile(r"\b(?:prepare|setup|install|download|sync|init)\b")
_EDIT = re.compile(
    r"\b(?:only file you (?:edit|modify|change)|file (?:that )?you (?:edit|modify|change)|only (?:mutable|editable) file"
    r"|(?:is|are) (?:the )?editable|editable (?:genome|file)|mutable|may be (?:edited|modified|changed))\b",
    re.IGNORECASE,
)
_FIXED = re.compile(
    r"\b(?:do(?:es)? not (?:modify|edit|change|touch)|don't (?:modify|edit|change|touch)|never (?:modify|edit|change|touch)"
    r"|read[- ]only|must not be (?:modified|edited|changed)|fixed infrastructure|off[- ]limits|protected|ground truth)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|,\s+(?:and|but|while)\s+")
_CANNOT = re.compile(r"\b(?:can ?not|can't|must not|may not|do not|don't)\b[^\n]*:\W*\Z", re.IGNORECASE)
_CAN = re.compile(r"\bcan\b[^\n]*:\W*\Z", re.IGNORECASE)
_GREP = re.compile(r"grep[^\n`]*?\^([A-Za-z_][\w./-]{0,98}):")
_SUMMARY = re.compile(r"^([A-Za-z_][\w./-]{0,98}):\s+-?\d")
_BEST = re.compile(
    r"\b(lowest|highest|minimi[sz]e|maximi[sz]e)\W+(?:the\s+)?`?([A-Za-z_]\w{0,98})`?", re.IGNORECASE
)
_LOWER = re.compile(r"\b(?:lower is better|lowest|minimi[sz]e)\b", re.IGNORECASE)
_HIGHER = re.compile(r"\b(?:higher is better|highest|maximi[sz]e)\b", re.IGNORECASE)
_AMOUNT = r"[~*]*(\d{1,6}(?:\.\d+)?)[\s-]*(s|sec|second|m|min|minute|h|hour)s?\b"
_BUDGET = re.compile(rf"budget(?:\W+of)?\W+{_AMOUNT}|{_AMOUNT}\W+(?:time )?budget", re.IGNORECASE)
_LIMIT = re.compile(rf"(?:exceeds?|longer than|more than|timeout(?: of)?)\W+{_AMOUNT}", re.IGNORECASE)
_CONSTANT = re.compile(
    r"^\s*(?:TIME_BUDGET|TIME_BUDGET_SECONDS|BUDGET_SECONDS)\s*(?::\s*\w+\s*)?=\s*(\d{1,6}(?:\.\d+)?)(?:\s*\*\s*(\d{1,4}))?\s*(?:#|$)",
    re.MULTILINE,
)
_UNITS = {"s": 1, "m": 60, "h": 3600}
_SCRIPTS = (".py", ".sh", ".js", ".ts", ".rs", ".jl")
_GRADERS = ("prepare.py", "evaluate.py", "eval.py", "evaluator.py", "grader.py", "data.py")
_DATA = ("data", "dataset", "datasets")


@dataclass(frozen=True, slots=True)
class Program:
    """What was understood.

    Attributes:
        command: What runs a trial; empty when nothing names it.
        editable: Files that a change may touch, and ``protected`` those that it may not; all of them are there.
        metric: Name of the objective, with its ``direction``; None when nothing tells it.
        budget: Wall-clock seconds that a run trains by itself; None when none is named.
        limit: Seconds after which a run is ended; twice the budget where only that is named.
    """

    command: tuple[str, ...] = ()
    editable: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    metric: str | None = None
    direction: Direction | None = None
    budget: float | None = None
    limit: float | None = None


def read_program(root: Path) -> Program | None:
    """Read the ``program.md`` of a folder; None when there is none, or it is about no code that is there."""
    text = _text(root / PROGRAM)
    if text is None:
        return None
    # Patterns run over one line or two, and lines are cut, so that no text takes more time than its length.
    lines = [line[:_MOST_OF_A_LINE] for line in text.splitlines() if line.strip()]
    editable, fixed = _files(root, lines)
    command = _command(root, lines, editable)
    if not command and not editable:
        return None
    script = next((word for word in command if (root / word).is_file()), None)
    editable = editable or ([script] if script and script not in fixed else [])
    measuring = [name for name in _GRADERS if (root / name).is_file()]
    measuring += [f"{name}/**" for name in _DATA if (root / name).is_dir()]
    # A script that runs the measurement and is not what one edits belongs to the measurement.
    fixed += [script] if script and script not in editable else []
    protected = tuple(name for name in dict.fromkeys([*fixed, *measuring]) if name not in editable)
    metric, direction = _objective(lines)
    budget = _seconds(_BUDGET, lines) or _constant(root, [*editable, *protected])
    limit = _seconds(_LIMIT, lines)
    if budget is not None and (limit is None or limit < budget):
        limit = 2 * budget
    return Program(command, tuple(editable), protected, metric, direction, budget, limit)


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_READ).decode("utf-8", "replace")
    except OSError:
        return None


def _files(root: Path, lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Paths that the text allows, and those that it forbids; what is forbidden once stays so."""
    allowed, forbidden = Counter[str](), dict[str, None]()
    section: bool | None = None
    for line in lines:
        if _CANNOT.search(line) or _CAN.search(line) or line.startswith("#"):
            section = False if _CANNOT.search(line) else True if _CAN.search(line) else None
            continue
        # A line may allow one file and forbid another: then each clause speaks for itself.
        mixed = _EDIT.search(line) and _FIXED.search(line)
        for part in _SENTENCE.split(line) if mixed else [line]:
            fixed = bool(_FIXED.search(part)) or (section is False and "modify" in part.lower())
            for name in _paths(root, part):
                if _EDIT.search(part):
                    allowed[name.removesuffix("/**")] += 1
                elif fixed:
                    forbidden.setdefault(name)
    return [name for name in allowed if name not in forbidden], list(forbidden)


def _paths(root: Path, line: str) -> Iterator[str]:
    """The paths between backticks that are there, folders as patterns."""
    for match in _CODE.finditer(line):
        name = match[1].strip().removeprefix("./").removesuffix("/*").rstrip("/")
        if not name or name.startswith(("/", "~")) or ".." in name.split("/") or any(map(str.isspace, name)):
            continue
        place = root / name
        if place.is_file() and name not in {PROGRAM, "README.md"}:
            yield name
        elif place.is_dir():
            yield f"{name}/**"


def _command(root: Path, lines: Sequence[str], editable: Sequence[str]) -> tuple[str, ...]:
    """The command that is named most for a script that is there; else how the script that one edits is run."""
    found = Counter[tuple[str, ...]]()
    named = [match[1] for line in lines for match in _CODE.finditer(line)]
    for line in (*named, *map(str.strip, lines)):
        if not line.startswith(_STARTS) or "`" in line:
            continue
        bare = _REDIRECTED.sub("", line)
        try:
            words = tuple(shlex.split(bare))
        except ValueError:
            continue
        scripts = [word for word in words if (root / word).is_file()]
        if scripts and not any(_NOT_A_TRIAL.search(word) for word in words):
            found[words] += 3 if bare != line else 2 if set(scripts) & set(editable) else 1
    if found:
        return found.most_common(1)[0][0]
    script = next((name for name in editable if name.endswith(".py")), None)
    if script is None:
        return ()
    return ("uv", "run", script) if (root / "uv.lock").is_file() else ("python", script)


def _objective(lines: Sequence[str]) -> tuple[str | None, Direction | None]:
    best, grep = _first(_BEST, lines), _first(_GREP, lines)
    summary = {match[1] for line in lines if (match := _SUMMARY.match(line))}
    metric = grep[1] if grep else best[2] if best and best[2] in summary else None
    if best and best[2] == metric:
        return metric, "min" if best[1].lower().startswith(("low", "min")) else "max"
    lower, higher = (sum(bool(pattern.search(line)) for line in lines) for pattern in (_LOWER, _HIGHER))
    return metric, None if lower == higher else "min" if lower > higher else "max"


def _first(pattern: re.Pattern[str], lines: Sequence[str]) -> re.Match[str] | None:
    """The first place where a pattern fits, within a line or across the end of one."""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if match := pattern.search(line) or pattern.search(f"{line} {following}"):
            return match
    return None


def _seconds(pattern: re.Pattern[str], lines: Sequence[str]) -> float | None:
    match = _first(pattern, lines)
    if match is None:
        return None
    amount, unit = [group for group in match.groups() if group is not None][:2]
    return float(amount) * _UNITS[unit[0].lower()] or None


def _constant(root: Path, names: Sequence[str]) -> float | None:
    """The training time that one of the scripts holds itself to."""
    for name in names:
        text = _text(root / name) if name.endswith(_SCRIPTS) else None
        match = _CONSTANT.search(text) if text else None
        if match:
            return float(match[1]) * float(match[2] or 1) or None
    return None
