"""An agent that is a model over HTTP: it is asked, given tools over the folder, and heard until it answers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any

from autoresearch import shipped
from autoresearch.briefs.fence import quote
from autoresearch.drivers.answer import Answer, parse_answer
from autoresearch.drivers.base import Assignment, Proposal
from autoresearch.drivers.models.budget import Limits, Meter, Prices
from autoresearch.drivers.models.files import FileTools, file_tools
from autoresearch.drivers.models.paths import Folder
from autoresearch.drivers.models.requests import ContextTooLongError, Endpoint, Line
from autoresearch.drivers.models.tools import Outcome, Tool, Toolbox
from autoresearch.drivers.models.transcript import Transcript
from autoresearch.drivers.models.turns import Asking, Conversation, Spent, Turn
from autoresearch.errors import AgentError, AutoresearchError
from autoresearch.research.scope import matcher

__all__ = ["Ledger", "ModelAgent", "no_ledger"]

Ledger = Callable[[Assignment], AbstractContextManager[Sequence[Tool]]]
"""Opens the tools by which a model reads what was tried before, for as long as one proposal takes."""

_MOST_CALLS = 32
_BYTES_PER_TOKEN = 4
_LAST = "This is your last turn: call no tool, and give your final answer in the form that was asked for."
_CUT = "Your answer was cut at its limit. Say it shorter, and write large files in several edits."


@contextlib.contextmanager
def no_ledger(assignment: Assignment) -> Iterator[Sequence[Tool]]:  # noqa: ARG001  the signature of a ledger
    """No tools beside those over the folder."""
    yield ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAgent:
    """Asks a model for one change at a time. It keeps nothing between two proposals, so that several threads may ask.

    Attributes:
        name: Who it is, for the record.
        model: Name of the model.
        endpoint: Where it is asked.
        converse: Begins a conversation in the wire format of that place.
        limits: The most that one proposal may take.
        prices: What tokens cost, where that is known.
        most_output: Tokens of one answer at most.
        extra: Further fields of every request.
        ledger: Opens the tools over the ledger.
    """

    name: str
    model: str
    endpoint: Endpoint
    converse: Callable[[Asking, str], Conversation]
    limits: Limits = field(default_factory=Limits)
    prices: Prices | None = None
    most_output: int = 16_000
    extra: Mapping[str, Any] = field(default_factory=dict)
    ledger: Ledger = no_ledger

    def propose(self, assignment: Assignment) -> Proposal:
        """The next change, edited into the assignment's folder, or that the model knows nothing more to try.

        Raises:
            AgentError: The model cannot be reached, refuses, reaches a limit, or does not answer as it was asked to; the
                details carry ``usage``, ``transcript``, and ``fatal`` when asking again is useless.
        """
        meter = Meter(self.limits, self.prices)
        path = assignment.scratch / "transcript.jsonl"
        with contextlib.ExitStack() as stack:
            transcript = stack.enter_context(Transcript(path))
            try:
                tools = stack.enter_context(self.ledger(assignment))
                talk = self._begun(assignment, tools, meter, transcript)
                talk.line = stack.enter_context(Line())
                answer = talk.run()
            except AutoresearchError as other:
                error = other if isinstance(other, AgentError) else AgentError(other.message, hint=other.hint)
                error.details.setdefault("fatal", False)
                error.details |= {"usage": asdict(meter.usage), "transcript": str(path)}
                transcript.write("failed", **error.envelope()["error"])
                raise error from other
        return Proposal(
            answer.note,
            config=answer.config,
            usage=meter.usage,
            model=talk.model or self.model,
            transcript=path,
            give_up=answer.give_up,
        )

    def _begun(
        self, assignment: Assignment, ledger: Sequence[Tool], meter: Meter, transcript: Transcript
    ) -> _Talk:
        folder = Folder(assignment.folder, refusal=_refusal(assignment))
        tools = [*file_tools(FileTools(folder)), *ledger]
        asking = Asking(
            model=self.model,
            system=shipped.read("prompts", "model_system.md"),
            tools=tools,
            most_output=self.most_output,
            extra=self.extra,
        )
        transcript.write("begun", model=self.model, system=asking.system, question=assignment.prompt)
        bounds = [one for one in (assignment.seconds, self.limits.seconds) if one is not None]
        until = self.endpoint.waiting.clock() + min(bounds) if bounds else None
        conversation = self.converse(asking, assignment.prompt)
        return _Talk(self.endpoint, conversation, Toolbox.of(tools), meter, transcript, until)


@dataclass(slots=True)
class _Talk:
    """One conversation, from the question to the answer."""

    endpoint: Endpoint
    conversation: Conversation
    tools: Toolbox
    meter: Meter
    transcript: Transcript
    until: float | None
    line: Line = field(init=False)
    model: str | None = None
    patience: int = 2
    """How often an answer that is cut or in another form is asked for again."""

    def run(self) -> Answer:
        while True:
            if why := self.endpoint.waiting.stopped():
                raise AgentError(f"The model was not asked again: {why}.", hint="Resume the campaign.")
            more = self.meter.room()
            if not more:
                self.conversation.give((), _LAST)
            turn = self._turn(last=not more)
            if turn.stop == "refused":
                raise AgentError(
                    f"The model refused: {quote(turn.text, 300)}.",
                    hint="Read the transcript; ask for something else.",
                )
            if turn.calls and more:
                self.conversation.give(self._called(turn))
                continue
            try:
                return self._answer(turn)
            except AgentError as error:
                self.patience -= 1
                if not more or self.patience < 0:
                    raise
                self.conversation.give((), _CUT if turn.stop == "length" else f"{error.message} {error.hint}")

    def _answer(self, turn: Turn) -> Answer:
        if turn.calls:
            raise AgentError(
                f"The model went on calling tools in its last turn, after {self.meter.turns} of them.",
                hint="Raise max_turns, max_tokens or max_cost, or ask for a smaller change.",
            )
        if turn.stop == "length":
            raise AgentError("The model's answer was cut at its limit.", hint="Raise max_output_tokens.")
        return parse_answer(turn.text)

    def _turn(self, *, last: bool) -> Turn:
        while True:
            try:
                body = self.conversation.body(last=last)
                answer = self.endpoint.ask(self.line, body, self.until, self._remark)
                self.transcript.write("answer", turn=self.meter.turns + 1, answer=answer)
                turn = self.conversation.take(answer)
            except ContextTooLongError:
                if not self.conversation.shorten():
                    raise
                self._remark("the conversation was too long; what old calls gave was left out")
                continue
            self._counted(body, turn)
            if turn.stop != "too_long":
                return turn
            raise AgentError(
                "The model has no more room to answer: the conversation fills what it can read.",
                hint="Take a model that reads more, or a smaller file.",
            )

    def _counted(self, body: Mapping[str, Any], turn: Turn) -> None:
        said = len(turn.text) + sum(len(json.dumps(call.arguments)) for call in turn.calls)
        estimate = Spent(len(json.dumps(body)) // _BYTES_PER_TOKEN, said // _BYTES_PER_TOKEN)
        self.meter.add(turn.spent, estimate)
        self.model = turn.model or self.model

    def _called(self, turn: Turn) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for number, call in enumerate(turn.calls):
            if number < _MOST_CALLS:
                outcome = self.tools.run(call)
            else:
                outcome = Outcome(call, f"Not run: more than {_MOST_CALLS} calls at once.", failed=True)
            outcomes.append(outcome)
            self.transcript.write(
                "call",
                turn=self.meter.turns,
                tool=call.name,
                arguments=call.arguments,
                failed=outcome.failed,
                result=outcome.text,
            )
        return outcomes

    def _remark(self, said: str) -> None:
        self.transcript.write("remark", turn=self.meter.turns + 1, said=said)


def _refusal(assignment: Assignment) -> Callable[[str], str | None] | None:
    """Tells early what the loop refuses anyway: a change of a protected path."""
    goal = assignment.brief.get("goal")
    protected = goal.get("protected") if isinstance(goal, Mapping) else None
    patterns = tuple(one for one in protected or () if isinstance(one, str))
    if not patterns:
        return None
    spec = matcher(patterns)
    return lambda path: f"{path} is protected" if spec.match_file(path) else None
