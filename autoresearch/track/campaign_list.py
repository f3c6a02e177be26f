"""Campaigns of a project by their numbers: looked at, and steered from outside."""

from __future__ import annotations

from itertools import islice

from autoresearch.ledger.base import Ledger, every
from autoresearch.records.base import Page
from autoresearch.records.campaign import Campaign, Trial
from autoresearch.records.experiment import Note

__all__ = ["CampaignList"]


class CampaignList:
    """The campaigns of a project. One is named by its number, ``last``, or an id or a part of one.

    Args:
        ledger: Where they are remembered.
        project: Name of the project.
    """

    def __init__(self, ledger: Ledger, project: str) -> None:
        self.ledger = ledger
        self.project = project

    def list(self, *, limit: int = 100) -> tuple[Campaign, ...]:
        """The newest campaigns, the last one first.

        Raises:
            NotFound: There is no such project.
        """
        return self.ledger.campaigns.campaigns(self.project, newest_first=True, limit=limit).items

    def find(self, campaign: str | int = "last") -> Campaign:
        """One campaign.

        Raises:
            NotFound: Nothing fits.
            Conflict: Several do.
        """
        return self.ledger.campaigns.find(self.project, str(campaign))

    def trials(
        self, campaign: str | int = "last", *, open_only: bool = False, limit: int | None = None
    ) -> tuple[Trial, ...]:
        """Trials of a campaign in the order in which they were claimed; with ``limit`` the last ones of them.

        Raises:
            NotFound: No campaign fits.
        """
        found = self.find(campaign)

        def newest(cursor: str | None) -> Page[Trial]:
            return self.ledger.campaigns.trials(
                found.id, open_only=open_only, newest_first=True, limit=1000, cursor=cursor
            )

        return tuple(reversed(list(islice(every(newest), limit))))

    def remarks(self, campaign: str | int = "last") -> tuple[Note, ...]:
        """What people remarked since a campaign began, first to last; ``delivered`` says which trials were given one.

        Raises:
            NotFound: No campaign fits.
        """
        found = self.find(campaign)
        notes = every(lambda cursor: self.ledger.memory.notes(self.project, limit=1000, cursor=cursor))
        return tuple(
            note for note in notes if note.actor.kind == "human" and note.recorded_at >= found.recorded_at
        )

    def pause(self, campaign: str | int = "last", reason: str = "") -> Campaign:
        """Let no more trials begin until it is resumed; open ones go on.

        Raises:
            NotFound: No campaign fits.
            Conflict: It has ended, or is about to.
        """
        return self.ledger.campaigns.move(self.find(campaign).id, "pause", reason=reason)

    def resume(self, campaign: str | int = "last", reason: str = "") -> Campaign:
        """Let a campaign go on that was paused or stopped, or that has ended.

        Raises:
            NotFound: No campaign fits.
        """
        return self.ledger.campaigns.move(self.find(campaign).id, "resume", reason=reason)

    def stop(self, campaign: str | int = "last", reason: str = "") -> Campaign:
        """Let a campaign end: no trial is begun any more, and who drives it ends those that are open.

        One that nobody drives has ended when this returns.

        Raises:
            NotFound: No campaign fits.
            Conflict: It has ended.
        """
        stopping = self.ledger.campaigns.move(self.find(campaign).id, "stop", reason=reason)
        if stopping.holder is not None:
            return stopping
        return self.ledger.campaigns.move(stopping.id, "end", stop="stopped", reason=reason)

    def trial_of(self, experiment_id: str) -> Trial | None:
        """The trial that an experiment was recorded in, with agent, model, tokens, cost and prompt; None without one.

        Raises:
            NotFound: There is no such experiment.
        """
        return self.ledger.campaigns.trial_of(experiment_id)
