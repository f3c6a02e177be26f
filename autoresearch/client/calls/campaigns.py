"""Calls of the API; written by tools/client_source.py from the table of operations."""

from __future__ import annotations

from typing import Literal

from autoresearch.client.caller import Caller
from autoresearch.records.base import Page
from autoresearch.records.campaign import Campaign, CampaignRequest, Trial, TrialRequest, TrialUpdate
from autoresearch.records.experiment import Note

__all__ = ["CampaignsCalls"]


class CampaignsCalls(Caller):
    """One method for each row of this group; each raises what ``call`` does."""

    def begin_campaign(self, request: CampaignRequest) -> Campaign:
        """Begin a campaign in a session of a project that has a goal."""
        answer: Campaign = self.call("begin_campaign", {"request": request})
        return answer

    def get_campaign(self, campaign_id: str) -> Campaign:
        """One campaign, with the sums of its trials."""
        answer: Campaign = self.call("get_campaign", {"campaign_id": campaign_id})
        return answer

    def find_campaign(self, project: str, text: str) -> Campaign:
        """The campaign meant by 3, #3, last, a full id, or a part of one."""
        answer: Campaign = self.call("find_campaign", {"project": project, "text": text})
        return answer

    def list_campaigns(
        self, project: str, *, newest_first: bool = False, limit: int = 100, cursor: str | None = None
    ) -> Page[Campaign]:
        """Campaigns of a project in order of number."""
        answer: Page[Campaign] = self.call(
            "list_campaigns",
            {"project": project, "newest_first": newest_first, "limit": limit, "cursor": cursor},
        )
        return answer

    def hold_campaign(self, campaign_id: str, holder: str, seconds: float) -> Campaign:
        """Drive a campaign alone for some seconds; called again, for longer."""
        answer: Campaign = self.call(
            "hold_campaign", {"campaign_id": campaign_id, "holder": holder, "seconds": seconds}
        )
        return answer

    def release_campaign(self, campaign_id: str, holder: str) -> Campaign:
        """Let go of a campaign; nothing changes when another drives it."""
        answer: Campaign = self.call("release_campaign", {"campaign_id": campaign_id, "holder": holder})
        return answer

    def claim_trial(self, request: TrialRequest) -> Trial:
        """Begin a trial; of two open ones with the same idea the second is refused."""
        answer: Trial = self.call("claim_trial", {"request": request})
        return answer

    def list_trials(
        self,
        campaign_id: str,
        *,
        open_only: bool = False,
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Trial]:
        """Trials of a campaign in the order in which they were claimed."""
        answer: Page[Trial] = self.call(
            "list_trials",
            {
                "campaign_id": campaign_id,
                "open_only": open_only,
                "newest_first": newest_first,
                "limit": limit,
                "cursor": cursor,
            },
        )
        return answer

    def get_trial(self, trial_id: str) -> Trial:
        """One trial."""
        answer: Trial = self.call("get_trial", {"trial_id": trial_id})
        return answer

    def update_trial(self, request: TrialUpdate) -> Trial:
        """Move a trial forward, or say more of it; the sums of its campaign follow."""
        answer: Trial = self.call("update_trial", {"request": request})
        return answer

    def deliver_notes(
        self, campaign_id: str, trial_id: str, *, notes: tuple[str, ...] | None = None
    ) -> tuple[Note, ...]:
        """What people remarked since the campaign began and no trial was given yet: each once, and the same again."""
        answer: tuple[Note, ...] = self.call(
            "deliver_notes", {"campaign_id": campaign_id, "trial_id": trial_id, "notes": notes}
        )
        return answer

    def get_trial_of_experiment(self, experiment_id: str) -> Trial | None:
        """The trial that an experiment was recorded in, with agent, model, tokens, cost and prompt; null without one."""
        answer: Trial | None = self.call("get_trial_of_experiment", {"experiment_id": experiment_id})
        return answer

    def move_campaign(
        self,
        campaign_id: str,
        move: Literal["pause", "resume", "stop", "end"],
        *,
        stop: Literal[
            "experiments",
            "hours",
            "tokens",
            "money",
            "failures",
            "target",
            "exhausted",
            "stopped",
            "interrupted",
        ]
        | None = None,
        reason: str = "",
    ) -> Campaign:
        """Pause, resume, stop or end a campaign; a move to where it is changes nothing."""
        answer: Campaign = self.call(
            "move_campaign", {"campaign_id": campaign_id, "move": move, "stop": stop, "reason": reason}
        )
        return answer
