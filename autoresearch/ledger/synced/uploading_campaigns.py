"""Campaigns of the embedded store, brought to a server: their moves, their trials, and who was given which remark."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from autoresearch.errors import Conflict
from autoresearch.ledger.pushing import push
from autoresearch.ledger.synced.naming import blobs_of
from autoresearch.records.campaign import CampaignMove, CampaignRequest, Trial, TrialRequest, TrialUpdate
from autoresearch.records.frontier import Event

if TYPE_CHECKING:
    from autoresearch.ledger.synced.uploading import Records

__all__ = ["SENT"]

_SPACE = uuid.UUID("c2f0b9a6-5f0d-5b7e-8f5e-2f6b0c4f7f3d")
_MOVES: Mapping[str, CampaignMove] = {
    "campaign.paused": "pause",
    "campaign.resumed": "resume",
    "campaign.stopping": "stop",
    "campaign.ended": "end",
}


def _began(records: Records, event: Event) -> None:
    found = records.line.local.campaigns.campaign(event.subject)
    fields = {name: getattr(found, name) for name in CampaignRequest.model_fields}
    records.once(records.line.remote.campaigns.begin, CampaignRequest.make(**fields))


def _moved(records: Records, event: Event) -> None:
    said = event.after or {}
    stop, reason = said.get("stop"), str(said.get("reason") or "")
    with contextlib.suppress(Conflict), records.keyed(event):  # it is there already
        records.line.remote.campaigns.move(event.subject, _MOVES[event.kind], stop=stop, reason=reason)


def _claimed(records: Records, event: Event) -> None:
    trial, said = records.line.local.campaigns.trial(event.subject), event.after or {}
    request = TrialRequest.make(
        id=trial.id,
        campaign_id=trial.campaign_id,
        worker=trial.worker,
        parent_id=said.get("parent_id"),
        idea=said.get("idea") or "",
        baseline=trial.number == 0,
        # When it was begun says that it was: what stands against it there now does not count.
        started_at=trial.started_at,
    )
    records.once(records.line.remote.campaigns.claim, request)


def _updated(records: Records, event: Event) -> None:
    line = records.line
    trial, said = line.local.campaigns.trial(event.subject), event.after or {}
    made = str(uuid.uuid5(_SPACE, f"{line.home}:{event.seq}"))
    if trial.updated_at == event.recorded_at:
        request = TrialUpdate.make(id=made, trial_id=trial.id, **_all_of(trial))
    elif said.get("experiment_id"):
        given = {"step": said["step"], "experiment_id": said["experiment_id"]}
        request = TrialUpdate.make(id=made, trial_id=trial.id, **given)
    else:
        return  # the last one says all that is known by now
    push(line.local.objects, line.remote.objects, blobs_of({"request": request}, line.local))
    records.once(line.remote.campaigns.update, request)


def _all_of(trial: Trial) -> dict[str, Any]:
    names = set(TrialUpdate.model_fields) & set(Trial.model_fields) - {"id"}
    return {name: getattr(trial, name) for name in names}


def _delivered(records: Records, event: Event) -> None:
    trial = records.line.local.campaigns.trial(str((event.after or {}).get("trial_id")))
    records.line.remote.campaigns.deliver(trial.campaign_id, trial.id, notes=(event.subject,))


SENT: Mapping[str, Callable[[Records, Event], None]] = {
    "campaign.began": _began,
    **dict.fromkeys(_MOVES, _moved),
    "trial.claimed": _claimed,
    "trial.updated": _updated,
    "note.delivered": _delivered,
}
"""What is sent for each kind of change."""
