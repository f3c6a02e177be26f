"""Read the score of a run: from its own metrics or from its output, never from what the agent says."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from autoresearch.errors import Invalid, TrialError
from autoresearch.execution.runner import Run
from autoresearch.loop.outcomes import ENDINGS
from autoresearch.records.campaign import Outcome

__all__ = ["Printed", "Reading", "Scored", "read_metrics", "score_run"]

# Every part is bounded, so that a hostile line costs no more than its length.
_LINE = re.compile(
    rb"[ \t]{0,40}([A-Za-z_][A-Za-z0-9_./@-]{0,99})[ \t]{0,40}:[ \t]{0,100}([^\s]{1,60})[ \t\r]{0,40}\Z"
)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\Z", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)\Z", re.IGNORECASE)
_MAX_LINE = 400
_MAX_METRICS = 1000
_REMEMBERED = 5
# What is printed is often rounded.
_SAME = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the score of a run is read.

    Attributes:
        metric: Name of the objective.
        source: ``run``: the last value that the run itself logged; ``output``: what it printed; ``auto``: either, and both
            have to agree where there are both.
        pattern: Regular expression with one group, the number, searched in each line of the output; by default lines
            ``name: number`` are read.
        often: ``once``: a score that is printed twice with different values is none; ``last``: the last one counts.

    Raises:
        Invalid: The pattern is no regular expression with exactly one group.
    """

    metric: str
    source: Literal["auto", "run", "output"] = "auto"
    pattern: str | None = None
    often: Literal["once", "last"] = "once"

    def __post_init__(self) -> None:
        try:
            groups = 1 if self.pattern is None else re.compile(self.pattern).groups
        except re.error as error:
            raise Invalid(
                f"The pattern {self.pattern!r} is no regular expression: {error}.", hint="Correct it."
            ) from None
        if groups != 1:
            raise Invalid(
                f"The pattern {self.pattern!r} has {groups} groups.",
                hint="Put parentheses around the number, and nothing else: 'val_bpb = ([0-9.]+)'.",
            )

    @property
    def words(self) -> str:
        """How the score is to be given, for people and agents."""
        if self.source == "run":
            return f"log {self.metric!r} with autoresearch.log"
        if self.pattern is not None:
            return f"print a line that matches {self.pattern!r}"
        return f"print '{self.metric}: number'"


@dataclass(frozen=True, slots=True)
class Scored:
    """What a run measured.

    Attributes:
        score: Value of the objective, always finite; None when there is none.
        metrics: Every other finite number it reported, by name.
        outcome: What a run without a score comes to; None when there is one.
        reason: Why there is no score, in one sentence; empty when there is one.
    """

    score: float | None
    metrics: dict[str, float]
    outcome: Outcome | None = None
    reason: str = ""


@dataclass(slots=True)
class Printed:
    """What a run printed: the last value of each metric, and the values of the objective, of which five are remembered.

    A value that is not a number is given as its text.
    """

    metrics: dict[str, float | str] = field(default_factory=dict)
    scores: list[float | str] = field(default_factory=list)


def read_metrics(path: Path, metric: str = "", pattern: str | None = None) -> Printed:
    """Lines of the form ``name: value`` in a file of output.

    Lines longer than 400 bytes, and names beyond the first 1,000, are passed over.

    Args:
        path: The file.
        metric: Name of the objective, of which every value counts.
        pattern: How lines with the objective look, if not as ``name: value``.

    Raises:
        TrialError: The file cannot be read.
    """
    found = Printed()
    special = None if pattern is None else re.compile(pattern)
    try:
        with path.open("rb") as file:
            while line := file.readline(_MAX_LINE):
                if not line.endswith(b"\n") and len(line) == _MAX_LINE:
                    _skip_line(file)
                    continue
                _take(line.rstrip(b"\n"), found, metric, special)
    except OSError as error:
        raise TrialError(
            f"The output {path} cannot be read: {error.strerror}.", hint="Run the trial again."
        ) from error
    return found


def score_run(run: Run, reading: Reading | str, logged: Sequence[Mapping[str, float | None]] = ()) -> Scored:
    """What a run measured: one that failed, was ended, or gave no finite number has no score.

    Args:
        run: What became of the command.
        reading: How the score is read; the name of a metric alone takes the last value that was given of it.
        logged: The last value of each metric, for each run that the command logged; None stands for NaN.

    Raises:
        TrialError: The file with the output cannot be read.
    """
    reading = Reading(metric=reading, often="last") if isinstance(reading, str) else reading
    printed = read_metrics(run.output_path, reading.metric, reading.pattern)
    metrics = {
        name: value
        for name, value in printed.metrics.items()
        if isinstance(value, float) and math.isfinite(value) and name != reading.metric
    }
    if run.timed_out:
        return Scored(None, metrics, "timed_out", f"ran out of time after {run.seconds:.1f} s")
    if run.ending != "exited":
        return Scored(None, metrics, ENDINGS[run.ending], run.reason)
    if run.exit_code:
        said = f"ended with {_exit(run.exit_code)}: {_last_line(run.log_tail)}"
        return Scored(None, metrics, "crashed", said)
    try:
        return Scored(_score(printed, reading, logged), metrics)
    except _NoScoreError as error:
        return Scored(None, metrics, "no_score", str(error))


class _NoScoreError(Exception):
    """Why there is no score."""


def _score(printed: Printed, reading: Reading, logged: Sequence[Mapping[str, float | None]]) -> float:
    name = reading.metric
    shown = None if reading.source == "run" else _shown(printed, reading)
    own = [found[name] for found in logged if name in found] if reading.source != "output" else []
    if len({_key(value) for value in own}) > 1:
        values = ", ".join(map(_said, own[:_REMEMBERED]))
        raise _NoScoreError(f"{len(own)} runs of this trial logged {name}, with different values: {values}")
    if own and (own[-1] is None or not math.isfinite(own[-1])):
        raise _NoScoreError(f"the run logged {_said(own[-1])} as {name}, not a finite number")
    if own and own[-1] is not None:
        if shown is not None and not math.isclose(own[-1], shown, rel_tol=_SAME, abs_tol=_SAME**2):
            raise _NoScoreError(f"the run logged {own[-1]:.6g} as {name}, and printed {shown:.6g}")
        return own[-1]
    if shown is None:
        did = "logged" if reading.source == "run" else "printed"
        form = name if reading.source == "run" else f"line '{name}: number'"
        form = form if reading.pattern is None else f"line that matches {reading.pattern!r}"
        raise _NoScoreError(f"{did} no {form}")
    return shown


def _shown(printed: Printed, reading: Reading) -> float | None:
    if not printed.scores:
        return None
    last = printed.scores[-1]
    if not isinstance(last, float) or not math.isfinite(last):
        raise _NoScoreError(f"{reading.metric} was {str(last)[:40]!r}, not a finite number")
    if reading.often == "once" and len(printed.scores) > 1:
        values = ", ".join(map(_said, printed.scores))
        raise _NoScoreError(f"printed {reading.metric} more than once, with different values: {values}")
    return last


def _take(line: bytes, found: Printed, metric: str, special: re.Pattern[str] | None) -> None:
    match = _LINE.match(line)
    if match is not None:
        name = match[1].decode("ascii")
        value = _value(match[2].decode("utf-8", "replace"))
        if name in found.metrics or len(found.metrics) < _MAX_METRICS:
            found.metrics[name] = value
        if name == metric and special is None:
            _remember(found, value)
    if special is not None and (other := special.search(line.decode("utf-8", "replace"))):
        _remember(found, _value(other[1] or ""))


def _remember(found: Printed, value: float | str) -> None:
    """Keep the different values, in the order in which each came last; of many the first ones and the last."""
    others = [seen for seen in found.scores if _key(seen) != _key(value)]
    found.scores = [*others[: _REMEMBERED - 1], value]


def _key(value: float | str | None) -> str:
    return repr(value)


def _said(value: float | str | None) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "nan" if value is None else repr(value[:40])


def _skip_line(file: BinaryIO) -> None:
    while (part := file.readline(65536)) and not part.endswith(b"\n"):
        pass


def _value(text: str) -> float | str:
    if _NUMBER.match(text):
        return float(text)
    return float(text) if _NOT_FINITE.match(text) else text


def _exit(code: int) -> str:
    return f"signal {code - 128}" if code > 128 else f"exit code {code}"


def _last_line(tail: str) -> str:
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return "".join(c for c in lines[-1][:200] if c.isprintable()) if lines else "no output"
