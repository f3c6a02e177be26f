"""The handle of a run that goes on."""

from __future__ import annotations

import os
import sys

from autoresearch.errors import AutoresearchError, Conflict, Invalid
from autoresearch.journal.warning import warn
from autoresearch.track.live.ending import Ending, outcome_of
from autoresearch.track.live.fields import Field, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any, Self

    from autoresearch.journal.writer import Writer
    from autoresearch.series.batch import Labels
    from autoresearch.track.live.crew import Crew
    from autoresearch.track.live.servers import Server

__all__ = ["LEVELS", "STATES", "Run"]

STATES = ("finished", "failed", "crashed", "killed")
LEVELS = ("info", "warn", "error")


class Run:
    """A run that goes on: what :func:`autoresearch.init` gives.

    It is a context manager, and can be used like a dictionary: ``run["lr"] = 0.1`` sets a configuration value,
    ``run["train/loss"].log(0.5)`` logs to a metric.

    Attributes:
        id: UUID of the run; give it as ``resume=`` to go on with it.
        name: For people.
        project: Project that it belongs to.
        url: Page of the run on its server; None while it has none.
        mode: ``online``, ``local``, ``offline``, ``disabled``, or ``read-only``.
        state: ``running``, or how it ended.
        config: What was set, as a dictionary; changes are recorded.
        summary: What the run says of itself at its end, as a dictionary; changes are recorded.
    """

    def __init__(
        self,
        *,
        id: str,  # noqa: A002  the field's word
        name: str,
        project: str,
        mode: str,
        home: str,
        config: Mapping[str, Any],
        server: Server | None = None,
        writer: Writer | None = None,
        crew: Crew | None = None,
    ) -> None:
        self.id = id
        self.name = name
        self.project = project
        self.url = None if server is None else f"{server.url}/runs/{id}"
        self.mode = mode
        self.home = home
        self.state = "running"
        self.config = Values(self._tell, "config", config)
        self.summary = Values(self._tell, "summary")
        self._server = server
        self._writer = writer
        self._crew = crew
        self._ending: Ending | None = None
        self._process = os.getpid()
        self._log = writer.log if writer else _refuse if mode == "read-only" else _ignore
        # The journal's own function in place of the method, which only passes on: one call less in each step of a training.
        self.log = self._log  # type: ignore[assignment, method-assign]
        if writer:
            writer.other = self._log_other

    # Logging

    def log(
        self, values: Mapping[str, Any], step: int | None = None, *, labels: Mapping[str, str] | None = None
    ) -> None:
        """Log numbers, text or media under their names.

        It is a write into memory that the system keeps when the process is killed: it does not wait for a disk or a
        network (media are stored first), and it raises for no value. NaN and infinities are kept, text goes to a text
        series, a 0-d tensor is converted once, nested names are joined with ``/``; what is none of these is left out,
        with one warning for each name.

        Args:
            values: Names and values; see also ``Image``, ``Table``, ``Histogram`` and ``File``.
            step: A whole number; left out, it is one more than the last.
            labels: What tells this series from others of the name, such as ``{"split": "train"}``.
        """
        if labels is None:
            self._log(values, step)
        else:
            self._log(values, step, labels)

    def log_metrics(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """The same as :meth:`log`."""
        self._log(values, step)

    def log_configs(self, values: Mapping[str, Any]) -> None:
        """Set configuration values; the same as ``run.config.update(values)``."""
        self.config.update(values)

    def __getitem__(self, path: str) -> Field:
        return Field(self, path)

    def __setitem__(self, path: str, value: Any) -> None:
        self.config[path] = value

    # What is said about it

    def tag(self, *tags: str, remove: tuple[str, ...] = ()) -> None:
        """Add tags, and take others away."""
        self._tell({"op": "tags", "add": [str(tag) for tag in tags], "remove": [*map(str, remove)]})

    def note(self, text: str) -> None:
        """Set the note."""
        self._tell({"op": "note", "text": str(text)})

    def rename(self, name: str) -> None:
        """Give it another name."""
        self.name = str(name)
        self._tell({"op": "name", "text": self.name})

    def link(self, experiment: Any) -> None:
        """Say which experiment this run executes: its id, or what ``experiment()`` answered."""
        self._tell({"op": "experiment", "id": str(getattr(experiment, "id", experiment))})

    def define_metric(
        self, name: str, *, step_metric: str | None = None, summary: str = "last", goal: str | None = None
    ) -> None:
        """Say how a metric is to be read.

        Args:
            name: The metric, or a pattern such as ``val/*``.
            step_metric: The metric that is its horizontal axis.
            summary: ``last``, ``min``, ``max``, ``mean``, ``best`` or ``none``.
            goal: ``min`` or ``max``.

        Raises:
            Invalid: ``summary`` or ``goal`` is none of these.
        """
        if summary not in {"last", "min", "max", "mean", "best", "none"}:
            raise Invalid(f"summary was {summary!r}.", hint="Use last, min, max, mean, best or none.")
        if goal not in {None, "min", "max"}:
            raise Invalid(f"goal was {goal!r}.", hint="Use min or max, or leave it out.")
        self._tell(
            {"op": "define", "name": name, "step_metric": step_metric, "summary": summary, "goal": goal}
        )

    def alert(self, title: str, text: str = "", level: str = "info") -> None:
        """Record something that people should see; it stands among the project's events.

        Raises:
            Invalid: ``level`` is not ``info``, ``warn`` or ``error``.
        """
        if level not in LEVELS:
            raise Invalid(f"level was {level!r}.", hint=f"Use one of {', '.join(LEVELS)}.")
        self._tell({"op": "alert", "title": str(title)[:1000], "text": str(text)[:20_000], "level": level})

    # Reading back what is stored

    def get_metric_paths(self) -> list[str]:
        """Names of the metrics that have points."""
        from autoresearch.track.live import reading

        self.flush()
        return reading.metric_paths((self.home, self._server), self.id)

    def get_metric_data(
        self,
        path: str,
        step_min: int | None = None,
        step_max: int | None = None,
        max_points: int | None = None,
    ) -> dict[str, Any]:
        """Points of one metric: ``{"path", "downsampled", "raw_points": [{"step", "y"}]}``, both bounds included."""
        from autoresearch.track.live import reading

        self.flush()
        return reading.metric_data((self.home, self._server), self.id, path, (step_min, step_max), max_points)

    def get_string_paths(self) -> list[str]:
        """Names of the text series that have entries."""
        from autoresearch.track.live import reading

        self.flush()
        return reading.string_paths((self.home, self._server), self.id)

    def get_string_data(self, path: str, limit: int = 1000, offset: int = 0) -> dict[str, Any]:
        """Entries of one text series: ``{"path", "points": [{"step", "value"}], "total"}``."""
        from autoresearch.track.live import reading

        self.flush()
        return reading.string_data((self.home, self._server), self.id, path, limit, offset)

    def get_configs(self) -> dict[str, Any]:
        """The configuration as it is stored, its values of the types that they were set with."""
        from autoresearch.track.live import reading

        self.flush()
        return reading.configs((self.home, self._server), self.id)

    # Its life

    def flush(self) -> None:
        """Bring what was logged so far into the store now; it happens every few seconds by itself.

        Raises:
            StoreError: The store cannot be used; the journal keeps what it has.
            Unavailable: The server does not answer; the journal keeps what it has.
        """
        if self._crew is not None and self.state == "running":
            self._crew.flush()

    def finish(
        self, status: str = "finished", *, exit_code: int | None = None, error: str | None = None
    ) -> None:
        """End the run and bring everything into the store; ending it again does nothing.

        With a server it waits for the upload, at most AUTORESEARCH_FINISH_TIMEOUT seconds, and says on standard error what
        remains and how to send it.

        Args:
            status: ``finished``, ``failed``, ``crashed`` or ``killed``.
            exit_code: Of the process, where it is known.
            error: What went wrong, in words or as a traceback.

        Raises:
            Invalid: There is no such status.
        """
        if status not in STATES:
            raise Invalid(f"status was {status!r}.", hint=f"Use one of {', '.join(STATES)}.")
        if self.state != "running" or os.getpid() != self._process:
            return
        self.state = status
        if self._ending is not None:
            self._ending.unwatch()
        if self._crew is None:
            return
        try:
            self._crew.finish({"op": "finish", "state": status, "exit_code": exit_code, "error": error})
        except AutoresearchError as problem:
            self._say_what_is_left(problem)

    def _say_what_is_left(self, problem: AutoresearchError) -> None:
        kept = self._writer is not None and self._writer.place != "memory"
        if self._server is not None and kept:
            self._say_what_waits(problem)
            return
        said = (
            "is kept in its journal alone, from which the next command of autoresearch brings it into the store"
            if kept
            else "could not be stored"
        )
        warn(f"Run {self.id} ended, and {said}: {problem.message} {problem.hint}", stacklevel=3)

    def _say_what_waits(self, problem: AutoresearchError) -> None:
        if self._writer is None or self._crew is None or sys.stderr is None:
            return
        total = self._writer.records
        left = max(0, total - self._crew.sent())
        try:
            sys.stderr.write(
                f"autoresearch: Run {self.name!r} ended, and {left:,} of its {total:,} records wait in {self._writer.folder}. "
                f"{problem.message} {problem.hint}\n"
                "autoresearch: Nothing is lost; this sends them: autoresearch sync\n"
            )
        except (OSError, ValueError):
            return  # standard error is closed: nobody would read it

    def close(self) -> None:
        """The same as ``finish()``."""
        self.finish()

    def watch(self) -> None:
        """End the run by itself when the process ends; :func:`autoresearch.init` has called it."""
        if self._ending is None and self._crew is not None:
            self._ending = Ending(self._ended)
            self._ending.watch()

    def _ended(self, state: str, code: int | None, error: str | None) -> None:
        self.finish(state, exit_code=code, error=error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        state, code, said = outcome_of(error)
        self.finish(state, exit_code=code, error=said)

    def __repr__(self) -> str:
        return f"Run({self.name!r}, project={self.project!r}, id={self.id!r}, state={self.state!r})"

    def _tell(self, body: Mapping[str, Any]) -> None:
        if self.mode == "read-only":
            _refuse()
        if self._writer is not None and self.state == "running":
            self._writer.message(dict(body))

    def _log_other(self, key: str, value: Any, step: int, labels: Labels) -> bool:
        """Take a value that is neither number nor text; False when it is nothing that can be logged."""
        if self._crew is None or not hasattr(value, "encode"):
            return False
        return self._crew.store_media(key, value, step, dict(labels))


def _ignore(values: Mapping[str, Any], step: int | None = None, labels: object = None) -> None:
    """Where a disabled run logs to."""


def _refuse(*_: Any, **__: Any) -> None:
    raise Conflict("This run was opened to be read.", hint="Go on with it by resume= without read_only.")
