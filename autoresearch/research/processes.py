"""The life of a run, told from the lives of its processes.

A run is running while one of its processes is, else it is what became of the worst of them. ``processes`` maps each writer that
opened the run to what is known of it, as JSON: state, host, pid, ``started`` and ``ended`` in Unix seconds, whether it said that
it ``resumes``, and ``silent`` where it counts as crashed because nothing was heard of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from autoresearch.records.run import RunState

__all__ = ["Processes", "end", "fall_silent", "is_running", "join", "requester", "revive", "state", "vanish"]

Processes = dict[str, dict[str, Any]]

_WORSE = {"finished": 0, "killed": 1, "failed": 2, "crashed": 3}


def state(processes: Mapping[str, Mapping[str, Any]]) -> RunState:
    """What the run is."""
    states = {str(process["state"]) for process in processes.values()}
    if not states or "running" in states:
        return "running"
    return cast("RunState", max(states, key=lambda found: _WORSE[found]))


def requester(run_id: str) -> str:
    """The writer that stands for whoever began a run by a request, until a process of its own opens it."""
    return f"request-{run_id}"


def is_running(processes: Processes, writer: str) -> bool:
    """Whether this process is one of the run's and has not ended."""
    return processes.get(writer, {}).get("state") == "running"


def join(processes: Processes, writer: str, **known: Any) -> Literal["joined", "resumed"]:
    """A process opens the run: beside others, or as the first of a new generation when all others have ended.

    One that began before the others ended belongs to them, however late its word arrives.
    """
    others = [process for name, process in processes.items() if name != writer]
    beside = not others or any(
        process["state"] == "running" or known["started"] < process.get("ended", 0.0) for process in others
    )
    if not beside:
        processes.clear()
    processes[writer] = {"state": "running", **known}
    return "joined" if beside else "resumed"


def end(processes: Processes, writer: str, ended: str, at: float) -> bool:
    """A process says how it ended; False when it is none of the run's, or was known to have ended."""
    process = processes.get(writer)
    if process is None or (process["state"] != "running" and not process.get("silent")):
        return False
    process.pop("silent", None)
    process.update(state=ended, ended=at)
    return True


def vanish(processes: Processes, writer: str, at: float) -> bool:
    """A process is found dead without a word of its own; False as for ``end``.

    One whose run was resumed behind it does not count against those who resumed it.
    """
    if not end(processes, writer, "crashed", at):
        return False
    others = (process for name, process in processes.items() if name != writer)
    if any(process.get("resumes") and process["started"] >= at for process in others):
        del processes[writer]
    return True


def fall_silent(processes: Processes, at: float) -> None:
    """Nothing was heard of the processes that should be running."""
    for process in processes.values():
        if process["state"] == "running":
            process.update(state="crashed", ended=at, silent=True)


def revive(processes: Processes) -> None:
    """Something was heard again."""
    for process in processes.values():
        if process.pop("silent", False):
            process["state"] = "running"
            process.pop("ended", None)
