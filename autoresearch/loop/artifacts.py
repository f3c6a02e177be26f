"""The artifact of a kept experiment: chosen files of its code, and its numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from statistics import fmean

from autoresearch.errors import TrialError
from autoresearch.loop.desk import Desk
from autoresearch.loop.measuring import Measurement
from autoresearch.loop.workdir import Workdir, writing
from autoresearch.records.experiment import Experiment

__all__ = ["keep_artifact"]


def keep_artifact(desk: Desk, folder: Workdir, experiment: Experiment, runs: Measurement) -> None:
    """Log a version of the plan's artifact, made by an experiment whose runs have a score.

    Raises:
        TrialError: The folder cannot be written, or a file of the artifact is not there.
    """
    plan, metric = desk.plan, desk.goal.metric
    if plan.artifact is None:
        return
    out = folder.path.parent / "artifact"
    score = fmean(runs.samples)
    with writing(out):
        out.mkdir()
        for name in plan.artifact_paths:
            _copy(folder.path / name, out / name)
        metrics = {**runs.metrics, metric: score, "samples": runs.samples}
        text = json.dumps(metrics, indent=2, sort_keys=True) + "\n"
        (out / "metrics.json").write_text(text, encoding="utf-8")
    desk.workspace.artifact(
        plan.artifact,
        out,
        type="model",
        produced_by=experiment.id,
        metadata={"experiment": experiment.number, metric: score},
    )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    elif source.is_file():
        shutil.copy2(source, target)
    else:
        raise TrialError(
            f"The run left no {source.name} to keep as an artifact.",
            hint="Name files in artifact_paths that the command writes, or that are part of the code.",
        )
