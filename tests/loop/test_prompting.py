"""A prompt says what is asked, keeps to its budget and its prefix, and carries the words of others as data only."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from autoresearch import shipped
from autoresearch.briefs.brief import build
from autoresearch.briefs.fence import quote
from autoresearch.drivers.answer import ANSWER_FORM, parse_answer
from autoresearch.errors import AgentError, Invalid
from autoresearch.loop.plateau import Instruction
from autoresearch.loop.prompting import (
    MINIMUM,
    Left,
    Prompt,
    Task,
    Turn,
    explain_prompt,
    plan_prompt,
    proposal_prompt,
    report_prompt,
)
from autoresearch.records.base import utc_now
from autoresearch.records.experiment import Actor, Experiment, Note
from autoresearch.records.ids import new_id
from autoresearch.tokens import count
from tests.context_histories import HOSTILE, history

VERSIONS = {
    "proposal.md.j2": ("proposal-2", "e514558d6ead91ff1870dce4c2d638b8728503b7f9e1c8c196f718eeb489e03b"),
    "plan.md.j2": ("plan-1", "98dc44aef086f44903d20c458239d71c54c0d1d549567191017b9f4167225893"),
    "explain.md.j2": ("explain-1", "a37423b30a91b21cf76fbc87c69c826287bf70a836d668cfc640e89b3d667c1a"),
    "report.md.j2": ("report-1", "5083400ffab0d85a5045709429a492d7d15e34752ebe4903c3f48c76512eee7a"),
}
"""Whoever changes the text of a prompt gives it a new version, and writes the digest of the new text here."""

TASK = Task(
    command=["uv", "run", "train.py"], editable=["train.py"], protected=["prepare.py", "data/**"], seconds=300
)
HEADINGS = {
    line
    for name in [*VERSIONS, "brief.md.j2"]
    for line in re.findall(
        r"^\s*(?:\"\w+\": \")?(#{1,2} [A-Z][^\"{\n]*)", shipped.read("prompts", name), re.MULTILINE
    )
}


def storable(text: str) -> str:
    """What the ledger would hold of a text."""
    return text.encode("utf-8", "ignore").decode().replace("\0", "") or "-"


def context(seed: int = 4, budget: int = 3000) -> Any:
    return build(history(seed), budget=budget)


def note(text: str, *, kind: Any = "human", number: int | None = None) -> Note:
    return Note(
        id=new_id(),
        project="char-lm",
        text=text,
        experiment_id=None,
        experiment_number=number,
        actor=Actor(kind=kind, name="ada"),
        recorded_at=utc_now(),
    )


def experiment(**changes: Any) -> Experiment:
    empty = dict.fromkeys(Experiment.model_fields)
    given = {
        "id": new_id(), "project": "p", "number": 12, "session_id": new_id(), "segment": 1, "note": "lr 0.1 -> 1",
        "files": (), "config": {}, "command": (), "repro_key": "0" * 64, "uses": (), "notices": (), "state": "crashed",
        "metrics": {}, "reason": "ended with exit code 1", "log_tail": "Traceback\nValueError: no\n", "on_frontier": False,
        "actor": Actor(), "occurred_at": utc_now(), "recorded_at": utc_now(),
    }  # fmt: skip
    return Experiment(**{**empty, **given, **changes})


@pytest.mark.parametrize("name", VERSIONS)
def test_a_changed_text_has_a_new_version(name: str) -> None:
    text = shipped.read("prompts", name) + (ANSWER_FORM if name == "proposal.md.j2" else "")
    version = re.search(r'set version = "([a-z]+-\d+)"', text)
    assert version is not None
    known = (version[1], hashlib.sha256(text.encode()).hexdigest())
    assert known == VERSIONS[name], (
        "give the template a new version, and write both of these into the table above"
    )


def test_a_proposal_is_asked_for_with_everything_that_binds_it() -> None:
    turn = Turn(
        number=3, most=50, left=Left(experiments=47, seconds=3600, tokens=10**6, cost=4.5), seconds=600
    )
    prompt = proposal_prompt(context(), TASK, turn)
    for said in (
        'editable: "train.py"',
        '"prepare.py", "data/**"',
        'command: "uv run train.py"',
        "time: 300 s for a run",
        "number: 3 of at most 50",
        "left for the campaign: 47 experiments, 3600 s, 1000000 tokens, 4.50 US dollars",
        "your time: 600 s",
        ANSWER_FORM,
    ):
        assert said in prompt.text
    assert prompt.context in prompt.text
    assert prompt.version == "proposal-2"
    assert prompt.digest == hashlib.sha256(str(prompt).encode()).hexdigest()
    assert prompt.context_digest == hashlib.sha256(prompt.context.encode()).hexdigest()


def test_what_was_tried_under_other_conditions_is_told_as_ideas() -> None:
    task = Task(command=["train"], earlier=[f"dropped 0.{number}: idea {number}" for number in range(60)])
    text = proposal_prompt(context(), task, budget=20_000).text
    assert "Take the ideas, not the numbers." in text
    assert text.count(": idea ") == 40
    assert '"dropped 0.59: idea 59"' in text
    assert "other conditions" not in proposal_prompt(context(), TASK).text


def test_the_form_that_is_shown_is_the_form_that_is_read() -> None:
    with pytest.raises(AgentError):
        parse_answer(proposal_prompt(context(), TASK).text)
    filled = ANSWER_FORM.replace("the flaw that you saw -> the fix that you made", "lr too low -> doubled")
    assert parse_answer(filled).note == "lr too low -> doubled"


@pytest.mark.parametrize("mode", ["bolder", "combine", "simplify", "retry"])
def test_a_plateau_is_told_with_its_reason(mode: Any) -> None:
    told = Turn(
        instruction=Instruction(mode, "the last 12 experiments gave nothing better; #3 came near", (3,), 12)
    )
    text = proposal_prompt(context(), TASK, told).text
    assert 'why: "the last 12 experiments gave nothing better; #3 came near"' in text
    assert "What is asked for now" not in proposal_prompt(context(), TASK).text


def test_notes_of_people_are_wishes_and_those_of_agents_are_remarks() -> None:
    notes = [note("try a smaller model", number=7), note("the loader is slow", kind="agent")]
    text = proposal_prompt(context(), TASK, Turn(notes=notes)).text
    wishes, remarks = text.split("## From the people")[1].split("## New remarks by agents")
    assert '"ada" on #7: "try a smaller model"' in wishes
    assert '"ada": "the loader is slow"' in remarks


def test_what_does_not_fit_is_counted() -> None:
    notes = [note(f"wish {number} " + "word " * 200) for number in range(60)]
    prompt = proposal_prompt(context(), TASK, Turn(notes=notes), budget=MINIMUM)
    shown = prompt.text.count('"ada": "wish')
    assert 0 < shown < 60
    assert f"{60 - shown} more notes did not fit" in prompt.text
    assert '"wish 59' in prompt.text


def test_prompts_of_a_campaign_begin_with_the_same_bytes() -> None:
    first = proposal_prompt(context(), TASK, Turn(number=1, notes=[note("a")]))
    second = proposal_prompt(
        context(), TASK, Turn(number=2, others=["b"], instruction=Instruction("bolder", "c"))
    )
    assert first.text[: first.stable] == second.text[: second.stable]
    assert first.stable == second.stable > 0.5 * len(first.text)


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("budget", [MINIMUM, 4000, 20_000])
def test_the_budget_is_kept_whatever_the_project_says(seed: int, budget: int) -> None:
    task = Task(
        command=HOSTILE,
        editable=HOSTILE * 9,
        protected=HOSTILE * 9,
        reading=HOSTILE[0],
        seconds=1e-9,
        memory=1,
    )
    turn = Turn(
        others=HOSTILE,
        notes=[note(storable(text)) for text in HOSTILE],
    )
    known = context(seed, 6000)
    prompts = [
        proposal_prompt(known, task, turn, budget=budget),
        plan_prompt(known, focus=HOSTILE[1], budget=budget),
        report_prompt(known, budget=budget),
        explain_prompt(
            known, experiment(log_tail=storable("\n".join(HOSTILE))), change="x\n" * 9999, budget=budget
        ),
    ]
    assert all(prompt.tokens == count(prompt.text) <= budget for prompt in prompts)


def lines_by_others(prompt: Prompt) -> list[str]:
    return [
        line for line in prompt.text.split("\n") if line.startswith(("#", ">", "```", "Human:", "Assistant:"))
    ]


@pytest.mark.parametrize("text", [text for text in HOSTILE if text])
def test_the_words_of_others_stay_data_in_every_prompt(text: str) -> None:
    task = Task(command=[text], editable=[text], protected=[text], reading=text, earlier=[text])
    safe = storable(text)
    turn = Turn(
        others=[text], notes=[note(safe), note(safe, kind="agent")], instruction=Instruction("retry", text)
    )
    hostile = experiment(note=safe, reason=safe, log_tail=safe)
    known = context(3)
    for prompt in (
        proposal_prompt(known, task, turn, budget=20_000),
        plan_prompt(known, focus=text),
        report_prompt(known, focus=text),
        explain_prompt(known, hostile, change=text, budget=20_000),
    ):
        assert all(character == "\n" or character.isprintable() for character in prompt.text)
        assert not re.search(r"<[A-Za-z/|!]", prompt.text)
        for line in lines_by_others(prompt):
            numbered = re.match(r"#\d+ ", line)
            assert numbered or line in HEADINGS or line in ANSWER_FORM.split("\n"), line


def test_an_explanation_shows_the_change_and_the_end_of_the_log_behind_bars() -> None:
    change = "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-lr = 0.1\n+    lr = 1\n"
    text = explain_prompt(context(), experiment(), change=change).text
    assert "#12 crashed" in text
    assert "| +    lr = 1\n" in text
    assert "| ValueError: no\n" in text
    assert f"why it ended: {quote('ended with exit code 1')}" in text
    assert "none was recorded" in explain_prompt(context(), experiment()).text


@pytest.mark.parametrize("budget", [True, 0, MINIMUM - 1, 3000.0])
def test_a_budget_that_is_too_small_is_refused(budget: Any) -> None:
    with pytest.raises(Invalid, match="too small for a prompt"):
        proposal_prompt(context(), TASK, budget=budget)
