"""How a run begins: a journal and a description in it, no database and no network."""

from __future__ import annotations

import os
import sys
import time

from autoresearch.errors import Invalid, NotFound, Unavailable
from autoresearch.journal.warning import warn
from autoresearch.journal.writer import Writer
from autoresearch.records.ids import is_id, new_id
from autoresearch.records.typed import config_value
from autoresearch.records.words import clean_line, clean_path
from autoresearch.settings import Settings
from autoresearch.store.homes import make_home
from autoresearch.track.live.crew import Crew
from autoresearch.track.live.draining import spools
from autoresearch.track.live.names import new_name
from autoresearch.track.live.run import Run
from autoresearch.track.live.servers import mode_of, required_server
from autoresearch.track.live.values import as_mapping, plain_values
from autoresearch.track.place import project_of
from autoresearch.track.whoami import who

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from autoresearch.track.live.resuming import Where
    from autoresearch.track.live.servers import Server

__all__ = ["begin"]

_SECRET = ("key", "token", "secret", "password", "passwd", "credential")
_MAX_ARGUMENTS = 100


def begin(*, mode: str | None, home: Any, project: str | None, read_only: bool, **wanted: Any) -> Run:
    """Begin a run, or open one to be read; the arguments are those of :func:`autoresearch.init`.

    Raises:
        Invalid: A value was refused.
        NotFound: The run to resume is not there.
    """
    settings = Settings()
    root, here = os.path.abspath(home or settings.home), os.getcwd()
    mode = mode_of(settings, root, mode)
    server = required_server(settings, root) if mode == "online" else None
    place = root if server is None else server.home
    called = project_of(here, project or settings.project)
    resume, named = wanted["resume"], wanted["id"] or settings.run_id
    if read_only:
        return _opened(resume or named, called, place, server)
    values, interval = as_mapping(wanted["config"]), _interval(wanted["flush_interval"])
    run_id, known, step = _identity(named, resume, called, (place, server))
    name = _line("name", wanted["name"]) or known or new_name()
    opening = _opening(settings, here, wanted) | {
        "project": called,
        "name": name,
        "config": plain_values(values, typed=True),
    }
    described: dict[str, Any] = {
        "id": run_id,
        "name": name,
        "project": called,
        "mode": mode,
        "home": place,
        "server": server,
        "config": values,
    }
    if mode == "disabled":
        return Run(**described)
    if server is not None:
        _made(root)
    named_writer = wanted["writer_id"] or settings.writer_id
    writer = _writer(spools(place)[mode == "offline"], place, run_id, named_writer)
    writer.message(opening)
    writer.step = step
    limit = None if server is None else settings.finish_timeout
    crew = Crew(writer, writer.folder, place, _ingest(place, mode, server), interval=interval, limit=limit)
    return _begun(Run(**described, writer=writer, crew=crew), crew, settings, here, wanted)


def _begun(run: Run, crew: Crew, settings: Settings, folder: str, wanted: Mapping[str, Any]) -> Run:
    """The run, with everybody at work for it."""
    console, code = wanted["capture_console"], wanted["capture_code"]
    crew.start(
        settings, work_folder=folder, console=console, code=code, telemetry=_telemetry(settings, wanted)
    )
    run.watch()
    return run


def _telemetry(settings: Settings, wanted: Mapping[str, Any]) -> float | None:
    """Seconds between two measurements of the machine, or None for none."""
    asked = wanted["system_metrics"]
    measure = settings.system_metrics if asked is None else asked
    return max(1.0, wanted["system_interval"] or settings.system_interval) if measure else None


def _opening(settings: Settings, folder: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What the journal says first, but for project, name and configuration."""
    return {
        "op": "open",
        "tags": [str(tag) for tag in wanted["tags"]],
        "note": str(wanted["note"]),
        "group": _line("group", wanted["group"]),
        "job_type": _line("job_type", wanted["job_type"]),
        "folder": _path(wanted["folder"]),
        "parent": _id_of(wanted["parent"]),
        "experiment": _id_of(wanted["experiment"]) or settings.experiment,
        "resume": bool(wanted["resume"]),
        "started": time.time(),
        "environment": _environment(folder),
        "actor": who(settings),
    }


def _writer(folder: str, home: str, run_id: str, named: str | None) -> Writer:
    _made(home)
    # A name may come from the environment of several processes, or be used again by the next start; a writer is new each time.
    return Writer(folder, run_id, writer=named and f"{named}-{os.urandom(4).hex()}")


def _made(home: str) -> None:
    try:  # noqa: SIM105  contextlib is not loaded yet
        make_home(home)
    except OSError:
        pass  # the journal speaks of a place that cannot be written, and the run goes on in memory


def _opened(ref: object, project: str, home: str, server: Server | None) -> Run:
    if not isinstance(ref, str):
        raise Invalid("read_only was given without a run.", hint="Name the run: resume=… or id=….")
    from autoresearch.track.live.resuming import stored_run

    found = stored_run(ref, project, (home, server))
    run = Run(
        id=found.id,
        name=found.name,
        project=found.project,
        mode="read-only",
        home=home,
        server=server,
        config=config_value(found.config),
    )
    run.state = found.state
    return run


def _ingest(home: str, mode: str, server: Server | None) -> Any:
    if mode == "offline":
        return None
    if server is not None:
        from autoresearch.track.live.sending import Sender

        return Sender(server)
    from autoresearch.ledger.local.ingest import LocalIngest

    return LocalIngest(home)


def _interval(seconds: float | None) -> float | None:
    if seconds is None:
        return None
    if not 0 < seconds < 1e9:
        raise Invalid(f"flush_interval was {seconds!r}.", hint="Give a number of seconds above 0.")
    return float(seconds)


def _identity(wanted: str | None, resume: object, project: str, where: Where) -> tuple[str, str | None, int]:
    """Id, known name and next step of the run that begins or goes on."""
    if wanted is not None and not is_id(wanted):
        raise Invalid(
            f"id was {wanted!r}, which is not a UUID in lower-case form.",
            hint="Leave it out to get a new one.",
        )
    if isinstance(resume, str):
        from autoresearch.track.live.resuming import standing_of

        return standing_of(resume, project, where)
    if resume and wanted is not None:
        from autoresearch.track.live.resuming import standing_of

        try:
            return standing_of(wanted, project, where)
        except NotFound:  # the first time, of a script that says this each time
            return wanted, None, 0
        except Unavailable as error:
            warn(
                f"Whether run {wanted} has steps already is not known, and they count from 0 here unless log() is given a "
                f"step: {error.message}",
                stacklevel=5,
            )
            return wanted, None, 0
    return wanted or new_id(), None, 0


def _line(what: str, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        if not 1 <= len(value) <= 1000:
            raise ValueError("must have 1 to 1,000 characters")  # noqa: TRY301  said like the other refusals
        return clean_line(value)
    except ValueError as error:
        raise Invalid(f"{what} was {value!r:.80}: {error}.", hint=f"Correct {what} and call again.") from None


def _path(value: str | None) -> str | None:
    if value is None or not value.strip("/"):
        return None
    try:
        return "/".join(clean_path(value))
    except ValueError as error:
        raise Invalid(f"folder was {value!r:.80}: {error}.", hint="Give a path such as sweeps/lr.") from None


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
