"""A campaign: propose, run, measure, judge, keep or drop, by several workers at once, until it is over.

Nothing is remembered here. What is best, what was tried, how noisy the metric is, and how far each trial has come is in the
ledger, so that a campaign that was stopped, or killed, goes on where it was by being started again.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import anyio
import anyio.to_thread

from autoresearch.drivers.base import Agent
from autoresearch.errors import AutoresearchError, Conflict
from autoresearch.ledger.base import every
from autoresearch.loop.budget import active_seconds, counted, reached
from autoresearch.loop.control import Control
from autoresearch.loop.desk import CutOffError, Desk
from autoresearch.loop.events import Begun, Ended, Listener, Moved, silent
from autoresearch.loop.executors.base import Executor
from autoresearch.loop.executors.local import LocalExecutor
from autoresearch.loop.incumbent import present
from autoresearch.loop.lease import end_leftovers, holder_name, take_over
from autoresearch.loop.plan import Plan
from autoresearch.loop.trying import work_on
from autoresearch.loop.workdir import Scope, Workdirs
from autoresearch.records.base import Page, utc_now
from autoresearch.records.campaign import Campaign, CampaignRequest, Stop, Trial, TrialRequest
from autoresearch.records.goal import Goal
from autoresearch.records.ids import new_id
from autoresearch.track.sessions import sessions
from autoresearch.track.workspace import Workspace

__all__ = ["Result", "run_campaign", "unfinished"]

_Answer = TypeVar("_Answer")
_BEAT, _SHORT = 0.5, 0.1
_INTERRUPTED = 130
_GOING_ON: frozenset[Stop] = frozenset({"interrupted", "stopped"})


@dataclass(frozen=True, slots=True)
class Result:
    """What a campaign has come to, all calls of it together; the rest is in the ledger.

    Attributes:
        campaign: Its number in the project.
        stop: Why it is over, and ``reason`` the same in words.
        outcomes: Judged trials by outcome, the baseline not counted.
        branch: The branch with what was kept.
    """

    campaign: int
    stop: Stop
    reason: str
    outcomes: dict[str, int] = field(default_factory=dict)
    branch: str = ""


def unfinished(workspace: Workspace, tag: str) -> Campaign | None:
    """The last campaign of a tag, if there is more to it: it did not end by itself."""
    known = {session.id for session in sessions(workspace) if session.tag == tag}
    newest = workspace.ledger.campaigns.campaigns(workspace.name, newest_first=True, limit=100).items
    last = next((campaign for campaign in newest if campaign.session_id in known), None)
    return last if last is not None and (last.stop is None or last.stop in _GOING_ON) else None


def run_campaign(
    workspace: Workspace,
    agent: Agent,
    plan: Plan,
    listener: Listener = silent,
    *,
    executor: Executor | None = None,
    campaign: Campaign | Literal["new"] | None = None,
    said: Mapping[str, Any] | None = None,
) -> Result:
    """Run a campaign, or go on with one.

    The project needs a goal. Without a frontier the unchanged code is measured first. On Ctrl-C or SIGTERM running trials
    are ended and left as they are, to be gone on with, and KeyboardInterrupt goes on to the caller.

    Args:
        workspace: Of the repository.
        agent: Who proposes.
        plan: How it works.
        listener: Told what happens, by one thread at a time.
        executor: Where the command runs; by default on this machine. It is not closed.
        campaign: The one to go on with; ``"new"`` begins another; None goes on with the last one of this tag if that did not
            end by itself.
        said: What a new one was asked for, kept with its plan to go on with.

    Raises:
        Conflict: The project has no goal, or the campaign's branch is in use.
        Busy: Another process drives the campaign.
        CaptureError: There is no git repository with a commit.
        TrialError: The unchanged code gives no score, or a command cannot be started.
    """
    workspace.adopt_goal()
    goal = workspace.project.goal
    if goal is None:
        raise Conflict("The project has no goal.", hint="Set one: autoresearch goal METRIC.")
    workdirs = Workdirs(
        workspace.path,
        tag=plan.tag,
        root=plan.folders or Path(workspace.settings.home) / "trials",
        scope=Scope(editable=plan.editable, protected=goal.protected),
    )
    place = executor or LocalExecutor()
    one = _Campaign(workspace, agent, place, plan, goal=goal, workdirs=workdirs, listener=listener)
    return one.run(campaign, dict(said or {}))


class _Campaign:
    def __init__(
        self,
        workspace: Workspace,
        agent: Agent,
        executor: Executor,
        plan: Plan,
        *,
        goal: Goal,
        workdirs: Workdirs,
        listener: Listener,
    ) -> None:
        self._workspace, self._agent, self._executor = workspace, agent, executor
        self._plan, self._goal, self._workdirs, self._listener = plan, goal, workdirs, listener
        self._campaigns = workspace.ledger.campaigns
        self._beginning = threading.Lock()
        self._open: list[Trial] = []
        self._working: set[str] = set()
        self._error: BaseException | None = None
        self._state = "running"

    def run(self, wanted: Campaign | Literal["new"] | None, said: dict[str, Any]) -> Result:
        """From taking it over to letting go of it."""
        campaign = self._chosen(wanted, said)
        holder = holder_name()
        campaign = take_over(self._campaigns, campaign.id, holder)
        try:
            if campaign.state in {"stopping", "ended"}:
                campaign = self._campaigns.move(campaign.id, "resume")
            trials = list(every(functools.partial(self._page, campaign.id)))
            control = Control(self._campaigns, campaign, holder, self._plan.limits, active_seconds(trials))
            self._desk = Desk(
                workspace=self._workspace,
                agent=self._agent,
                executor=self._executor,
                plan=self._plan,
                goal=self._goal,
                workdirs=self._workdirs,
                control=control,
                listener=self._listener,
            )
            self._open = [trial for trial in trials if trial.step != "judged"]
            return self._held(control)
        finally:
            self._campaigns.release(campaign.id, holder)

    def _page(self, campaign_id: str, cursor: str | None) -> Page[Trial]:
        return self._campaigns.trials(campaign_id, limit=500, cursor=cursor)

    def _chosen(self, wanted: Campaign | Literal["new"] | None, said: dict[str, Any]) -> Campaign:
        workspace, tag = self._workspace, self._plan.tag
        active = workspace.active_session()
        if active is None or active.tag != tag or active.state != "open":
            active = workspace.session(tag, self._workdirs.branch)
        found = unfinished(workspace, tag) if wanted is None else None if wanted == "new" else wanted
        if found is not None:
            return found
        settings = {**self._plan.document(), "executor": self._executor.name, "arguments": said}
        return self._campaigns.begin(
            CampaignRequest.make(
                id=new_id(),
                project=workspace.name,
                session_id=active.id,
                agent=self._agent.name,
                settings=settings,
                occurred_at=utc_now(),
            )
        )

    def _held(self, control: Control) -> Result:
        desk, campaign = self._desk, control.campaign
        known = present(self._workspace)
        best, noise = (known[0].score, known[0].noise or None) if known else (None, None)
        desk.tell(
            Begun(
                self._goal,
                self._workdirs.branch,
                self._plan.limits.experiments,
                best,
                noise,
                campaign.number,
                self._plan.workers,
                counted(campaign) - len([trial for trial in self._open if trial.number]),
                len(self._open),
            )
        )
        try:
            anyio.run(self._work)
        finally:
            result = self._over(control)
        if self._error is not None:
            raise self._error
        if control.stop == "interrupted":
            raise KeyboardInterrupt(control.reason)
        return result

    def _over(self, control: Control) -> Result:
        """Write down why it is over, unless it was taken from us."""
        stop, reason = control.stop or "interrupted", control.reason
        if isinstance(self._error, AutoresearchError):
            stop, reason = "failures", self._error.message
        if not control.lost:
            with contextlib.suppress(Conflict):
                # Conflict: somebody ended it for another reason in this moment, which stands.
                self._campaigns.move(control.campaign.id, "end", stop=stop, reason=reason)
        campaign = self._campaigns.campaign(control.campaign.id)
        self._desk.tell(Ended(stop, counted(campaign), reason))
        return Result(campaign.number, stop, reason, dict(campaign.outcomes), self._workdirs.branch)

    # The workers

    async def _work(self) -> None:
        self._limiter = anyio.CapacityLimiter(self._plan.workers + 2)
        names = [f"worker-{number}" for number in range(1, self._plan.workers + 1)]
        async with anyio.create_task_group() as group:
            group.start_soon(self._beat)
            if threading.current_thread() is threading.main_thread():
                group.start_soon(self._listen)
            if await self._in_thread(self._baseline, names[0]):
                async with anyio.create_task_group() as workers:
                    for name in names:
                        workers.start_soon(self._worker, name)
            group.cancel_scope.cancel()

    async def _in_thread(self, work: Callable[..., _Answer], *arguments: object) -> _Answer | None:
        """Run something in a thread; None when it raised, after which the others end and then it is raised here."""

        def guarded() -> _Answer | None:
            try:
                return work(*arguments)
            except BaseException as error:  # noqa: BLE001  the named boundary: the others end first
                with self._beginning:
                    self._error = self._error or error
                self._desk.control.cut("interrupted", "a worker met an error")
                return None

        return await anyio.to_thread.run_sync(guarded, limiter=self._limiter)

    async def _beat(self) -> None:
        control = self._desk.control
        while True:
            await anyio.sleep(_BEAT)
            await self._in_thread(control.beat)
            state = control.campaign.state
            if state != self._state and {state, self._state} <= {"running", "paused"}:
                self._state = state
                await self._in_thread(self._desk.tell, Moved(state, control.campaign.reason))

    async def _listen(self) -> None:
        """Ctrl-C, and what the system says when it wants us to end."""
        control = self._desk.control
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            async for number in signals:
                if control.over():
                    # A second one: no more patience. The ledger knows how far each trial is.
                    end_leftovers(control.campaign.id)
                    os._exit(_INTERRUPTED)
                control.cut("interrupted", signal.strsignal(number) or f"signal {number}")

    async def _worker(self, name: str) -> None:
        while True:
            found = await self._in_thread(self._next, name)
            if found is None:
                return
            wait = _SHORT
            if isinstance(found, Trial):
                wait = await self._in_thread(self._try, found) or 0.0
            await self._in_thread(self._desk.control.rest, wait)

    def _try(self, trial: Trial) -> float:
        try:
            return work_on(self._desk, trial)
        finally:
            with self._beginning:
                self._working.discard(trial.id)

    # What is to be tried next

    def _baseline(self, worker: str) -> bool:
        """Measure the unchanged code where nothing was measured yet; whether there is something to beat now."""
        while present(self._workspace) is None:
            with self._beginning:
                trial = next((trial for trial in self._open if trial.number == 0), None)
                if trial is None:
                    found = self._claimed(worker, baseline=True)
                else:
                    self._open.remove(trial)
                    found = trial
            if isinstance(found, Trial):
                work_on(self._desk, found)
            if self._desk.control.stop is not None:
                return False
        return True

    def _next(self, worker: str) -> Trial | Literal["later"] | None:
        """A trial to work on: one that was interrupted, or a new one; None when there will be no more."""
        control = self._desk.control
        with self._beginning:
            if control.over():
                return None
            if self._open:
                found: Trial | Literal["later"] | None = self._open.pop(0).model_copy(
                    update={"worker": worker}
                )
            else:
                found = self._claimed(worker)
            if isinstance(found, Trial):
                self._working.add(found.id)
            return found

    def _claimed(self, worker: str, *, baseline: bool = False) -> Trial | Literal["later"] | None:
        control = self._desk.control
        if self._goal.target is not None and not baseline:
            known = present(self._workspace)
            if known is not None and reached(self._goal, known[0].score):
                control.end(
                    "target", f"{self._goal.metric} is {known[0].score:.6g}, which is the target or better"
                )
        room = self._desk.ask(lambda: control.room(0 if baseline else len(self._working)))
        if room != "yes":
            return None if room == "no" else "later"
        request = TrialRequest.make(
            id=new_id(),
            campaign_id=control.campaign.id,
            worker=worker,
            baseline=baseline,
            holder=control.holder,
        )
        try:
            return self._desk.ask(lambda: self._campaigns.claim(request))
        except CutOffError:
            return None
        except Conflict as error:
            return self._not_claimed(error)

    def _not_claimed(self, error: Conflict) -> Literal["later"] | None:
        reason = error.details.get("reason")
        if reason == "state" or (reason == "budget" and self._working):
            return "later"
        if reason != "budget":
            raise error
        stop: Stop = "hours" if error.details.get("limit") == "seconds" else "experiments"
        self._desk.control.end(stop, error.message.rstrip("."))
        return None
