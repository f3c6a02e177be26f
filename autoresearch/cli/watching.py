"""``top``: the campaign and the runs that are going on, drawn anew while they go."""

from __future__ import annotations

import contextlib
import math
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from autoresearch.cli import campaign_views
from autoresearch.cli import run_views as views
from autoresearch.cli.answer import Answer, Block, Cell, Column, Facts, Table, shown
from autoresearch.cli.declaring import command
from autoresearch.cli.face import View, can_ask, the_face, workspace_of
from autoresearch.cli.paper import for_people, painted
from autoresearch.render.curves import sparkline
from autoresearch.render.points import clean
from autoresearch.series.curve import number_out
from autoresearch.settings import detect_agent

if TYPE_CHECKING:
    from autoresearch.records.campaign import Campaign, Trial
    from autoresearch.track.glancing import Glance, Metric, Watch
    from autoresearch.track.workspace import Workspace

    _Going = tuple[Campaign, tuple[Trial, ...]]

__all__ = ["app", "top"]

app = typer.Typer(rich_markup_mode=None)

# The other screen, without a cursor and without wrapping: a line that is too wide must not push the next ones down.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"
_TERMINATED = 143
# Width with a gap: of what every line has, and of what is added while there is room.
_BASE, _FOR, _RATE, _BUSY, _METRIC, _COURSE = 50, 9, 10, 12, 24, 10
_MOST_METRICS, _MOST_COURSE = 3, 60
_PLAIN_WIDTH = 100
_QUIT = frozenset({b"q", b"Q", b"\x03", b"\x04"})


@command(app, "top", "top", "top --interval 5", "top --once", "top --json")
def top(
    context: typer.Context,
    *,
    interval: Annotated[
        float, typer.Option(metavar="S", min=0.2, max=3600.0, help="Seconds between two looks.")
    ] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print it once, as without a terminal.")] = False,
) -> Answer | None:
    """Watch the campaign and the runs that are going on; q or Ctrl-C leaves.

    Each worker has its trial and what it tries; each run its step, its speed, how busy the machine is, and the course of
    its main metrics.
    """
    from autoresearch.track.glancing import Watch

    face = the_face(context)
    with workspace_of(context) as workspace:
        watch = Watch(workspace.runs, metric=views.goal_metric(workspace))
        # An agent on a terminal would watch for ever.
        alone = detect_agent(os.environ) or os.environ.get("TERM") == "dumb"
        if not once and not alone and can_ask(face):
            with _screen() as keys:
                _live(watch, workspace, face.view, interval, keys)
            return None
        found, going = watch.look(), campaign_views.going_on(workspace)
        above: list[Block] = []
        if going is not None:
            workers = [campaign_views.worker_table(going[1])] if going[1] else []
            above = [Facts([("campaign", campaign_views.summary(*going))]), *workers]
        return Answer(
            document={
                "project": workspace.name,
                "campaign": campaign_views.document(going),
                "runs": [_document(one) for one in found],
            },
            ids=[one.run.id for one in found],
            blocks=[*above, _table(found, face.view)],
            brief=[*above, _table(found, View())],
            following=f"autoresearch runs show {found[0].run.number}" if found else "autoresearch runs ls",
        )


def _document(one: Glance) -> dict[str, Any]:
    return {
        "run": shown(one.run),
        "seconds": one.seconds,
        "step": one.step,
        "steps_per_second": one.rate,
        "cpu_percent": None if one.cpu is None else number_out(one.cpu),
        "gpu_percent": None if one.gpu is None else number_out(one.gpu),
        "metrics": [
            {"title": m.title, "last": number_out(m.last), "values": [number_out(v) for v in m.values]}
            for m in one.metrics
        ],
    }


def _table(found: Sequence[Glance], view: View) -> Table:
    """One line for each run; what the width leaves goes to the courses of its metrics."""
    left = (view.width or _PLAIN_WIDTH) - _BASE - _COURSE
    timed, fast, busy = left >= _FOR, left >= _FOR + _RATE, left >= _FOR + _RATE + _BUSY
    left -= _FOR * timed + _RATE * fast + _BUSY * busy
    places = 1 + max(0, min(_MOST_METRICS - 1, left // (_METRIC + 2 * _COURSE)))
    room = min(_MOST_COURSE, _COURSE + max(0, left - _METRIC * (places - 1)) // places)
    columns = [Column("#", "number"), Column("name", "flexible")]
    columns += [Column("for")] * timed + [Column("step", "number")] + [Column("steps/s", "state")] * fast
    columns += [Column("cpu", "number"), Column("gpu", "number")] * busy
    columns += [Column("metric"), Column("last", "score"), Column("course")] * places
    rows: list[list[Cell]] = []
    for one in found:
        row: list[Cell] = [one.run.number, one.run.name]
        row += [views.duration(one.seconds)] * timed + [_count(one.step)] + [_speed(one)] * fast
        row += [_percent(one.cpu), _percent(one.gpu)] * busy
        for place in range(places):
            row += _cells(one.metrics[place : place + 1], room, view)
        rows.append(row)
    return Table(columns, rows, empty="no run is going on")


def _cells(metric: Sequence[Metric], room: int, view: View) -> list[Cell]:
    if not metric:
        return [None, None, None]
    one = metric[0]
    return [clean(one.title, 14), one.last, sparkline(one.values, room, unicode=view.unicode)]


def _count(step: int | None) -> Cell:
    """A number of steps in at most six characters."""
    if step is None or abs(step) < 100_000:
        return step
    for unit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if abs(step) >= unit:
            return f"{step / unit:.4g}{letter}"
    return step


def _speed(one: Glance) -> Cell:
    if one.run.state != "running":
        return one.run.state
    return None if one.rate is None else f"{one.rate:.3g}"


def _percent(value: float | None) -> Cell:
    return None if value is None or not math.isfinite(value) else f"{value:.0f}%"


def _frame(
    found: Sequence[Glance], project: str, view: View, height: int, going: _Going | None = None
) -> str:
    """One picture, of at most ``height`` lines."""
    running = sum(one.run.state == "running" for one in found)
    ended = f", {len(found) - running} ended" if len(found) > running else ""
    now = datetime.now(UTC).strftime("%H:%M:%S UTC")
    head = f"{clean(project, 40)}  {running} running{ended}  {now}  q leaves"
    lines = for_people(_table(found, view), view).split("\n")
    if going is not None:
        said = clean(f"campaign {campaign_views.summary(*going)}", view.width or _PLAIN_WIDTH)
        working = for_people(campaign_views.worker_table(going[1]), view).split("\n") if going[1] else []
        lines = [said, "", *working, *([""] if going[1] else []), *lines]
    room = max(1, height - 2)
    if len(lines) > room:
        lines = [*lines[: room - 1], f"and {len(lines) - room + 1} more"]
    return "\n".join([painted(head, "title", color=view.color), "", *lines])


def _live(watch: Watch, workspace: Workspace, view: View, interval: float, keys: _Keys) -> None:
    """Look, draw and wait, until somebody leaves."""
    while True:
        found, going = watch.look(), campaign_views.going_on(workspace)
        deadline = time.monotonic() + interval
        heard = "resized"
        while heard == "resized":
            width, height = shutil.get_terminal_size()
            text = _frame(found, workspace.name, replace(view, width=max(40, width)), height, going)
            lines = f"{_REST_OF_LINE}\n".join(text.split("\n"))
            encoded = f"{_HOME}{lines}{_REST_OF_LINE}{_REST}".encode(
                "utf-8" if view.unicode else "ascii", "replace"
            )
            sys.stdout.buffer.write(encoded)
            sys.stdout.buffer.flush()
            heard = keys.wait(deadline)
        if heard == "leave":
            return


class _Keys:
    """What is heard from the keyboard and from the window."""

    def __init__(self, resized: int) -> None:
        self._resized = resized
        self._keyboard = sys.stdin.fileno()

    def wait(self, deadline: float) -> Literal["leave", "resized", "nothing"]:
        """What comes first until a moment of the monotonic clock."""
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self._keyboard, self._resized], [], [], left)
            if self._resized in ready:
                os.read(self._resized, 4096)
                return "resized"
            if self._keyboard in ready:
                typed = os.read(self._keyboard, 64)
                # An arrow key begins with the byte of Escape, and is not it.
                if typed in {b"", b"\x1b"} or typed[:1] in _QUIT:
                    return "leave"
        return "nothing"


@contextlib.contextmanager
def _screen() -> Iterator[_Keys]:
    """The other screen of the terminal, for a ``with`` block; whatever ends the block, the terminal is as it was."""
    import termios
    import tty

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    keyboard = sys.stdin.fileno()
    settings = termios.tcgetattr(keyboard)
    # The byte comes from the signal itself: a handler of Python waits for the interpreter, which may just have begun to wait for a key.
    woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    before = {
        signal.SIGWINCH: signal.signal(signal.SIGWINCH, lambda *_: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED)),
        # Stopped here, the terminal would be left without cursor and echo.
        signal.SIGTSTP: signal.signal(signal.SIGTSTP, signal.SIG_IGN),
    }
    try:
        tty.setcbreak(keyboard)
        sys.stdout.write(_ENTER)
        sys.stdout.flush()
        yield _Keys(reading)
    except KeyboardInterrupt:
        # The way to leave, and no accident.
        return
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.write(_LEAVE)
            sys.stdout.flush()
        with contextlib.suppress(termios.error):
            termios.tcsetattr(keyboard, termios.TCSADRAIN, settings)
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(woken)
        os.close(reading)
        os.close(writing)
