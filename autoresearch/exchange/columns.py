"""What the columns of a foreign log mean, and which of them is the metric."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autoresearch.errors import Invalid
from autoresearch.records.base import Direction
from autoresearch.records.experiment import Verdict

__all__ = [
    "Layout",
    "clean",
    "direction_of_name",
    "is_label",
    "is_zero",
    "layout_of",
    "looks_like_a_score",
    "meaning",
    "missing",
    "number",
    "snake",
]

_MAX_COLUMNS = 500
_MAX_NAME = 200
_MAX_CELL = 20_000

_STATUS = ("status", "verdict", "decision", "outcome", "kept", "accepted", "result")
_ID = (
    *("commit", "commit_hash", "commit_id", "git_commit", "git_sha", "hash", "sha", "id", "experiment_id"),
    *("exp_id", "experiment", "exp", "run_id", "run", "trial", "trial_id", "iteration", "iter", "name"),
)
_NOTE = (
    *("description", "note", "notes", "desc", "change", "changes", "hypothesis", "idea", "summary"),
    *("message", "comment", "comments", "title", "what"),
)
_METRIC_NAME = ("metric_name", "metric_key")
_METRIC_VALUE = ("metric_value", "value", "metric")
_LABEL = re.compile(
    r"(^|_)(id|ids|iter|iteration|index|seed|number|hash|sha|commit|fingerprint|date|timestamp|at|tag|name"
    r"|run|trial|exp|experiment|episode|session|row)$"
)
_AUXILIARY = re.compile(
    r"(^|_)(memory|mem|vram|gpu|cpu|params|parameters|steps?|tokens|epochs?|seconds|secs?|minutes|duration|elapsed"
    r"|runtime|delta|diff|gain|improvement|before|baseline|budget|lr|cost|batch|util|gb|mb|ms|s|pct|comparable|mode)(_|$)"
)
_LOWER = re.compile(
    r"(^|_)(loss|bpb|bpc|bpt|bits|ppl|perplexity|error|errors|err|wer|cer|fid|kid|mse|rmse|mae|mape|nll|latency"
    r"|runtime|regret|divergence|brier|ece|failures|violations|max_dd|drawdown)(_|$)"
)
_HIGHER = re.compile(
    r"(^|_)(acc|accuracy|f1|auc|auroc|auprc|score|reward|return|returns|sharpe|sortino|precision|recall|bleu|rouge"
    r"|map|ndcg|mrr|iou|dice|psnr|ssim|throughput|speedup|elo|win_rate|winrate|pass|passed|pass_rate|r2|hit_rate"
    r"|exact_match|em|correct|solved|fitness|reward_mean|profit|pnl)(_|$)"
)
_MEASURED = re.compile(r"(^|_)(val|valid|validation|test|eval|dev|metric|objective|target)(_|$)")

_WORDS: dict[str, Verdict] = {
    **dict.fromkeys(
        ("keep", "kept", "keeper", "accept", "accepted", "baseline", "improved", "new best", "best"), "keep"
    ),
    **dict.fromkeys(
        (
            "drop",
            "dropped",
            "discard",
            "discarded",
            "revert",
            "reverted",
            "reject",
            "rejected",
            "worse",
            "regressed",
        ),
        "drop",
    ),
    **dict.fromkeys(
        ("no improvement", "no change", "neutral", "rolled back", "rollback", "skip", "skipped"), "drop"
    ),
    **dict.fromkeys(
        ("crash", "crashed", "error", "errored", "fail", "failed", "failure", "timeout", "timed out", "oom"),
        "crash",
    ),
    **dict.fromkeys(("diverged", "nan", "killed", "invalid"), "crash"),
}
_YES_NO: dict[str, Verdict] = {
    **dict.fromkeys(("true", "yes", "y", "1"), "keep"),
    **dict.fromkeys(("false", "no", "n", "0"), "drop"),
}
_MISSING = frozenset(
    {
        *(
            "",
            "-",
            "--",
            "\u2013",
            "\u2014",
            "?",
            "n/a",
            "na",
            "none",
            "null",
            "nil",
            "nan",
            "tbd",
            "unknown",
            "pending",
        ),
        *("inf", "-inf", "+inf", "infinity", "-infinity", "skip", "skipped", "not run", "not measured"),
    }
)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?%?\Z")
_ZERO = re.compile(r"[+-]?(?:0+\.?0*|\.0+)%?\Z")
_WORD = re.compile(r"[a-z]+(?:[ _-][a-z]+)*")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of one header: their names, the same as ``snake`` keys, and the indices of those with a meaning."""

    names: tuple[str, ...]
    keys: tuple[str, ...]
    status: int
    id: int | None
    note: int | None
    metric_name: int | None
    metric_value: int | None

    def index(self, column: str) -> int | None:
        """Where a column stands, by its name without regard to case and punctuation."""
        key = snake(column)
        return self.keys.index(key) if key in self.keys else None

    def verdict(self, cells: Sequence[str]) -> Verdict | None:
        """The verdict of a row, or None when its status is missing or unknown."""
        return meaning(cells[self.status], self.names[self.status]) if self.status < len(cells) else None

    def whole(self, cells: Sequence[str]) -> bool:
        """Whether cells are a complete row: as many as columns, with a status that is understood."""
        return len(cells) == len(self.names) and self.verdict(cells) is not None


def clean(cell: str) -> str:
    """A cell as text that may be stored: trimmed, control characters to spaces, at most 20,000 characters."""
    return _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", cell[:_MAX_CELL])).strip()


def snake(name: str) -> str:
    """A column's name for comparison: lower case, every run of other characters one underscore."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def missing(cell: str) -> bool:
    """Whether a cell says that nothing was measured: empty, a dash, n/a, nan, inf, skipped."""
    return cell.strip().lower() in _MISSING


def number(cell: str) -> float | None:
    """The finite number in a cell, a per cent sign allowed and dropped; None for everything else."""
    text = cell.strip()
    if len(text) > 64 or not _NUMBER.match(text):
        return None
    value = float(text.removesuffix("%"))
    return value + 0.0 if math.isfinite(value) else None


def is_zero(cell: str) -> bool:
    """Whether a cell is zero in plain digits, which many logs write for "not measured"; ``0e0`` is not plain."""
    return bool(_ZERO.match(cell.strip()))


def meaning(status: str, column: str = "status") -> Verdict | None:
    """The verdict a status means; marks and remarks around its first word do not matter ("✅ KEEP (new best)")."""
    text = status.strip().lower()[:200]
    if snake(column) in {"kept", "accepted"} and text in _YES_NO:
        return _YES_NO[text]
    found = _WORD.search(text)
    if not found:
        return None
    words = re.sub("[ _-]", " ", found[0])
    return _WORDS.get(words) or _WORDS.get(words.split(" ")[0])


def layout_of(cells: Sequence[str]) -> Layout | None:
    """The layout a header gives; None when no cell names a status column.

    Raises:
        Invalid: There are more than 500 columns.
    """
    keys = [snake(cell[:_MAX_NAME]) for cell in cells]
    status = _first(keys, _STATUS)
    if status is None or len(cells) < 2:
        return None
    if len(cells) > _MAX_COLUMNS:
        raise Invalid(
            f"The log has {len(cells)} columns.", hint=f"Keep the {_MAX_COLUMNS} that matter and import that."
        )
    value = _first(keys, _METRIC_VALUE) if _first(keys, _METRIC_NAME) is not None else None
    taken = {status, value}
    names = _unique(cells)
    return Layout(
        names=names,
        keys=tuple(snake(name) for name in names),
        status=status,
        id=_first(keys, _ID, taken),
        note=_first(keys, _NOTE, taken),
        metric_name=_first(keys, _METRIC_NAME) if value is not None else None,
        metric_value=value,
    )


def looks_like_a_score(name: str) -> int:
    """How much a column's name promises the objective: 3 a known metric, 2 any other quantity, 0 an aside or label."""
    key = snake(name)
    if _LABEL.search(key):
        return 0
    known = bool(_LOWER.search(key) or _HIGHER.search(key) or _MEASURED.search(key))
    if known and not re.search(r"(^|_)(before|baseline|delta|diff|gain)(_|$)", key):
        return 3
    return 0 if _AUXILIARY.search(key) else 2


def is_label(name: str) -> bool:
    """Whether a column numbers or names things, so that its numbers are no measurements."""
    return bool(_LABEL.search(snake(name)))


def direction_of_name(name: str) -> Direction | None:
    """The direction a metric's name tells ("val_bpb" is minimized, "accuracy" maximized), or None."""
    key = snake(name)
    lower, higher = bool(_LOWER.search(key)), bool(_HIGHER.search(key))
    if lower == higher:
        return None
    return "min" if lower else "max"


def _first(keys: Sequence[str], wanted: Iterable[str], taken: Iterable[int | None] = ()) -> int | None:
    for name in wanted:
        for index, key in enumerate(keys):
            if key == name and index not in taken:
                return index
    return None


def _unique(cells: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    seen: set[str] = set()
    for position, cell in enumerate(cells, start=1):
        base = " ".join(clean(cell[:_MAX_NAME]).split()) or f"column_{position}"
        name, copy = base, 2
        while name in seen:
            name, copy = f"{base}_{copy}", copy + 1
        seen.add(name)
        names.append(name)
    return tuple(names)
