"""Calls of a ledger as text: what waits to be sent outlives the process that made it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel, TypeAdapter

from autoresearch.errors import StoreCorrupt
from autoresearch.ledger import base
from autoresearch.records.artifact import RefRequest, VersionRequest
from autoresearch.records.campaign import CampaignRequest, TrialRequest, TrialUpdate
from autoresearch.records.experiment import DecisionRequest, ExperimentRequest, NoteRequest, SessionRequest
from autoresearch.records.goal import GoalRequest, ProjectRequest, SegmentRequest

__all__ = ["PARTS", "WRITES", "answer_of", "bound", "said", "understood", "written"]

PARTS: Mapping[str, type] = {
    "research": base.Research,
    "memory": base.Memory,
    "artifacts": base.Artifacts,
    "campaigns": base.Campaigns,
}
"""The parts of a ledger that work without the server."""

WRITES: Mapping[str, frozenset[str]] = {
    "research": frozenset(
        {
            "decide",
            "make_project",
            "move_session",
            "open_segment",
            "open_session",
            "record",
            "record_judged",
            "set_goal",
            "set_tree",
        }
    ),
    "memory": frozenset({"add_note"}),
    "artifacts": frozenset({"log", "move_ref"}),
    "campaigns": frozenset({"begin", "claim", "deliver", "move", "update"}),
}
"""Their operations that change something and wait to be sent; all others are asked and forgotten."""

_MODELS: Mapping[str, type[BaseModel]] = {
    kind.__name__: kind
    for kind in (
        CampaignRequest,
        DecisionRequest,
        ExperimentRequest,
        GoalRequest,
        NoteRequest,
        ProjectRequest,
        RefRequest,
        SegmentRequest,
        SessionRequest,
        TrialRequest,
        TrialUpdate,
        VersionRequest,
    )
}
_MODEL, _VALUE = "$model", "value"


def bound(part: str, call: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name."""
    signature = inspect.signature(getattr(PARTS[part], call))
    return {
        name: value
        for name, value in signature.bind(None, *args, **kwargs).arguments.items()
        if name != "self"
    }


def said(arguments: Mapping[str, Any]) -> str:
    """The arguments as text."""
    return json.dumps({name: _plain(value) for name, value in arguments.items()})


def understood(text: str) -> dict[str, Any]:
    """The arguments of a text.

    Raises:
        StoreCorrupt: It is none of ours.
    """
    try:
        return {name: _made(value) for name, value in json.loads(text).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreCorrupt(
            f"A change that waits to be sent cannot be read: {error}.",
            hint="It was made by another version of autoresearch, or the file is damaged.",
        ) from None


def written(part: str, call: str, answer: Any) -> str:
    """The answer of a call as text."""
    return _adapter(part, call).dump_json(answer).decode()


def answer_of(part: str, call: str, text: str) -> Any:
    """The answer that a text stands for."""
    return _adapter(part, call).validate_json(text)


@cache
def _adapter(part: str, call: str) -> TypeAdapter[Any]:
    return TypeAdapter(get_type_hints(getattr(PARTS[part], call))["return"])


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {_MODEL: type(value).__name__, _VALUE: value.model_dump(mode="json")}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _made(value: Any) -> Any:
    if isinstance(value, dict):
        return _MODELS[value[_MODEL]].model_validate_json(json.dumps(value[_VALUE]), strict=False)
    if isinstance(value, list):
        return tuple(_made(item) for item in value)
    return value
