"""How runs look: many as a table, one in full, several side by side."""

from __future__ import annotations

import fnmatch
import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from autoresearch.cli.answer import Answer, Block, Cell, Column, Drawing, Facts, Quoted, Table, shown
from autoresearch.cli.face import View
from autoresearch.errors import NotFound
from autoresearch.render.points import clean

if TYPE_CHECKING:
    from autoresearch.records.run import Code, Receipt, Run, SeriesInfo
    from autoresearch.series.curve import Curve
    from autoresearch.track.comparing import Comparison
    from autoresearch.track.workspace import Workspace

__all__ = [
    "catalog_table",
    "comparison_blocks",
    "duration",
    "goal_metric",
    "moment_text",
    "picture",
    "run_answer",
    "run_table",
    "stat",
    "value_text",
]

_MOST_METRICS = 6
_PLAIN_WIDTH, _PLOT_HEIGHT = 100, 20
_SYSTEM = "system/"


def duration(seconds: float) -> str:
    """Seconds in the two units that say most: ``12 s``, ``3m 20s``, ``1h 02m``, ``2d 03h``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3600:02}h"


def value_text(value: Any) -> str:
    """A configuration value: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def stat(value: float | None, info: SeriesInfo | None = None) -> Cell:
    """A statistic of a series, where None stands for NaN; of a series without a finite number there is none."""
    if value is not None:
        return value
    return "nan" if info is not None and info.points else None


def moment_text(seconds: float) -> str:
    """A time of seconds since 1970 as UTC with milliseconds; one that no calendar has as the number it is."""
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g}"
    return at.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


def goal_metric(workspace: Workspace) -> str | None:
    """The metric of the goal; None while there is no goal."""
    try:
        goal = workspace.project.goal
    except NotFound:
        return None
    return goal.metric if goal else None


def run_table(runs: Sequence[Run], view: View, *, metric: str | None, now: datetime) -> Table:
    """One line for each run, with as many metrics as the width bears.

    Args:
        runs: The runs.
        view: Where it is read.
        metric: The goal's metric, which comes first.
        now: To tell how long ago they started.
    """
    names = _common(runs, metric)[: _room(view)]
    columns = [
        Column("#", "number"),
        Column("name", "flexible"),
        Column("state", "state"),
        Column("started", optional=True),
        Column("took"),
        *(Column(clean(name, 24), "score") for name in names),
        Column("exp", "number"),
        Column("tags", "flexible", optional=True),
    ]
    rows: list[list[Cell]] = [
        [
            run.number,
            run.name,
            run.state,
            f"{duration((now - run.started_at).total_seconds())} ago",
            duration((now - run.started_at).total_seconds() if run.state == "running" else run.seconds),
            *(_latest(run, name) for name in names),
            run.experiment_number,
            ", ".join(run.tags),
        ]
        for run in runs
    ]
    return Table(columns, rows, empty="no run")


def _room(view: View) -> int:
    return _MOST_METRICS if view.width is None else max(1, min(_MOST_METRICS, (view.width - 52) // 16))


def _common(runs: Sequence[Run], metric: str | None) -> list[str]:
    """Metrics of some runs: the goal's, those with a declared direction, then what most of them have."""
    counts = Counter(name for run in runs for name in run.latest if not name.startswith(_SYSTEM))
    declared = {one.name for run in runs for one in run.definitions if one.goal}
    return sorted(counts, key=lambda name: (name != metric, name not in declared, -counts[name], name))


def _latest(run: Run, name: str) -> Cell:
    if name not in run.latest:
        return None
    value = run.latest[name]
    return "nan" if value is None else value


def run_answer(run: Run, catalog: Sequence[SeriesInfo], receipt: Receipt, parent: Run | None) -> Answer:
    """One run in full."""
    series = [info for info in catalog if info.kind == "metric"]
    blocks: list[Block] = [Facts(_about(run, receipt, parent))]
    if run.config:
        from autoresearch.track.comparing import flattened

        blocks.append(_named(flattened(run.config), "config"))
    if run.summary:
        blocks.append(_named(run.summary.items(), "summary"))
    if series:
        blocks.append(catalog_table(catalog, title="metrics"))
    if "\n" in run.note:
        blocks.append(Quoted("note", run.note))
    if run.error:
        blocks.append(Quoted("error", run.error.rstrip("\n")))
    return Answer(
        document={
            "run": shown(run),
            "series": [shown(info) for info in catalog],
            "receipt": shown(receipt),
        },
        ids=[run.id],
        blocks=blocks,
        following=f"autoresearch metrics {run.number}" if series else f"autoresearch logs {run.number}",
        notices=(*run.notices, *receipt.faults),
    )


def _named(values: Iterable[tuple[str, Any]], title: str) -> Facts:
    # Names of facts stand as they are, and these are by others.
    return Facts([(clean(name, 60), _said(value)) for name, value in values], title=title)


def _said(value: Any) -> Cell:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else value_text(value)


def _about(run: Run, receipt: Receipt, parent: Run | None) -> list[tuple[str, Cell]]:
    environment = run.environment
    argv = environment.get("argv")
    return [
        ("run", run.number),
        ("name", run.name),
        ("id", run.id),
        ("state", run.state),
        ("exit code", run.exit_code),
        ("started", _moment(run.started_at)),
        ("ended", None if run.ended_at is None else _moment(run.ended_at)),
        ("last sign of life", _moment(run.heartbeat_at) if run.state == "running" else None),
        ("took", duration(run.seconds)),
        ("receipt", _receipt_line(receipt)),
        ("experiment", run.experiment_number if run.experiment_number is not None else run.experiment_id),
        ("goes on from", f"{parent.number} {parent.name}" if parent else run.parent_id),
        ("group", run.group),
        ("job type", run.job_type),
        ("tags", ", ".join(run.tags) or None),
        ("note", None if "\n" in run.note else run.note or None),
        *_code(run.code),
        ("command", shlex.join(map(str, argv)) if isinstance(argv, list) and argv else None),
        ("folder", _text(environment, "cwd")),
        ("host", _text(environment, "host")),
        ("process", _text(environment, "pid")),
        ("python", _text(environment, "python")),
        ("by", str(run.actor)),
    ]


def _code(code: Code | None) -> list[tuple[str, Cell]]:
    if code is None:
        return []
    diff = f"{code.diff.size:,} bytes, {code.diff.digest}" if code.diff else None
    return [("commit", code.commit), ("branch", code.branch), ("change", diff)]


def _text(environment: Mapping[str, Any], key: str) -> str | None:
    value = environment.get(key)
    return None if value is None or value == "" else value_text(value)


def _moment(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00") + " UTC"


def _receipt_line(receipt: Receipt) -> str:
    """The receipt in a sentence."""
    again = f", {receipt.duplicates_collapsed:,} logged again" if receipt.duplicates_collapsed else ""
    said = f"{receipt.points_committed:,} points committed, {receipt.points_stored:,} stored{again}"
    return f"{'intact' if receipt.intact else 'NOT INTACT'}: {said}, {receipt.lost:,} lost"


def catalog_table(catalog: Sequence[SeriesInfo], *, title: str = "") -> Table:
    """One line for each metric that was logged."""
    from autoresearch.exchange.aligning import key_of, title_of

    columns = [
        Column("metric", "flexible"),
        Column("points", "number"),
        Column("steps"),
        Column("last", "score"),
        Column("min", "score"),
        Column("max", "score"),
        Column("not finite", "number"),
    ]
    rows: list[list[Cell]] = [
        [
            title_of(key_of(info.name, info.labels)),
            info.points,
            f"{info.first_step}–{info.last_step}"
            if info.first_step != info.last_step
            else str(info.last_step),
            stat(info.last, info),
            info.min,
            info.max,
            info.nans + info.infinities or None,
        ]
        for info in catalog
        if info.kind == "metric"
    ]
    return Table(columns, rows, title=title, empty="nothing logged")


def comparison_blocks(found: Comparison, names: Sequence[str], *, unlike: bool) -> list[Block]:
    """Runs side by side.

    Args:
        found: The runs.
        names: Metrics or patterns; without one all that are not of the system.
        unlike: Whether to leave out the configuration that all of them share.
    """
    runs = found.runs
    heads = [Column(clean(f"#{run.number} {run.name}"), "flexible") for run in runs]
    about: list[list[Cell]] = [
        ["state", *(run.state for run in runs)],
        ["took", *(duration(run.seconds) for run in runs)],
        ["experiment", *(run.experiment_number for run in runs)],
        ["tags", *(", ".join(run.tags) or None for run in runs)],
    ]
    about = [row for row in about if any(cell is not None for cell in row[1:])]
    settings: list[list[Cell]] = [
        [one.name, *(value_text(one.values[run.id]) if run.id in one.values else "-" for run in runs)]
        for one in found.config
        if one.differs or not unlike
    ]
    same = sum(not one.differs for one in found.config)
    title = f"config ({same} the same, not shown)" if unlike and same else "config"
    blocks: list[Block] = [Table([Column("run"), *heads], about)]
    if found.config:
        empty = "all the same" if found.config else "none"
        blocks.append(Table([Column("name", "flexible"), *heads], settings, title=title, empty=empty))
    return [*blocks, _measured_table(found, names)]


def _measured_table(found: Comparison, names: Sequence[str]) -> Table:
    columns = [
        Column("metric", "flexible"),
        Column(""),
        *(Column(f"#{run.number}", "score") for run in found.runs),
    ]
    rows: list[list[Cell]] = []
    for one in found.metrics:
        name = next(iter(one.runs.values())).name
        if not any(fnmatch.fnmatchcase(name, p) for p in names) if names else name.startswith(_SYSTEM):
            continue
        held = [one.runs.get(run.id) for run in found.runs]
        rows += [
            [one.title, "last", *(None if info is None else stat(info.last, info) for info in held)],
            ["", "min", *(None if info is None else info.min for info in held)],
            ["", "max", *(None if info is None else info.max for info in held)],
        ]
    return Table(columns, rows, title="metrics", empty="nothing logged")


def picture(curves: Sequence[Curve], origins: dict[str, str], *, log: bool | None = None) -> Drawing:
    """Curves in one picture; ``origins`` says by run id what stands before their titles."""
    from autoresearch.render.curves import Trace, plot

    traces = [
        Trace(origins.get(curve.run_id, "") + curve.title, curve.steps.tolist(), curve.values.tolist())
        for curve in curves
    ]

    def draw(view: View) -> str:
        width = view.width or _PLAIN_WIDTH
        return plot(traces, width, _PLOT_HEIGHT, view.color, unicode=view.unicode, log=log)

    return Drawing(draw)
