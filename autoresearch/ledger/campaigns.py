"""The part of a ledger that holds campaigns: what runs by itself, step by step, so that a kill loses nothing."""

from __future__ import annotations

import abc
from collections.abc import Sequence

from autoresearch.records.base import Page
from autoresearch.records.campaign import (
    Campaign,
    CampaignMove,
    CampaignRequest,
    Stop,
    Trial,
    TrialRequest,
    TrialUpdate,
)
from autoresearch.records.experiment import Note

__all__ = ["Campaigns"]


class Campaigns(abc.ABC):
    """Campaigns and their trials.

    A conflict says in ``details["reason"]`` what stood against: ``"state"``, ``"lease"``, ``"budget"``, ``"idea"``,
    ``"baseline"`` or ``"step"``; one over a taken id has ``details["id"]`` instead.
    """

    @abc.abstractmethod
    def begin(self, request: CampaignRequest) -> Campaign:
        """Begin a campaign; it is running, and nobody holds it.

        Raises:
            NotFound: There is no such project, or no such session in it.
            Conflict: The session is closed, the project has no goal, or the id is taken by other content.
        """

    @abc.abstractmethod
    def campaign(self, campaign_id: str) -> Campaign:
        """One campaign.

        Raises:
            NotFound: There is no such campaign.
        """

    @abc.abstractmethod
    def find(self, project: str, text: str) -> Campaign:
        """The campaign meant by ``3``, ``#3``, ``last``, a full id, or the beginning or end of one.

        Raises:
            NotFound: Nothing fits.
            Conflict: Several do.
        """

    @abc.abstractmethod
    def campaigns(
        self, project: str, *, newest_first: bool = False, limit: int = 100, cursor: str | None = None
    ) -> Page[Campaign]:
        """Campaigns of a project in order of number.

        Raises:
            NotFound: There is no such project.
        """

    @abc.abstractmethod
    def move(
        self, campaign_id: str, move: CampaignMove, *, stop: Stop | None = None, reason: str = ""
    ) -> Campaign:
        """Pause, resume, stop or end a campaign; a move to where it is already changes nothing.

        A paused or stopping one claims no trial; open trials go on. One that ended goes on after ``resume``.

        Args:
            campaign_id: The campaign.
            move: What to do.
            stop: Why it ends, with ``end``; None means ``"stopped"``.
            reason: The same in words, or why it is paused or stopped.

        Raises:
            NotFound: There is no such campaign.
            Invalid: ``stop`` came with another move than ``end``.
            Conflict: The move is not possible from its state, or it has ended for another reason.
        """

    @abc.abstractmethod
    def hold(self, campaign_id: str, holder: str, seconds: float) -> Campaign:
        """Drive a campaign alone, for some seconds from now on; calling it again makes it longer.

        Time is that of the ledger. Who has not held it anew in time has lost it to whoever asks next.

        Args:
            campaign_id: The campaign.
            holder: Name of the process, another for each.
            seconds: From 1 to 3,600.

        Raises:
            NotFound: There is no such campaign.
            Busy: Another holds it: ``details["holder"]``, for ``details["retry_after"]`` seconds more at most.
        """

    @abc.abstractmethod
    def release(self, campaign_id: str, holder: str) -> Campaign:
        """Let go of a campaign; nothing changes when it is not held, or by another.

        Raises:
            NotFound: There is no such campaign.
        """

    @abc.abstractmethod
    def claim(self, request: TrialRequest) -> Trial:
        """Begin a trial.

        Raises:
            NotFound: There is no such campaign, or no such parent in its project.
            Conflict: The campaign is not running, another holds it, the goal's budget is used up, an open trial
                has the same idea, the baseline is there already, or the id is taken by other content.
        """

    @abc.abstractmethod
    def update(self, request: TrialUpdate) -> Trial:
        """Move a trial forward, or say more of it, whatever the state of its campaign; the sums of the campaign follow.

        Raises:
            NotFound: There is no such trial, parent or experiment, or the bytes of a digest were not stored.
            Invalid: ``recorded`` without an experiment, ``judged`` without an outcome, or an outcome before that.
            Conflict: It would go back or is judged, another holds the campaign, an open trial has the same idea,
                the experiment is that of another trial, or the id is taken by other content.
        """

    @abc.abstractmethod
    def trial(self, trial_id: str) -> Trial:
        """One trial.

        Raises:
            NotFound: There is no such trial.
        """

    @abc.abstractmethod
    def trials(
        self,
        campaign_id: str,
        *,
        open_only: bool = False,
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Trial]:
        """Trials of a campaign in the order in which they were claimed; with ``open_only`` those that are not judged.

        Raises:
            NotFound: There is no such campaign.
        """

    @abc.abstractmethod
    def trial_of(self, experiment_id: str) -> Trial | None:
        """The trial that an experiment was recorded in, with agent, model, tokens, cost and prompt; None without one.

        Raises:
            NotFound: There is no such experiment.
        """

    @abc.abstractmethod
    def deliver(
        self, campaign_id: str, trial_id: str, *, notes: Sequence[str] | None = None
    ) -> tuple[Note, ...]:
        """What people remarked on the project since the campaign began and no trial of it was given yet.

        Each remark is delivered once, to one trial, and says so from then on (``note.delivered``); the same trial is
        always given the same. At most 50 at a time, the rest goes to the next trial. Remarks of a trial that was
        abandoned or whose agent failed before anything was recorded go to another.

        Args:
            campaign_id: The campaign.
            trial_id: The trial whose agent is about to be asked.
            notes: Ids of remarks that it was given already, where that is told later; None gives it what waits.

        Raises:
            NotFound: There is no such campaign, no such trial of it, or no such remark on its project.
            Conflict: The trial is judged and was given nothing before.
        """
