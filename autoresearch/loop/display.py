"""A live picture of a campaign on the terminal; plain lines where there is no terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from autoresearch.briefs.fence import clean
from autoresearch.loop.events import (
    Asking,
    Begun,
    Ended,
    Event,
    Failed,
    Judged,
    Measured,
    Moved,
    Running,
    Trying,
)

__all__ = ["VERDICT_STYLES", "Display"]

VERDICT_STYLES = {"keep": "bold green", "drop": "dim", "crash": "red"}
"""How each verdict is written, as styles of rich."""

_MARKS = {"keep": "✓", "drop": "·", "crash": "✗"}


class Display:
    """Shows the events of a campaign: a line for each verdict, below them what is running and the best so far.

    Use it as a context manager and give it to ``run_campaign`` as the listener.

    Args:
        console: Where to write; by default standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("[bold]trials[/]"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )
        self._task = self._progress.add_task("trials", total=None)
        self._now: dict[str, Text] = {}
        self._best = Text()
        self._state = ""
        self._done = 0
        self._metric = "score"
        self._first: float | None = None
        self._live = Live(
            get_renderable=self._picture, console=self.console, refresh_per_second=8, transient=True
        )

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Begun():
                self._begin(event)
            case Asking():
                self._now[event.worker] = Text(f"trial {event.trial}: the agent is asked")
            case Trying():
                self._now[event.worker] = Text(f"#{event.number} {clean(event.note, 200)}")
            case Running(number=number, run=run):
                head, _, _ = self._now.get(event.worker, Text()).plain.partition("  run ")
                self._now[event.worker] = Text(f"{head}  run {run}" if run > 1 else head or f"#{number}")
            case Measured(score=None, reason=reason):
                self._now.setdefault(event.worker, Text()).append(f"  {clean(reason, 200)}")
            case Judged():
                self._judged(event)
            case Failed():
                self._failed(event)
            case Moved():
                self._state = "" if event.state == "running" else event.state
                said = "the campaign is paused" if self._state else "the campaign goes on"
                self._line(Text(f"{said}: {clean(event.reason)}" if event.reason else said))
            case Ended():
                self._now = {}
                self._state = "done"

    def _begin(self, event: Begun) -> None:
        self._metric = event.goal.metric
        self._done = event.done
        self._progress.update(self._task, total=event.trials, completed=event.done)
        lower = "lower" if event.goal.lower_is_better else "higher"
        self._line(Text(f"goal: {self._metric}, {lower} is better; keeps go to the branch {event.branch}"))
        if event.best is not None:
            self._first = event.best
            self._line(Text(f"going on from {event.best:.4f}"))
        if event.open:
            plural = "trials were" if event.open > 1 else "trial was"
            self._line(Text(f"{event.open} {plural} interrupted, and will be gone on with"))

    def _failed(self, event: Failed) -> None:
        self._now.pop(event.worker, None)
        what = "the agent gave no proposal" if event.outcome == "agent_failed" else "cut off"
        line = Text(f"{_MARKS['crash']} trial {event.trial}: {what}", style=VERDICT_STYLES["crash"])
        line.append(f" — {clean(event.reason)}", style="dim")
        self._line(line)

    def _judged(self, event: Judged) -> None:
        if self._first is None:
            self._first = event.best
        if event.trial and event.outcome is not None:
            self._done += 1
            self._progress.update(self._task, completed=self._done)
        if event.outcome is not None:
            self._now.pop(event.worker, None)
        again = event.outcome is None
        score = "      —" if event.score is None else f"{event.score:7.4f}"
        style = VERDICT_STYLES[event.verdict]
        what = clean(event.note.partition(": ")[0], 120)
        mark, word = ("→", "again") if again else (_MARKS[event.verdict], event.verdict)
        line = Text(f"{mark} #{event.number:<3} {word:<5} {score}  ", style=style)
        line.append(what, style="" if event.verdict != "drop" else "dim")
        line.append(f" — {clean(event.reason)}", style="dim")
        self._line(line)
        if event.best is not None:
            self._best = Text(f"best {self._metric} {event.best:.4f}", style="bold")
            if self._first:
                self._best.append(
                    f"  from {self._first:.4f} ({event.best / self._first - 1:+.1%})", style="not bold"
                )
            if event.noise:
                self._best.append(f"  noise sd {event.noise:.4f}", style="not bold dim")

    def _line(self, text: Text) -> None:
        live = self.console.is_terminal
        self.console.print(
            text, no_wrap=True, overflow="ellipsis" if live else "ignore", crop=live, highlight=False
        )

    def _picture(self) -> Group:
        working = [self._row(worker) for worker in sorted(self._now, key=_by_number)]
        waiting = self._state or ("waiting" if self._best else "preparing")
        rows = working or [Text(waiting)]
        for text in (*rows, self._best):
            text.no_wrap, text.overflow = True, "ellipsis"
        return Group(self._progress, *rows, self._best)

    def _row(self, worker: str) -> Text:
        several = len(self._now) > 1
        row = Text(f"{worker.removeprefix('worker-'):>2} " if several else "running ", style="bold")
        row.append_text(self._now[worker])
        return row


def _by_number(worker: str) -> tuple[int, str]:
    digits = worker.removeprefix("worker-")
    return (int(digits) if digits.isdigit() else 0, worker)
