"""Campaigns on two ledgers: what happened on one of them, as it is told to the other."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from autoresearch.errors import AutoresearchError
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.synced.outbox import Change
from autoresearch.records.campaign import Campaign, Trial
from autoresearch.records.experiment import Note

__all__ = ["as_answered", "moves_to", "told_later"]


def told_later(change: Change, arguments: dict[str, Any], mirror: LocalLedger) -> dict[str, Any]:
    """A change that this machine has answered already, as the server is told of it.

    What a campaign did meanwhile has happened, whatever stands against it by now; and a trial was given the remarks that were
    known here, not those that wait there.
    """
    if change.part != "campaigns":
        return arguments
    request = arguments.get("request")
    if change.call == "claim" and request is not None:
        return {"request": _in_the_past(request, datetime.datetime.fromtimestamp(change.at, datetime.UTC))}
    if change.call == "update" and request is not None:
        return {"request": request.model_copy(update={"holder": None})}
    if change.call == "deliver" and arguments.get("notes") is None:
        try:
            given = mirror.campaigns.deliver(arguments["campaign_id"], arguments["trial_id"])
        except AutoresearchError:
            given = ()
        return {**arguments, "notes": tuple(note.id for note in given)}
    return arguments


def as_answered(change: Change, arguments: dict[str, Any], answer: Any) -> Iterable[Mapping[str, Any]]:
    """A change that the server took, as the ledger of this machine is told of it: the arguments of one or more calls."""
    request = arguments.get("request")
    if change.part == "campaigns" and change.call == "claim" and isinstance(answer, Trial):
        told = _in_the_past(request, answer.started_at)
        # The experiment that it starts from may be known to the server alone; what is there already is not made anew.
        return [{"request": told}, {"request": told.model_copy(update={"parent_id": None})}]
    if change.part == "campaigns" and change.call == "update" and request is not None:
        return [{"request": request.model_copy(update={"holder": None})}]
    if change.part == "campaigns" and change.call == "deliver":
        # One by one: remarks that others left are not known here.
        notes = [(note.id,) for note in answer if isinstance(note, Note)]
        return [{**arguments, "notes": told} for told in [(), *notes]]
    return [arguments]


def _in_the_past(request: Any, at: datetime.datetime) -> Any:
    return request.model_copy(update={"holder": None, "started_at": request.started_at or at})


def moves_to(mine: Campaign, there: Campaign) -> Iterable[Mapping[str, Any]]:
    """The moves that bring a campaign to the state of another."""
    back = [{"move": "resume"}] if mine.state in {"ended", "stopping"} else []
    if there.state == "running":
        return [{"move": "resume"}]
    if there.state == "ended":
        again = [{"move": "resume"}] if mine.state == "ended" else []
        return [*again, {"move": "end", "stop": there.stop, "reason": there.reason}]
    move = "pause" if there.state == "paused" else "stop"
    return [*back, {"move": move, "reason": there.reason}]
