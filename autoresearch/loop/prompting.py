"""The prompts: a proposal for a campaign's agent, and a plan, an explanation or a report for an agent that works by hand.

Each is written from the brief by a shipped template, within a hard budget of tokens, and carries its template's version
and the digests of what was asked. What stays the same during a campaign stands first, and so do the slow parts of the
brief, so that a model's cache holds for most of it. Text by others is fenced: it can only be read as data.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from autoresearch import shipped
from autoresearch.briefs.brief import MINIMUM as LEAST_BRIEF
from autoresearch.briefs.brief import Context, build
from autoresearch.briefs.fence import clean, log_lines, quote
from autoresearch.drivers.answer import ANSWER_FORM
from autoresearch.errors import Invalid
from autoresearch.loop.plateau import STEADY, Instruction
from autoresearch.records.experiment import Experiment, Note
from autoresearch.tokens import count

__all__ = [
    "MINIMUM",
    "Left",
    "Prompt",
    "Task",
    "Turn",
    "explain_prompt",
    "plan_prompt",
    "proposal_prompt",
    "report_prompt",
]

MINIMUM: Final = 2500
"""The smallest budget, in tokens: below it the rules, the goal and the best do not fit for certain."""

_GIB = 2**30
# Longest text in characters and how many patterns or ideas; then longest note in characters and how many notes.
_HEADS = ((200, 40), (80, 12), (40, 4), (20, 1))
_TAILS = ((200, 8, 1500, 20), (120, 4, 500, 20), (80, 2, 200, 10), (40, 1, 80, 4), (20, 0, 40, 1))
_HEAD_SHARE, _TAIL_SHARE = 0.5, 0.25
_LINES, _LINE_WIDTH = ((200, 200), (80, 160), (30, 120), (8, 80)), 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What stays the same during a campaign.

    Attributes:
        command: Program and arguments of a measured run.
        editable: What a change may touch, as ``.gitignore`` patterns; empty for everything that is not protected.
        protected: What it may never touch.
        seconds: Wall-clock seconds of a run; None for no limit.
        memory: Bytes of memory of a run; None for no limit.
        reading: Pattern by which the score is read from the output; "" for the run's metrics or a line ``name: number``.
        earlier: What was tried before under other conditions, a line each, oldest first.
    """

    command: Sequence[str]
    editable: Sequence[str] = ()
    protected: Sequence[str] = ()
    seconds: float | None = None
    memory: int | None = None
    reading: str = ""
    earlier: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a campaign may still spend; None means without limit. ``cost`` is in US dollars."""

    experiments: int | None = None
    seconds: float | None = None
    tokens: int | None = None
    cost: float | None = None

    def words(self) -> list[str]:
        """Each limit with its unit."""
        said = (
            ("%d experiments", self.experiments),
            ("%.6g s", self.seconds),
            ("%d tokens", self.tokens),
            ("%.2f US dollars", self.cost),
        )
        return [form % value for form, value in said if value is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What is new for one trial.

    Attributes:
        number: Number of the trial in its campaign, from 1; ``most`` is how many there may be, None for no limit.
        left: What the campaign may still spend.
        seconds: Wall-clock seconds that the agent may take; None for no limit.
        instruction: What the plateau asks for.
        others: What other workers try at this moment, a line each.
        notes: Notes delivered to this trial, oldest first; those of people are shown as wishes, others as remarks.
    """

    number: int = 1
    most: int | None = None
    left: Left = Left()
    seconds: float | None = None
    instruction: Instruction = STEADY
    others: Sequence[str] = ()
    notes: Sequence[Note] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt as it is sent.

    Attributes:
        text: The prompt; the brief is part of it.
        version: Version of the template that wrote it, such as ``"proposal-1"``.
        tokens: Its length by ``autoresearch.tokens.count``, at most the budget.
        stable: Leading characters that stay the same while the task and the slow parts of the brief do.
        context: The brief in it, in Markdown.
    """

    text: str
    version: str
    tokens: int
    stable: int
    context: str = field(repr=False)

    @property
    def digest(self) -> str:
        """Sha256 of the text in UTF-8, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def context_digest(self) -> str:
        """The same of the brief."""
        return hashlib.sha256(self.context.encode()).hexdigest()

    def __str__(self) -> str:
        return self.text


def proposal_prompt(context: Context, task: Task, turn: Turn | None = None, *, budget: int = 8000) -> Prompt:
    """Ask for one change to the code, to be answered in the form that ``drivers.answer.parse_answer`` reads.

    Args:
        context: The brief of the project; it is written anew, shorter, where it does not fit.
        task: What stays the same during the campaign.
        turn: What is new for this trial.
        budget: Hard limit in tokens, at least ``MINIMUM``.

    Raises:
        Invalid: The budget is too small.
    """
    _check(budget)
    macros, now = _template("proposal.md.j2"), turn or Turn()
    head = _fitting(
        _HEADS, lambda level: macros.head(_task(context, task, level), level[0]), budget, _HEAD_SHARE
    )
    tail = _fitting(_TAILS, lambda level: macros.tail(_turn(now, level), level[0]), budget, _TAIL_SHARE)
    return _assembled(macros.version, head, context, "\n" + tail, budget)


def plan_prompt(context: Context, *, focus: str = "", budget: int = 8000) -> Prompt:
    """Ask an agent that has the ledger's tools to choose its next change; ``focus`` narrows the search.

    Raises:
        Invalid: The budget is below ``MINIMUM``.
    """
    return _by_hand("plan.md.j2", context, {"focus": focus}, budget)


def report_prompt(context: Context, *, focus: str = "", budget: int = 8000) -> Prompt:
    """Ask for a report on the project for people; ``focus`` says what it should dwell on.

    Raises:
        Invalid: The budget is below ``MINIMUM``.
    """
    return _by_hand("report.md.j2", context, {"focus": focus}, budget)


def explain_prompt(
    context: Context, experiment: Experiment, *, change: str = "", budget: int = 8000
) -> Prompt:
    """Ask why an experiment ended as it did.

    Args:
        context: The brief of its project.
        experiment: The experiment; the end of its log is taken from it.
        change: Its patch as text; the beginning is shown when it is long.
        budget: Hard limit in tokens, at least ``MINIMUM``.

    Raises:
        Invalid: The budget is too small.
    """
    _check(budget)
    macros = _template("explain.md.j2")
    head = _fitting(
        _LINES,
        lambda level: macros.question(_experiment(experiment, change, level), _LINE_WIDTH),
        budget,
        0.75,
    )
    return _assembled(macros.version, head, context, "", budget)


def _by_hand(name: str, context: Context, task: Mapping[str, Any], budget: int) -> Prompt:
    _check(budget)
    macros = _template(name)
    head = _fitting(_HEADS, lambda level: macros.question(task, level[0]), budget, _HEAD_SHARE)
    return _assembled(macros.version, head, context, "", budget)


def _check(budget: int) -> None:
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < MINIMUM:
        raise Invalid(
            f"A budget of {budget!r} tokens is too small for a prompt.",
            hint=f"Give a whole number of at least {MINIMUM}; 8000 is the default.",
        )


@cache
def _template(name: str) -> Any:
    environment = shipped.templates().overlay()
    environment.filters = {**environment.filters, "quote": quote, "number": "{:.6g}".format}
    return environment.get_template(name).module


def _fitting(levels: Sequence[Any], render: Callable[[Any], str], budget: int, share: float) -> str:
    """The fullest form within its share of the budget, else the shortest."""
    for level in levels:
        text = str(render(level))
        if count(text) <= budget * share:
            break
    return text


def _assembled(version: str, head: str, context: Context, tail: str, budget: int) -> Prompt:
    """Head, brief and tail in one text; the brief takes what is left."""
    room = budget - count(head) - count(tail)
    for spare in (0, 16, 64, 256):
        # Parts are counted alone; what meets at their seams may cost a little more.
        brief = (
            context
            if context.tokens <= room - spare
            else build(context.facts, budget=max(room - spare, LEAST_BRIEF))
        )
        text = head + brief.markdown + tail
        tokens = count(text)
        if tokens <= budget:
            return Prompt(
                text=text,
                version=version,
                tokens=tokens,
                stable=len(head) + brief.stable,
                context=brief.markdown,
            )
    raise Invalid(
        f"The prompt does not fit {budget} tokens.", hint="Give a larger budget; 8000 is the default."
    )


def _task(context: Context, task: Task, level: tuple[int, int]) -> dict[str, Any]:
    goal, most = context.facts.goal, level[1]
    return {
        "editable": task.editable[:most],
        "more_editable": max(len(task.editable) - most, 0),
        "protected": task.protected[:most],
        "more_protected": max(len(task.protected) - most, 0),
        "command": shlex.join(task.command),
        "metric": goal.metric if goal else "",
        "direction": goal.direction if goal else "",
        "reading": task.reading,
        "seconds": task.seconds,
        "memory": None if task.memory is None else task.memory / _GIB,
        "earlier": task.earlier[-most:],
        "form": ANSWER_FORM,
    }


def _turn(turn: Turn, level: tuple[int, int, int, int]) -> dict[str, Any]:
    _, ideas, width, most = level
    people = [note for note in turn.notes if note.actor.kind == "human"]
    shown = [*people[-most:], *[note for note in turn.notes if note.actor.kind != "human"][-most:]][:most]
    said = [
        {"author": note.actor.name, "number": note.experiment_number, "text": note.text, "width": width}
        for note in shown
    ]
    wishes = sum(note.actor.kind == "human" for note in shown)
    return {
        "number": turn.number,
        "most": turn.most,
        "left": turn.left.words(),
        "seconds": turn.seconds,
        "others": turn.others[:ideas],
        "mode": turn.instruction.mode,
        "reason": turn.instruction.reason,
        "notes": said[:wishes],
        "remarks": said[wishes:],
        "unread": len(turn.notes) - len(shown),
    }


def _experiment(experiment: Experiment, change: str, level: tuple[int, int]) -> dict[str, Any]:
    lines, width = level
    written = change.split("\n", lines)
    return {
        "number": experiment.number,
        "state": experiment.state,
        "score": experiment.score,
        "gain": experiment.gain,
        "seconds": experiment.seconds,
        "note": experiment.note,
        "reason": experiment.reason,
        "change": [_code_line(line, width) for line in written[:lines] if line.strip()],
        "change_cut": len(written) > lines and bool(written[lines].strip()),
        "log": log_lines(experiment.log_tail, lines=lines, width=width),
    }


def _code_line(line: str, width: int) -> str:
    """A line of a patch, cleaned, with the indentation that Python gives a meaning to."""
    mark = line[:1] if line[:1] in {"+", "-", " "} else ""
    body = line[len(mark) :].rstrip("\r")
    indent = min(len(body) - len(body.lstrip(" ")), width // 2)
    return mark + " " * indent + clean(body, width - indent)
