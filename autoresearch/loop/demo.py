"""The demo: a real campaign on a small language model, with no key and no network.

It makes a git repository with a character-level model that learns from the standard library's own sources, and
lets the offline agent improve it. Everything it records lies in the user's store, under a project of its own.
"""

from __future__ import annotations

import itertools
import json
import shlex
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from autoresearch import shipped
from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.loop.budget import Limits, counted
from autoresearch.loop.campaign import run_campaign, unfinished
from autoresearch.loop.events import Listener, silent
from autoresearch.loop.offline import OfflineAgent
from autoresearch.loop.picture import write_svg
from autoresearch.loop.plan import Plan
from autoresearch.loop.profile import load_profile
from autoresearch.loop.repository import git_init
from autoresearch.records.experiment import Actor
from autoresearch.settings import Settings
from autoresearch.track.project_file import FILE_NAME, read_project_file
from autoresearch.track.workspace import Workspace

__all__ = ["BASELINE_RUNS", "DEFAULT_TRIALS", "PICTURE", "TAG", "THREADS", "DemoResult", "run_demo"]

DEFAULT_TRIALS = 24
"""Changes that a demo tries, about a minute and a half on two slow cores."""

BASELINE_RUNS = 5
"""Runs of the unchanged code, from which the noise is known."""

TAG = "demo"
"""Tag of the session; kept changes are on the branch ``autoresearch/demo``."""

PICTURE = "frontier.svg"
"""File of the staircase in the demo's folder."""

THREADS = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
"""One thread: the runs are short, and their time should not depend on what else the machine does."""

_METRIC = "val_bpb"
_PROTECTED = ("data.py", "evaluate.py", "autoresearch.toml")
_EDITABLE = ("train.py",)
_TRIAL_SECONDS = 30.0
_DESCRIPTION = "Bits per byte of a character model on held-out standard library sources, with fixed compute."


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo did.

    Attributes:
        project: Name of the project in the ledger.
        directory: The repository it made.
        goal: ``metric``, ``direction``, ``min_delta`` and ``description``.
        baseline: ``mean``, ``sd`` and ``n`` of the unchanged code.
        best: Score of the winner.
        experiments: How many there are, with ``kept``, ``dropped`` and ``crashed`` of them.
        winner: ``artifact``, ``version`` and ``experiment`` (its number).
        seconds: Wall-clock seconds of this call.
    """

    project: str
    directory: str
    goal: Mapping[str, Any]
    baseline: Mapping[str, float | int | None]
    best: float
    experiments: int
    kept: int
    dropped: int
    crashed: int
    winner: Mapping[str, str | int]
    seconds: float

    def document(self) -> dict[str, Any]:
        """The result as one JSON object."""
        return asdict(self)


def run_demo(
    seed: int = 0,
    trials: int = DEFAULT_TRIALS,
    home: str | Path | None = None,
    directory: str | Path | None = None,
    on_event: Listener | None = None,
) -> DemoResult:
    """Run the demo campaign, or go on with one that was stopped.

    Args:
        seed: Seed of the agent's search; another seed searches another way.
        trials: Changes to try in all; a demo that goes on tries what is left of them.
        home: Folder of the embedded store; else AUTORESEARCH_HOME, else ``~/.autoresearch``.
        directory: Where the repository is made, or lies; else a new folder ``demo/charlm…`` in the home.
        on_event: Called with every event of the campaign.

    Raises:
        Invalid: The number of trials is out of range.
        Conflict: The directory holds something else.
        TrialError: The training cannot be run here.
        KeyboardInterrupt: Ctrl-C or SIGTERM; its text says how to go on.
    """
    if trials < 1 or trials > 10_000:
        raise Invalid(f"{trials} trials cannot be run.", hint="Give a number from 1 to 10000.")
    begun = time.monotonic()
    store = Path(home).expanduser().resolve() if home else Path(Settings().home)
    folder = Path(directory).expanduser().resolve() if directory else _free_folder(store)
    actor = Actor(kind="agent", name=OfflineAgent.name)
    project = _known(folder) or _make(folder, store, actor)
    with Workspace.open(folder, project=project, home=store, actor=actor) as workspace:
        if workspace.file.goal is None:
            raise Conflict(f"{folder / FILE_NAME} has no goal.", hint="Start the demo in another folder.")
        workspace.ledger.research.set_goal(project, workspace.file.goal)
        agent = OfflineAgent(seed, load_profile(_shipped()))
        plan = _plan(project, max(0, trials - _tried_before(workspace)), store)
        try:
            run_campaign(workspace, agent, plan, on_event or silent)
        except KeyboardInterrupt:
            again = f"autoresearch demo --seed {seed} --trials {trials} --into {shlex.quote(str(folder))}"
            raise KeyboardInterrupt(f"The demo was stopped. To go on: {again}") from None
        write_svg(workspace.progress(), folder / PICTURE)
        return _result(workspace, folder, time.monotonic() - begun)


def _tried_before(workspace: Workspace) -> int:
    """Changes that were tried by campaigns that are over, as whatever goes on counts its own."""
    tried = max(0, len(workspace.experiments()) - 1)
    going_on = unfinished(workspace, TAG)
    return max(0, tried - (counted(going_on) if going_on else 0))


def _shipped() -> Traversable:
    return shipped.root("agents") / "offline" / "charlm"


def _free_folder(store: Path) -> Path:
    number = 1
    while (folder := store / "demo" / f"charlm-{number}").exists():
        number += 1
    return folder


def _known(folder: Path) -> str | None:
    """The project of a demo that was begun in this folder."""
    file = folder / FILE_NAME
    return read_project_file(file).project if file.is_file() and (folder / "train.py").is_file() else None


def _make(folder: Path, store: Path, actor: Actor) -> str:
    """Make the repository; the name of its project, which no other has."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(
            f"{folder} is not empty.", hint="Name a folder that is new, empty, or of an earlier demo."
        )
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".demo-", dir=folder.parent) as scratch:
        made = Path(scratch, folder.name)
        made.mkdir()
        with Workspace.open(made, home=store, actor=actor) as workspace:
            names = (folder.name if n == 1 else f"{folder.name}-{n}" for n in itertools.count(1))
            project = next(name for name in names if not _taken(workspace, name))
        for name in ("train.py", "data.py", "evaluate.py"):
            text = (_shipped() / f"{name}.txt").read_text(encoding="utf-8")
            (made / name).write_text(text, encoding="utf-8")
        (made / ".gitignore").write_text(f"{PICTURE}\n__pycache__/\n", encoding="utf-8")
        (made / FILE_NAME).write_text(_project_file(project), encoding="utf-8")
        git_init(made, "A character model, a first draft")
        # In one step, so that a demo that is stopped here leaves either nothing or a repository to go on with.
        made.rename(folder)
    return project


def _taken(workspace: Workspace, project: str) -> bool:
    try:
        workspace.ledger.research.project(project)
    except NotFound:
        return False
    return True


def _command() -> tuple[str, ...]:
    return (sys.executable, "train.py")


def _project_file(project: str) -> str:
    return f"""\
project = {json.dumps(project)}

[goal]
metric = "{_METRIC}"
direction = "min"
description = "{_DESCRIPTION}"
protected = {json.dumps(_PROTECTED)}

[budget]
trial_seconds = {_TRIAL_SECONDS}

[run]
command = {json.dumps(_command())}
editable = {json.dumps(_EDITABLE)}
"""


def _plan(project: str, trials: int, store: Path) -> Plan:
    return Plan(
        command=_command(),
        tag=TAG,
        limits=Limits(experiments=trials),
        editable=_EDITABLE,
        environment=THREADS,
        artifact=project,
        baseline_runs=BASELINE_RUNS,
        artifact_paths=_EDITABLE,
        folders=store / "trials",
        prompt_tokens=0,
        early="off",
    )


def _result(workspace: Workspace, folder: Path, seconds: float) -> DemoResult:
    frontier, experiments = workspace.frontier(), workspace.experiments()
    if frontier.baseline is None or frontier.best is None:
        raise Conflict("The demo has no baseline.", hint="Start it again in another folder.")
    samples = workspace.ledger.research.decisions(frontier.baseline.experiment_id)[-1].samples
    states = Counter(experiment.state for experiment in experiments)
    goal = frontier.goal
    return DemoResult(
        project=workspace.name,
        directory=str(folder),
        goal={
            "metric": goal.metric,
            "direction": goal.direction,
            "min_delta": goal.min_delta,
            "description": goal.description,
        },
        baseline={
            "mean": fmean(samples),
            "sd": stdev(samples) if len(samples) > 1 else None,
            "n": len(samples),
        },
        best=frontier.best.score,
        experiments=len(experiments),
        kept=states["kept"],
        dropped=states["dropped"],
        crashed=states["crashed"],
        winner={
            "artifact": workspace.name,
            "version": workspace.get_artifact(workspace.name, "winner").version,
            "experiment": frontier.best.number,
        },
        seconds=round(seconds, 1),
    )
