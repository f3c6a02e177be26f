"""The tools by which a model reads what was tried before, over the ledger of the project it works for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from autoresearch.briefs.fence import clean, quote
from autoresearch.drivers.base import Assignment
from autoresearch.drivers.models.tools import Tool, schema
from autoresearch.records.experiment import Experiment
from autoresearch.records.frontier import Match
from autoresearch.track.workspace import Workspace

__all__ = ["LedgerTools", "ledger_tools", "opened_ledger"]

_MOST_DIFF = 30_000
_REFERENCE = {"type": "string", "description": "Number such as 12, or best, or last."}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": 50}


@contextlib.contextmanager
def opened_ledger(assignment: Assignment) -> Iterator[Sequence[Tool]]:
    """The tools over the project that the assignment's environment names; none where it names none.

    Raises:
        AutoresearchError: The ledger cannot be opened.
    """
    project = assignment.environment.get("AUTORESEARCH_PROJECT")
    if not project:
        yield ()
        return
    home = assignment.environment.get("AUTORESEARCH_HOME")
    with Workspace.open(assignment.folder, project=project, home=home) as workspace:
        yield ledger_tools(LedgerTools(workspace))


class LedgerTools:
    """Reads one project; each call answers a text in which everything that others wrote is quoted."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def get_context(self, tokens: int = 2000) -> str:
        """The brief: goal, what is best, what was tried, what people said."""
        return self._workspace.context(limit=20, budget=tokens).markdown

    def search_experiments(self, words: str, limit: int = 10) -> str:
        """Experiments whose note or diff has these words."""
        return _matches(self._workspace.search(words, limit=limit))

    def check_tried(self, change: str, limit: int = 10) -> str:
        """Experiments like a change that is meant to be made."""
        return _matches(self._workspace.tried(change, limit=limit))

    def get_diff(self, experiment: str) -> str:
        """The change of an experiment, each line behind ``| ``."""
        found = self._workspace.find(experiment)
        patch = self._workspace.ledger.snapshots.patch(found.id)
        text = patch.decode("utf-8", "replace")
        if not text:
            return f"{_line(found)}\n(it has no change that was not committed)"
        shown = text[:_MOST_DIFF].removesuffix("\n").split("\n")
        more = [f"[{len(text) - _MOST_DIFF:,} characters left out]"] if len(text) > _MOST_DIFF else []
        return "\n".join([_line(found), *(f"| {_visible(line)}" for line in shown), *more])


def ledger_tools(ledger: LedgerTools) -> tuple[Tool, ...]:
    """The four tools over a ledger."""
    return (
        Tool(
            "get_context",
            "Read where the research stands: the goal, the best, what was tried lately, what people said.",
            schema(tokens={"type": "integer", "minimum": 200, "maximum": 10_000}),
            ledger.get_context,
        ),
        Tool(
            "search_experiments",
            "Find experiments by words in their note or diff.",
            schema("words", words={"type": "string"}, limit=_LIMIT),
            ledger.search_experiments,
        ),
        Tool(
            "check_tried",
            "Ask whether something like a change was tried, before you make it. Words such as 'LR 0.04 -> 0.06', or a patch.",
            schema("change", change={"type": "string"}, limit=_LIMIT),
            ledger.check_tried,
        ),
        Tool(
            "get_diff",
            "Read the change of an experiment.",
            schema("experiment", experiment=_REFERENCE),
            ledger.get_diff,
        ),
    )


def _matches(found: Sequence[Match]) -> str:
    return "\n".join(map(_line, found)) or "(nothing like it was tried)"


def _line(one: Experiment | Match) -> str:
    score = "no score" if one.score is None else f"score {one.score:g}"
    gain = "" if one.gain is None else f", gain {one.gain:+g}"
    why = f"; {quote(one.reason, 200)}" if one.reason else ""
    return f"#{one.number} {one.state}, {score}{gain}: {quote(one.note, 300)}{why}"


def _visible(line: str) -> str:
    """A line of a diff with its spaces; what could act on a reader is cleaned away."""
    indent = len(line) - len(line.lstrip(" \t+-"))
    return line[:indent].expandtabs(4) + clean(line[indent:], 400)
