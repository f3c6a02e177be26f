"""Rows of campaigns and their trials."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from autoresearch.protocol.rows import CURSOR, LIMIT, Operation, Query
from autoresearch.records.base import Finite, Id, Line, Page, Request, Text
from autoresearch.records.campaign import (
    LONGEST_HOLD,
    Campaign,
    CampaignMove,
    CampaignRequest,
    Stop,
    Trial,
    TrialRequest,
    TrialUpdate,
)
from autoresearch.records.experiment import Note

__all__ = ["ROWS", "DeliverPost", "HoldPost", "MovePost", "ReleasePost"]

_NEWEST = Query("newest_first", bool, False, "The last one first.")


def _as_tuple(value: Any) -> Any:
    # A strict tuple takes no list, and JSON has nothing else.
    return tuple(value) if isinstance(value, list) else value


class MovePost(Request):
    """Why a campaign is moved: ``stop`` with the move ``end`` alone, ``reason`` in words."""

    stop: Stop | None = None
    reason: Text = ""


class HoldPost(Request):
    """Who drives a campaign from now on, alone, and for how many seconds."""

    holder: Line
    seconds: Annotated[Finite, Field(ge=1, le=LONGEST_HOLD)]


class ReleasePost(Request):
    """Who lets go of a campaign."""

    holder: Line


class DeliverPost(Request):
    """Ids of remarks that the trial was given already, where that is told later; without them it is given what waits."""

    notes: Annotated[tuple[Id, ...], BeforeValidator(_as_tuple), Field(max_length=1000)] | None = None


ROWS = (
    Operation(
        "begin_campaign",
        "POST",
        "/v1/campaigns",
        "campaigns",
        "begin",
        Campaign,
        "Begin a campaign in a session of a project that has a goal.",
        "write",
        CampaignRequest,
    ),
    Operation(
        "get_campaign",
        "GET",
        "/v1/campaigns/{campaign_id}",
        "campaigns",
        "campaign",
        Campaign,
        "One campaign, with the sums of its trials.",
    ),
    Operation(
        "find_campaign",
        "GET",
        "/v1/projects/{project}/campaign",
        "campaigns",
        "find",
        Campaign,
        "The campaign meant by 3, #3, last, a full id, or a part of one.",
        query=(Query("text", str, ..., "The word."),),
    ),
    Operation(
        "list_campaigns",
        "GET",
        "/v1/projects/{project}/campaigns",
        "campaigns",
        "campaigns",
        Page[Campaign],
        "Campaigns of a project in order of number.",
        query=(_NEWEST, LIMIT, CURSOR),
    ),
    Operation(
        "hold_campaign",
        "PUT",
        "/v1/campaigns/{campaign_id}/hold",
        "campaigns",
        "hold",
        Campaign,
        "Drive a campaign alone for some seconds; called again, for longer.",
        "write",
        HoldPost,
        "",
    ),
    Operation(
        "release_campaign",
        "POST",
        "/v1/campaigns/{campaign_id}/release",
        "campaigns",
        "release",
        Campaign,
        "Let go of a campaign; nothing changes when another drives it.",
        "write",
        ReleasePost,
        "",
    ),
    Operation(
        "claim_trial",
        "POST",
        "/v1/campaigns/{campaign_id}/trials",
        "campaigns",
        "claim",
        Trial,
        "Begin a trial; of two open ones with the same idea the second is refused.",
        "write",
        TrialRequest,
    ),
    Operation(
        "list_trials",
        "GET",
        "/v1/campaigns/{campaign_id}/trials",
        "campaigns",
        "trials",
        Page[Trial],
        "Trials of a campaign in the order in which they were claimed.",
        query=(Query("open_only", bool, False, "Only those that are not judged."), _NEWEST, LIMIT, CURSOR),
    ),
    Operation(
        "get_trial",
        "GET",
        "/v1/trials/{trial_id}",
        "campaigns",
        "trial",
        Trial,
        "One trial.",
    ),
    Operation(
        "update_trial",
        "POST",
        "/v1/trials/{trial_id}/updates",
        "campaigns",
        "update",
        Trial,
        "Move a trial forward, or say more of it; the sums of its campaign follow.",
        "write",
        TrialUpdate,
    ),
    Operation(
        "deliver_notes",
        "POST",
        "/v1/campaigns/{campaign_id}/trials/{trial_id}/notes",
        "campaigns",
        "deliver",
        tuple[Note, ...],
        "What people remarked since the campaign began and no trial was given yet: each once, and the same again.",
        "write",
        DeliverPost,
        "",
    ),
    Operation(
        "get_trial_of_experiment",
        "GET",
        "/v1/experiments/{experiment_id}/trial",
        "campaigns",
        "trial_of",
        Trial | None,
        "The trial that an experiment was recorded in, with agent, model, tokens, cost and prompt; null without one.",
    ),
    # Behind the others: its last name takes the place of any word.
    Operation(
        "move_campaign",
        "POST",
        "/v1/campaigns/{campaign_id}/{move}",
        "campaigns",
        "move",
        Campaign,
        "Pause, resume, stop or end a campaign; a move to where it is changes nothing.",
        "write",
        MovePost,
        "",
        kinds={"move": CampaignMove},
    ),
)
