"""Ask the agent for a change, and take it: only what lies within the scope, and nothing that was tried before."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autoresearch.briefs.brief import Context
from autoresearch.drivers.base import Assignment, Proposal, Usage
from autoresearch.errors import AgentError, TrialError
from autoresearch.loop.budget import left
from autoresearch.loop.desk import Desk
from autoresearch.loop.events import Asking
from autoresearch.loop.incumbent import message
from autoresearch.loop.lease import MARK
from autoresearch.loop.plateau import instruct
from autoresearch.loop.prompting import Task, Turn, proposal_prompt
from autoresearch.loop.workdir import Workdir, writing
from autoresearch.records.base import canonical_json
from autoresearch.records.campaign import Outcome, Trial
from autoresearch.records.experiment import ExperimentRequest
from autoresearch.records.ids import derived_id
from autoresearch.track.capturing import experiment_request

__all__ = ["Asked", "Inquiry", "experiment_id", "idea_of"]

_BRIEF_ATTEMPTS, _BRIEF_TOKENS = 50, 20_000
_ASKS = 3
_LONGEST_TRANSCRIPT = 16 * 1024 * 1024
_LONGEST_IDEA = 300


@dataclass(frozen=True, slots=True)
class Asked:
    """A change that was taken: what it is recorded as, its commit, and why it is not run, if it is not."""

    request: ExperimentRequest
    sealed: str | None
    outcome: Outcome | None = None
    reason: str = ""


def experiment_id(trial: Trial, attempt: int) -> str:
    """Id of a trial's experiment; the same for the same trial, so that a kill between two steps records nothing twice.

    Args:
        trial: The trial.
        attempt: 0 for the change as it was proposed; above, how often it was put on top of another.
    """
    return derived_id("trial", trial.id, "experiment", str(attempt))


class Inquiry:
    """One trial's question to the agent.

    Attributes:
        usage: What it took so far, in a form that ``Desk.update`` takes.

    Args:
        desk: Of the campaign.
        trial: The trial.
        folder: A fresh folder of the incumbent's code.
        parent: Id of the incumbent's experiment.
    """

    def __init__(self, desk: Desk, trial: Trial, folder: Workdir, parent: str) -> None:
        self.usage: dict[str, Any] = {}
        self._desk = desk
        self._trial = trial
        self._folder = folder
        self._parent = parent
        self._scratch = folder.path.parent / "agent"

    def ask(self) -> Asked | None:
        """The change, or None when the agent knows nothing more to try.

        What is the same code as something else is asked for again, twice at most.

        Raises:
            AgentError: It gave no proposal.
            CutOffError: The campaign ends.
        """
        desk, trial = self._desk, self._trial
        desk.tell(Asking(trial.number, trial.worker))
        with writing(self._scratch):
            self._scratch.mkdir()
        said = ""
        for asks in range(1, _ASKS + 1):
            proposal = self._proposal(said)
            if proposal is None:
                return None
            asked = self._taken(proposal)
            if asked.outcome is not None or asked.sealed is None:
                return asked
            twin = desk.claims.take(asked.request.tree, trial.number)
            if twin is None:
                return asked
            said = str(twin)
            if asks < _ASKS:
                self._folder.sealed = None
                self._folder.reset()
        return Asked(asked.request, None, "refused", f"not run: {said}")

    def _proposal(self, said: str) -> Proposal | None:
        desk = self._desk
        assignment = self._assignment(said)
        begun = time.monotonic()
        try:
            proposal = desk.agent.propose(assignment)
        except AgentError as error:
            desk.go_on()
            self._spend(error.details.get("usage"), begun)
            self._keep(error.details.get("transcript"))
            raise
        desk.go_on()
        if proposal is None:
            return None
        self._spend(proposal.usage, begun)
        self._keep(proposal.transcript)
        named = {"model": proposal.model, "conversation": proposal.session, "agent": desk.agent.name}
        self.usage.update({name: value for name, value in named.items() if value})
        return None if proposal.give_up else proposal

    def _assignment(self, said: str) -> Assignment:
        """What is known, and the question; both are kept before the agent sees them."""
        desk, trial = self._desk, self._trial
        context = desk.workspace.context(limit=_BRIEF_ATTEMPTS, budget=_BRIEF_TOKENS)
        brief: dict[str, Any] = dict(context.data)
        others = desk.others(trial)
        if others:
            brief["running"] = others
        asked, shown = self._question(context, others, said)
        if not asked:
            shown = canonical_json(brief).decode()
        put = desk.workspace.ledger.snapshots.put
        kept: dict[str, Any] = {"context": desk.ask(lambda: put(shown.encode()))}
        if asked:
            kept |= {"prompt": desk.ask(lambda: put(asked.encode())), "prompt_version": self._version}
        desk.update(trial, "proposing", parent_id=self._parent, **kept)
        return Assignment(
            brief=brief,
            folder=self._folder.path,
            scratch=self._scratch,
            prompt=asked,
            trial=trial.number,
            seconds=desk.plan.agent_seconds,
            environment=self._environment(),
        )

    def _question(self, context: Context, others: list[str], said: str) -> tuple[str, str]:
        """The question in words and the brief in it; both empty for an agent that only searches."""
        desk, trial, plan = self._desk, self._trial, self._desk.plan
        notes = desk.ask(lambda: desk.workspace.ledger.campaigns.deliver(trial.campaign_id, trial.id))
        if not plan.prompt_tokens:
            return "", ""
        task = Task(
            command=plan.command,
            editable=plan.editable,
            protected=desk.goal.protected,
            seconds=desk.limit,
            memory=plan.resources.memory,
            reading=plan.pattern or "",
            earlier=desk.earlier,
        )
        turn = Turn(
            number=trial.number,
            most=plan.limits.experiments,
            left=left(plan.limits, desk.control.campaign, seconds=desk.control.seconds),
            seconds=plan.agent_seconds,
            instruction=instruct(context.facts, patience=plan.patience, turn=trial.number),
            others=[*others, *([f"your last proposal was {said}"] if said else [])],
            notes=notes,
        )
        prompt = proposal_prompt(context, task, turn, budget=plan.prompt_tokens)
        self._version = prompt.version
        return prompt.text, prompt.context

    def _environment(self) -> Mapping[str, str]:
        """Variables by which the agent's program finds the same project; those of a measured run are not among them.

        On a server it acts as whoever runs the campaign, with the same key: it is asked by that person, unlike the command.
        """
        workspace = self._desk.workspace
        found = {
            "AUTORESEARCH_HOME": str(workspace.settings.home if workspace.server else workspace.home),
            "AUTORESEARCH_PROJECT": workspace.name,
            MARK: self._trial.campaign_id,
        }
        if workspace.server is not None:
            found["AUTORESEARCH_BASE_URL"] = workspace.server.url
            found["AUTORESEARCH_API_KEY"] = workspace.server.key
        return found

    def _spend(self, usage: object, begun: float) -> None:
        """Add what one proposal took; what was spent before a kill is in the trial."""
        before, trial = self.usage, self._trial
        seconds = before.get("agent_seconds", trial.agent_seconds or 0.0)
        before["agent_seconds"] = seconds + time.monotonic() - begun
        said = asdict(usage) if isinstance(usage, Usage) else usage
        if not isinstance(said, Mapping):
            return
        for name in ("input_tokens", "output_tokens", "cost"):
            value = said.get(name)
            if isinstance(value, int | float):
                before[name] = before.get(name, getattr(trial, name) or 0) + value

    def _keep(self, transcript: object) -> None:
        """Keep what the agent's program said, up to 16 MiB of it."""
        if not isinstance(transcript, Path | str) or not Path(transcript).is_file():
            return
        with Path(transcript).open("rb") as file:
            data = file.read(_LONGEST_TRANSCRIPT)
        self.usage["transcript"] = self._desk.workspace.ledger.snapshots.put(data)

    def _taken(self, proposal: Proposal) -> Asked:
        """Make the change in the folder and look at it."""
        desk, folder, trial = self._desk, self._folder, self._trial
        outcome, reason = self._applied(proposal)
        made = experiment_id(trial, 0)
        sealed = None if outcome else folder.seal(message(proposal.note, made))
        # The same project and ledger, seen from the trial's folder: that is the code that runs.
        request = experiment_request(
            desk.workspace.at(folder.path),
            proposal.note,
            config=proposal.config,
            command=tuple(desk.plan.command),
            parent=self._parent,
            id=made,
            session_of=desk.session_of,
        )
        return Asked(request, sealed, outcome, reason)

    def _applied(self, proposal: Proposal) -> tuple[Outcome | None, str]:
        folder = self._folder
        try:
            folder.apply(proposal.edits)
        except TrialError as error:
            folder.guard()
            return "refused", f"refused, and not run: {error.message}"
        refused = folder.guard()
        if refused:
            return "refused", f"refused, and not run: {'; '.join(refused[:3])}"
        if not folder.changed():
            return "no_change", "refused, and not run: nothing was changed"
        return None, ""


def idea_of(note: str) -> str:
    """What a note says that is tried, in one line."""
    first = next((line.strip() for line in note.splitlines() if line.strip()), "")
    return "".join(letter for letter in first if letter.isprintable())[:_LONGEST_IDEA]
