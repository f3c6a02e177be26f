"""Read metrics from a trial's output, and say whether it may have a score at all."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from autoresearch.errors import TrialError
from autoresearch.execution.runner import Run

__all__ = ["Outcome", "read_metrics", "score_run"]

# Every part is bounded, so that a hostile line costs no more than its length.
_LINE = re.compile(
    rb"[ \t]{0,40}([A-Za-z_][A-Za-z0-9_./@-]{0,99})[ \t]{0,40}:[ \t]{0,100}([^\s]{1,60})[ \t\r]{0,40}\Z"
)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\Z", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)\Z", re.IGNORECASE)
_MAX_LINE = 400
_MAX_METRICS = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run measured.

    Attributes:
        score: Value of the objective, always finite; None when the run was a crash.
        metrics: Every other finite number it reported, by name.
        reason: Why there is no score, in one sentence; empty when there is one.
    """

    score: float | None
    metrics: dict[str, float]
    reason: str = ""


def read_metrics(path: Path) -> dict[str, float | str]:
    """Lines of the form ``name: value`` in a file of output; the last line of a name wins.

    A value that is not a number is given as its text, so that the caller can say what stood there. Lines longer
    than 400 bytes, and names beyond the first 1,000, are passed over.

    Raises:
        TrialError: The file cannot be read.
    """
    found: dict[str, float | str] = {}
    try:
        with path.open("rb") as file:
            while line := file.readline(_MAX_LINE):
                if not line.endswith(b"\n") and len(line) == _MAX_LINE:
                    _skip_line(file)
                    continue
                match = _LINE.match(line.rstrip(b"\n"))
                if match is None:
                    continue
                name = match[1].decode("ascii")
                if name in found or len(found) < _MAX_METRICS:
                    found[name] = _value(match[2].decode("utf-8", "replace"))
    except OSError as error:
        raise TrialError(
            f"The output {path} cannot be read: {error.strerror}.", hint="Run the trial again."
        ) from error
    return found


def score_run(run: Run, metric: str) -> Outcome:
    """The outcome of a run: a run that failed, ran out of time or gave no finite number has no score.

    Raises:
        TrialError: The file with the output cannot be read.
    """
    found = read_metrics(run.output_path)
    metrics = {
        name: value for name, value in found.items() if isinstance(value, float) and math.isfinite(value)
    }
    secondary = {name: value for name, value in metrics.items() if name != metric}
    if run.timed_out:
        return Outcome(None, secondary, f"ran out of time after {run.seconds:.1f} s")
    if run.exit_code:
        return Outcome(None, secondary, f"ended with {_exit(run.exit_code)}: {_last_line(run.log_tail)}")
    if metric not in found:
        return Outcome(None, secondary, f"printed no line '{metric}: number'")
    if metric not in metrics:
        return Outcome(None, secondary, f"{metric} was {str(found[metric])[:40]!r}, not a finite number")
    return Outcome(metrics[metric], secondary)


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
