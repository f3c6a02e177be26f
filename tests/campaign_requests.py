"""Short ways to begin campaigns and to move their trials."""

from __future__ import annotations

from typing import Any

from autoresearch.ledger.base import Ledger
from autoresearch.records.base import utc_now
from autoresearch.records.campaign import Campaign, CampaignRequest, Step, Trial, TrialRequest, TrialUpdate
from autoresearch.records.experiment import Experiment, Note, NoteRequest
from autoresearch.records.ids import new_id
from tests.contract_helpers import PROJECT, experiment, goal, session

__all__ = [
    "begin",
    "begun",
    "campaign_request",
    "claim",
    "judge",
    "note",
    "recorded",
    "trial_request",
    "update",
]


def campaign_request(session_id: str, **values: Any) -> CampaignRequest:
    given = {"id": new_id(), "project": PROJECT, "agent": "offline", "occurred_at": utc_now(), **values}
    return CampaignRequest.make(session_id=session_id, **given)


def begin(ledger: Ledger, session_id: str, **values: Any) -> Campaign:
    return ledger.campaigns.begin(campaign_request(session_id, **values))


def begun(ledger: Ledger, **values: Any) -> Campaign:
    """A campaign in a session of its own, in a project with a goal."""
    goal(ledger)
    return begin(ledger, session(ledger).id, **values)


def trial_request(campaign: Campaign, **values: Any) -> TrialRequest:
    return TrialRequest.make(**{"id": new_id(), "campaign_id": campaign.id, "worker": "w1", **values})


def claim(ledger: Ledger, campaign: Campaign, **values: Any) -> Trial:
    return ledger.campaigns.claim(trial_request(campaign, **values))


def update(ledger: Ledger, trial: Trial, step: Step, **values: Any) -> Trial:
    request = TrialUpdate.make(**{"id": new_id(), "trial_id": trial.id, "step": step, **values})
    return ledger.campaigns.update(request)


def recorded(ledger: Ledger, campaign: Campaign, trial: Trial, **values: Any) -> Experiment:
    """The experiment that a trial was recorded as."""
    made = experiment(ledger, campaign.session_id)
    update(ledger, trial, "recorded", experiment_id=made.id, **values)
    return made


def judge(ledger: Ledger, trial: Trial, outcome: str, **values: Any) -> Trial:
    return update(ledger, trial, "judged", outcome=outcome, **values)


def note(ledger: Ledger, text: str, **values: Any) -> Note:
    return ledger.memory.add_note(
        NoteRequest.make(**{"id": new_id(), "project": PROJECT, "text": text, **values})
    )
