"""``run``: a campaign that proposes, runs, judges and keeps by itself, until its budget is spent."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from autoresearch.cli import campaign_options as o
from autoresearch.cli.answer import Answer, Cell, Facts, shown
from autoresearch.cli.declaring import command
from autoresearch.cli.face import Face, the_face

if TYPE_CHECKING:
    from autoresearch.loop.events import Listener
    from autoresearch.loop.planning import Planned
    from autoresearch.track.workspace import Workspace

__all__ = ["app", "run"]

app = typer.Typer(rich_markup_mode=None)


@command(
    app,
    "run",
    "run --agent codex --max-experiments 50 --max-hours 8 --workers 2",
    "run --agent offline --max-experiments 20 -- python train.py",
    "run                                 # go on with the one that was interrupted",
    "run --agent claude-code --max-cost 20 --tag warm-up --new",
)
def run(
    context: typer.Context,
    words: o.Words = None,
    *,
    agent: o.Agent = None,
    model: o.Model = None,
    max_experiments: o.MaxExperiments = None,
    max_hours: o.MaxHours = None,
    max_tokens: o.MaxTokens = None,
    max_cost: o.MaxCost = None,
    max_failures: o.MaxFailures = None,
    workers: o.Workers = None,
    executor: o.Executor = None,
    tag: o.Tag = None,
    new: o.New = False,
) -> Answer:
    """Run a campaign by itself, or go on with the one that was interrupted.

    The agent proposes a change in a folder of its own; the command runs there; what is better beyond the noise is kept on
    the branch autoresearch/TAG. The working tree is never touched. Ctrl-C ends what runs; the same command goes on.

    Exit codes: 0 all experiments done, 10 target reached, 11 hours, 12 tokens, 13 money, 14 failures in a row,
    15 the agent knows nothing more, 16 stopped from elsewhere, 130 interrupted.
    """
    limits = {"max_experiments": max_experiments, "max_hours": max_hours, "max_tokens": max_tokens}
    limits |= {"max_cost": max_cost, "max_failures": max_failures}
    said: dict[str, Any] = {"command": words or None, "agent": agent, "model": model, **limits}
    said |= {"workers": workers, "executor": executor, "tag": tag}
    face = the_face(context)
    with _workspace(face, said) as workspace:
        from autoresearch.loop.planning import planned

        wanted = planned(workspace, said, new=new)
        with _shown(face) as listener:
            return _run(workspace, wanted, listener, new=new)


def _run(workspace: Workspace, wanted: Planned, listener: Listener, *, new: bool) -> Answer:
    from autoresearch.loop.campaign import run_campaign
    from autoresearch.loop.executors.choosing import make_executor

    with make_executor(wanted.executor, wanted.executor_options) as executor:
        try:
            run_campaign(
                workspace,
                wanted.agent,
                wanted.plan,
                listener,
                executor=executor,
                campaign="new" if new else wanted.campaign,
                said=wanted.said,
            )
        except KeyboardInterrupt:
            return _answer(workspace, wanted.plan.tag, interrupted=True)
    return _answer(workspace, wanted.plan.tag, interrupted=False)


def _answer(workspace: Workspace, tag: str, *, interrupted: bool) -> Answer:
    """What the campaign has come to, and how to go on."""
    from autoresearch.loop.budget import EXIT_CODES

    campaign = workspace.campaigns.find()
    best = workspace.frontier().best
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(campaign.outcomes.items()))
    stop = "interrupted" if interrupted else campaign.stop or "stopped"
    branch = f"autoresearch/{tag}"
    rows: list[tuple[str, Cell]] = [
        ("campaign", campaign.number),
        ("ended", f"{stop}: {campaign.reason}" if campaign.reason else stop),
        ("outcomes", outcomes or "none"),
        ("best", f"{best.score:.6g} (#{best.number})" if best else None),
        ("branch", branch),
    ]
    again = "autoresearch run" if tag == "run" else f"autoresearch run --tag {tag}"
    return Answer(
        document={"campaign": shown(campaign), "best": best and shown(best), "branch": branch},
        ids=[campaign.id],
        blocks=[Facts(rows)],
        following=again if interrupted else f"autoresearch campaigns trials {campaign.number}",
        notices=[f"No trial is lost: `{again}` goes on where it was."] if interrupted else [],
        exit_code=EXIT_CODES[stop],
    )


@contextlib.contextmanager
def _workspace(face: Face, said: dict[str, Any]) -> Iterator[Workspace]:
    """The workspace as the agent's own: its verdicts are those of an agent, which a person may overturn."""
    from autoresearch.records.experiment import Actor
    from autoresearch.track.workspace import Workspace

    with Workspace.open(project=face.project, home=face.home) as workspace:
        found = workspace.recover()
        name = said["agent"] or workspace.file.campaign.agent or "campaign"
    if face.talks:
        for sentence in (*found.left, *found.faults):
            sys.stderr.write(f"note: {sentence}\n")
    actor = Actor(kind="agent", name=str(name).partition(" ")[0][:100])
    with Workspace.open(project=face.project, home=face.home, actor=actor) as workspace:
        yield workspace


@contextlib.contextmanager
def _shown(face: Face) -> Iterator[Listener]:
    """What shows the campaign while it runs, on standard error; nothing for programs that read the answer alone."""
    from autoresearch.loop.display import Display
    from autoresearch.loop.events import silent

    if face.form == "quiet" or (face.form == "json" and not sys.stderr.isatty()):
        yield silent
        return
    with Display() as display:
        yield display
