"""How a run begins: a journal and a description in it, no database and no network."""

from __future__ import annotations

import os
import sys
import time

from autoresearch.errors import Invalid
from autoresearch.journal.writer import Writer
from autoresearch.records.ids import is_id, new_id
from autoresearch.records.words import clean_line
from autoresearch.settings import MODES, Settings
from autoresearch.track.live.crew import Crew
from autoresearch.track.live.draining import spools
from autoresearch.track.live.names import new_name
from autoresearch.track.live.run import Run
from autoresearch.track.live.values import as_mapping, plain_values
from autoresearch.track.place import project_of
from autoresearch.track.whoami import who

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["begin"]

_SECRET = ("key", "token", "secret", "password", "passwd", "credential")
_MAX_ARGUMENTS = 100


def begin(
    *,
    project: str | None = None,
    name: str | None = None,
    config: Any = None,
    tags: Sequence[str] = (),
    note: str = "",
    group: str | None = None,
    job_type: str | None = None,
    experiment: Any = None,
    parent: Any = None,
    id: str | None = None,  # noqa: A002  the field's word
    resume: str | bool | None = None,
    writer_id: str | None = None,
    system_metrics: bool | None = None,
    system_interval: float | None = None,
    flush_interval: float | None = None,
    capture_console: bool = True,
    capture_code: bool = True,
    mode: str | None = None,
    read_only: bool = False,
    home: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Run:
    """Begin a run; :func:`autoresearch.init` describes the arguments.

    Raises:
        Invalid: A value was refused.
        NotFound: The run to resume is not there.
    """
    settings = Settings()
    mode = _mode(mode or settings.mode)
    place = os.path.abspath(home or settings.home)
    here = os.path.abspath(folder or os.getcwd())
    called = project_of(here, project or settings.project)
    if read_only:
        return _opened(resume or id, called, place)
    values = as_mapping(config)
    interval = _interval(flush_interval)
    run_id, known, steps = _identity(id or settings.run_id, resume, called, place)
    run_name = _line("name", name) or known or new_name()
    opening = {
        "op": "open",
        "project": called,
        "name": run_name,
        "config": plain_values(values),
        "tags": [str(tag) for tag in tags],
        "note": str(note),
        "group": _line("group", group),
        "job_type": _line("job_type", job_type),
        "parent": _id_of(parent),
        "experiment": _id_of(experiment) or settings.experiment,
        "resume": bool(resume),
        "started": time.time(),
        "environment": _environment(here),
        "actor": who(settings),
    }
    if mode == "disabled":
        return Run(id=run_id, name=run_name, project=called, mode=mode, home=place, config=values)
    spool = spools(place)[mode == "offline"]
    writer = Writer(spool, run_id, writer=_writer_id(writer_id or settings.writer_id))
    writer.message(opening)
    if steps:
        writer.step = steps
    crew = Crew(writer, spool, place, _ingest(place, mode), interval=interval)
    run = Run(
        id=run_id,
        name=run_name,
        project=called,
        mode=mode,
        home=place,
        config=values,
        writer=writer,
        crew=crew,
    )
    measure = settings.system_metrics if system_metrics is None else system_metrics
    every = max(1.0, system_interval or settings.system_interval)
    crew.start(
        settings,
        work_folder=here,
        console=capture_console,
        code=capture_code,
        telemetry=every if measure else None,
    )
    run.watch()
    return run


def _opened(ref: object, project: str, home: str) -> Run:
    if not isinstance(ref, str):
        raise Invalid("read_only was given without a run.", hint="Name the run: resume=… or id=….")
    from autoresearch.track.live.resuming import stored_run

    found = stored_run(ref, project, home)
    run = Run(
        id=found.id, name=found.name, project=found.project, mode="read-only", home=home, config=found.config
    )
    run.state = found.state
    return run


def _ingest(home: str, mode: str) -> Any:
    if mode == "offline":
        return None
    from autoresearch.ledger.local.ingest import LocalIngest

    return LocalIngest(home)


def _mode(mode: str) -> str:
    if mode not in MODES:
        raise Invalid(f"mode was {mode!r}.", hint=f"Use one of {', '.join(MODES)}.")
    return mode


def _interval(seconds: float | None) -> float | None:
    if seconds is None:
        return None
    if not 0 < seconds < 1e9:
        raise Invalid(f"flush_interval was {seconds!r}.", hint="Give a number of seconds above 0.")
    return float(seconds)


def _identity(wanted: str | None, resume: object, project: str, home: str) -> tuple[str, str | None, int]:
    """Id, known name and next step of the run that begins or goes on."""
    if wanted is not None and not is_id(wanted):
        raise Invalid(
            f"id was {wanted!r}, which is not a UUID in lower-case form.",
            hint="Leave it out to get a new one.",
        )
    if isinstance(resume, str):
        from autoresearch.track.live.resuming import standing_of

        return standing_of(resume, project, home)
    return wanted or new_id(), None, 0


def _writer_id(wanted: str | None) -> str | None:
    if wanted is None or is_id(wanted):
        return wanted
    # A name such as "rank-0" is as good; the journal's file needs the form of an id.
    from autoresearch.records.ids import derived_id

    return derived_id("writer", wanted, new_id())


def _line(what: str, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        if not 1 <= len(value) <= 1000:
            raise ValueError("must have 1 to 1,000 characters")  # noqa: TRY301  said like the other refusals
        return clean_line(value)
    except ValueError as error:
        raise Invalid(f"{what} was {value!r:.80}: {error}.", hint=f"Correct {what} and call again.") from None


def _id_of(thing: Any) -> str | None:
    if thing is None:
        return None
    found = str(getattr(thing, "id", thing))
    if not is_id(found):
        raise Invalid(
            f"{found!r:.80} is not the id of a run or experiment.",
            hint="Give the id, or what the call answered.",
        )
    return found


def _environment(folder: str) -> dict[str, Any]:
    from autoresearch._version import __version__

    return {
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "argv": _arguments(sys.argv),
        "cwd": folder,
        "version": __version__,
    }


def _arguments(given: Sequence[str]) -> list[str]:
    """The command line, without what looks like a secret."""
    said: list[str] = []
    hide = False
    for argument in given[:_MAX_ARGUMENTS]:
        name, found, _ = argument.partition("=")
        secret = name.startswith("-") and any(word in name.lower() for word in _SECRET)
        said.append("***" if hide else f"{name}=***" if secret and found else argument[:1000])
        hide = secret and not found
    return said
