"""How a campaign works: what is run, who proposes, when a change is kept, and what may be spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from autoresearch.errors import Invalid
from autoresearch.loop.budget import Limits
from autoresearch.loop.executors.base import Resources
from autoresearch.loop.policy import Policy
from autoresearch.loop.scoring import Reading

__all__ = ["MOST_WORKERS", "Plan"]

MOST_WORKERS = 256
"""Workers of one campaign at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a campaign works.

    Attributes:
        command: Program and arguments that train and give the score; each run gets its seed as ``SEED``.
        tag: Tag of the session; kept changes go to the branch ``autoresearch/<tag>``.
        limits: What it may spend.
        workers: Trials at the same time.
        editable: What a change may touch, as ``.gitignore`` patterns; empty for everything that is not protected.
        baseline_runs: Runs of the unchanged code, from which the noise is known.
        trial_seconds: Wall-clock budget of a run when the goal gives none.
        agent_seconds: Wall-clock seconds that the agent may take for a proposal; None for no limit.
        resources: What a run needs, and its limits but for time.
        source: Where the score is read, ``pattern`` and ``often`` how; see :class:`~autoresearch.loop.scoring.Reading`.
        environment: Variables added to the clean environment of a run.
        artifact: Name of the artifact that keeps log, or None to log none; ``artifact_paths`` are its files.
        policy: When a change is kept.
        folders: Where the folders of trials are made; by default ``trials`` in the store's home.
        prompt_tokens: Length of the question that the agent is asked, in tokens; 0 asks none, for agents that only search.
        patience: Experiments without a real gain after which the question changes.
        early: When a run is ended before its time: ``certain`` for NaN, infinity and alerts of level error, ``behind`` also when
            it falls far behind the best's own curve (a schedule that drops late may be ended falsely), or ``off``.
        results: File of the working tree that is kept written for those who read it, such as ``results.tsv``; "" for none.

    Raises:
        Invalid: A value is out of range.
    """

    command: Sequence[str]
    tag: str
    limits: Limits = field(default_factory=Limits)
    workers: int = 1
    editable: tuple[str, ...] = ()
    baseline_runs: int = 3
    trial_seconds: float | None = None
    agent_seconds: float | None = None
    resources: Resources = field(default_factory=Resources)
    source: Literal["auto", "run", "output"] = "auto"
    pattern: str | None = None
    often: Literal["once", "last"] = "once"
    environment: Mapping[str, str] = field(default_factory=dict)
    artifact: str | None = None
    artifact_paths: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    folders: Path | None = None
    prompt_tokens: int = 8000
    patience: int = 10
    early: Literal["certain", "behind", "off"] = "certain"
    results: str = ""

    def __post_init__(self) -> None:
        if not self.command:
            raise Invalid("A campaign needs a command.", hint="Name what trains and gives the score.")
        if not 1 <= self.workers <= MOST_WORKERS or self.baseline_runs < 1 or self.patience < 1:
            raise Invalid(
                f"A campaign of {self.workers} workers, {self.baseline_runs} baseline runs and a patience of "
                f"{self.patience} cannot be run.",
                hint=f"Give 1 to {MOST_WORKERS} workers, at least one baseline run, and a patience of at least 1.",
            )
        self.reading("metric")

    def reading(self, metric: str) -> Reading:
        """How the score is read, for a goal's metric."""
        return Reading(metric=metric, source=self.source, pattern=self.pattern, often=self.often)

    def document(self) -> dict[str, Any]:
        """The plan as one JSON object, without values of the environment, which may be secret."""
        values = asdict(self)
        values["command"] = list(self.command)
        values["environment"] = sorted(self.environment)
        values["folders"] = None if self.folders is None else str(self.folders)
        return values
