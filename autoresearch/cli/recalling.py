"""``logs`` and ``metrics``: what a run printed, and the points that it logged."""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from autoresearch.cli import options as o
from autoresearch.cli import run_views as views
from autoresearch.cli.answer import Answer, Block, Cell, Column, Prose, Quoted, Table, shown
from autoresearch.cli.declaring import command, pairs
from autoresearch.cli.face import Face, the_face, workspace_of
from autoresearch.cli.paper import visible
from autoresearch.errors import NotFound, UsageError
from autoresearch.render.points import clean

if TYPE_CHECKING:
    from autoresearch.records.run import LoggedLine, Run
    from autoresearch.series.curve import Curve
    from autoresearch.track.archive import Archive

__all__ = ["app", "logs", "metrics"]

app = typer.Typer(rich_markup_mode=None)
_FEW, _DRAWN = 20, 500
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_CONSOLE = ("console/stdout", "console/stderr")


@command(
    app,
    "logs",
    "logs 12",
    "logs last -f",
    "logs 12 --tail 50 --stream stderr",
    "logs last --json",
)
def logs(
    context: typer.Context,
    run: o.RunRef,
    *,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on as lines come, until the run ends or Ctrl-C.")
    ] = False,
    tail: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="The last N lines; else all, and 10 with -f.")
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="stdout or stderr alone, or another text series."),
    ] = None,
    times: Annotated[bool, typer.Option("--times", help="The time (UTC) in front of each line.")] = False,
) -> Answer | None:
    """Print what a run printed.

    With -f and --json every line is a document of its own.
    """
    names = (
        _CONSOLE if stream is None else (f"console/{stream}" if stream in {"stdout", "stderr"} else stream,)
    )
    face = the_face(context)
    with workspace_of(context) as workspace:
        archive = workspace.runs
        found = archive.find(run)
        if follow:
            _follow(archive.follow(found, *names, tail=10 if tail is None else tail), face, times=times)
            return None
        lines = list(archive.lines(found, *names, tail=tail))
        if not lines and stream is not None:
            _refuse_stream(archive, found, stream, names)
    text = "\n".join(_printed(line, times=times) for line in lines)
    return Answer(
        document={"run": found.id, "number": found.number, "lines": [shown(line) for line in lines]},
        ids=[found.id],
        blocks=[Prose(text)] if lines else [],
        brief=[Quoted(f"printed by run {found.number}", text) if lines else Prose("nothing was printed")],
        following=f"autoresearch metrics {found.number}",
        notices=() if lines else ["nothing was printed"],
    )


def _refuse_stream(archive: Archive, run: Run, stream: str, names: Sequence[str]) -> None:
    """Say what is there, if what was asked for is not and will not come."""
    known = [info.name for info in archive.catalog(run) if info.kind == "text"]
    if stream in {"stdout", "stderr"} or set(names) & set(known):
        return
    hint = f"It has {', '.join(known)}." if known else "It has logged no text."
    raise NotFound(f"Run {run.number} has no text series {stream!r}.", hint=hint)


def _follow(lines: Iterable[LoggedLine], face: Face, *, times: bool) -> None:
    try:
        for line in lines:
            if face.form == "json":
                text = json.dumps(shown(line), allow_nan=False)
            else:
                text = _printed(line, times=times)
                text = text if face.view.unicode else text.encode("ascii", "replace").decode()
            sys.stdout.buffer.write(f"{text}\n".encode("utf-8", "replace"))
            sys.stdout.buffer.flush()
    except KeyboardInterrupt:
        # The way to stop watching, and no accident.
        return


def _printed(line: LoggedLine, *, times: bool) -> str:
    """A console line without what would act on the terminal: colours of another program, jumps, titles."""
    text = "\n".join(visible(part) for part in _ESCAPES.sub("", line.text).split("\n"))
    return f"{views.moment_text(line.time)}  {text}" if times else text


@command(
    app,
    "metrics",
    "metrics 12",
    "metrics 12 loss --samples 200 --json",
    "metrics last loss val_loss --plot",
    "metrics last 'val/*' --from 1000 --to 2000",
)
def metrics(
    context: typer.Context,
    run: o.RunRef,
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY...]", help="Metrics, or patterns such as 'val/*'; else what there is."),
    ] = None,
    *,
    samples: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=2, help="At most this many points of each, extremes among them; else all."
        ),
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw them.")] = False,
    log: Annotated[bool, typer.Option("--log", help="Draw with a logarithmic axis.")] = False,
    first: Annotated[int | None, typer.Option("--from", metavar="STEP", help="The least step.")] = None,
    last: Annotated[
        int | None, typer.Option("--to", metavar="STEP", help="The greatest step, included.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Only series with this label; may be repeated."),
    ] = None,
) -> Answer:
    """Print the points of metrics, or draw them; without a KEY list what was logged.

    On a terminal and for agents 20 points stand for all unless --samples says how many; JSON and files get every one.
    """
    with workspace_of(context) as workspace:
        archive = workspace.runs
        found = archive.find(run)
        if not keys:
            if plot:
                raise UsageError(
                    "No metric was named to be drawn.", hint=f"autoresearch metrics {run} KEY --plot"
                )
            return _catalog(archive, found)
        asked = _Asked(found, keys, pairs(label or (), "--label") or None, first, last, plot=plot, log=log)
        return asked.answer(archive, samples, the_face(context))


def _catalog(archive: Archive, run: Run) -> Answer:
    found = [info for info in archive.catalog(run) if info.kind == "metric"]
    return Answer(
        document={"run": run.id, "number": run.number, "metrics": [shown(info) for info in found]},
        ids=[info.name for info in found],
        blocks=[views.catalog_table(found)],
        following=f"autoresearch metrics {run.number} {_word(found[0].name)} --plot" if found else "",
    )


def _word(name: str) -> str:
    import shlex

    return shlex.quote(clean(name))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which points are wanted, and how they are to be shown."""

    run: Run
    keys: Sequence[str]
    labels: dict[str, str] | None
    first: int | None
    last: int | None
    plot: bool
    log: bool

    def answer(self, archive: Archive, samples: int | None, face: Face) -> Answer:
        most = samples
        if samples is None and face.form == "agent":
            most = _FEW
        elif samples is None and face.form in {"human", "plain"}:
            most = _DRAWN if self.plot else _FEW if face.form == "human" else None
        curves = self._curves(archive, most)
        if not curves:
            self._refuse(archive)
        left_out = any(curve.sampled for curve in curves)
        table = _points_table(curves)
        blocks: list[Block] = [views.picture(curves, {}, log=self.log or None) if self.plot else table]
        total = max(curve.total for curve in curves)
        said = f"{max(map(len, curves)):,} of {total:,} points are shown, the extremes among them; --samples says how many"
        return Answer(
            document=self._document(curves),
            ids=[self.run.id],
            blocks=blocks,
            brief=[table],
            following=f"autoresearch metrics {self.run.number}",
            notices=[said] if left_out and samples is None and not self.plot else (),
        )

    def _curves(self, archive: Archive, most: int | None) -> tuple[Curve, ...]:
        if most is None:
            return archive.history(
                self.run, *self.keys, labels=self.labels, first_step=self.first, last_step=self.last
            )
        return archive.sampled(
            self.run,
            *self.keys,
            labels=self.labels,
            samples=most,
            first_step=self.first,
            last_step=self.last,
        )

    def _refuse(self, archive: Archive) -> NoReturn:
        """Say what is there in place of what was asked for."""
        known = sorted({info.name for info in archive.catalog(self.run) if info.kind == "metric"})
        asked = ", ".join(self.keys)
        if set(self.keys) & set(known):
            raise NotFound(
                f"Run {self.run.number} has no point of {asked} there.", hint="Widen --from, --to or --label."
            )
        near = difflib.get_close_matches(self.keys[0], known, n=3, cutoff=0.4) or known[:5]
        hint = f"It has {', '.join(near)}." if near else "It has logged no metric yet."
        raise NotFound(f"Run {self.run.number} has logged no {asked}.", hint=hint)

    def _document(self, curves: Sequence[Curve]) -> dict[str, Any]:
        said: dict[str, Any] = {"run": self.run.id, "number": self.run.number}
        documents = [curve.document() for curve in curves]
        if len(documents) > 1 or len(self.keys) > 1:
            return {**said, "series": [{k: v for k, v in one.items() if k != "run_id"} for one in documents]}
        one = documents[0]
        return {
            **said,
            "name": one["name"],
            "labels": one["labels"],
            "total": one["total"],
            "points": one["points"],
        }


def _points_table(curves: Sequence[Curve]) -> Table:
    """One row for each step, one column for each metric."""
    from autoresearch.exchange.aligning import align

    table = align(curves)
    columns = [
        Column("step", "number"),
        Column("time"),
        *(Column(clean(c.title, 40), "score") for c in curves),
    ]
    rows: list[list[Cell]] = [
        [
            step,
            views.moment_text(time),
            *(value if there else None for value, there in zip(values, present, strict=True)),
        ]
        for step, time, values, present in zip(
            table.steps.tolist(),
            table.times.tolist(),
            table.values.T.tolist(),
            table.present.T.tolist(),
            strict=True,
        )
    ]
    return Table(columns, rows, empty="no point")
