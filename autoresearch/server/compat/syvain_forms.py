"""What the Syvain client sends, checked: what it calls by its own words, with its own bounds."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from autoresearch.errors import Invalid
from autoresearch.records.words import clean_text
from autoresearch.server.compat.calls import Call

__all__ = [
    "AnnotationForm",
    "CatalogForm",
    "ExperimentForm",
    "FolderForm",
    "FolderPatch",
    "IngestForm",
    "KeyForm",
    "MetricForm",
    "MoveForm",
    "Order",
    "SeriesForm",
    "SeriesQuery",
    "StatusForm",
    "form",
]

_Form = TypeVar("_Form", bound=BaseModel)
_MOST_STEP = 2**53 - 1
_MOST_DEEP = 30


class _Base(BaseModel):
    """Unknown fields are left alone: a newer client may say more."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


def _text(value: str) -> str:
    return clean_text(value)


def _checked(value: Any, depth: int = 0) -> Any:
    if depth > _MOST_DEEP:
        raise ValueError(f"must not be nested deeper than {_MOST_DEEP}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must contain only finite numbers")
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(key): _checked(item, depth + 1) for key, item in value.items()}
    return [_checked(item, depth + 1) for item in value] if isinstance(value, list) else value


def _strict(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError("must be a number")  # noqa: TRY004  pydantic reports ValueError with the field's path
    return value


_String = Annotated[str, StringConstraints(strict=True), AfterValidator(_text)]
_Short = Annotated[_String, Field(min_length=1, max_length=200)]
_Object = Annotated[dict[str, Any], AfterValidator(_checked)]
_Whole = Annotated[int, BeforeValidator(_strict), Field(ge=0, le=_MOST_STEP)]
_Number = Annotated[float, BeforeValidator(_strict), Field(allow_inf_nan=False)]


class FolderForm(_Base):
    """A new folder."""

    name: _Short
    parent_id: str | None = None


class FolderPatch(_Base):
    """Another name or place of a folder; ``parent_id`` null moves it to the root, and left out keeps it."""

    name: _Short | None = None
    parent_id: str | None = None


class ExperimentForm(_Base):
    """A new experiment."""

    slug: _Short
    description: Annotated[_String, Field(max_length=4000)] = ""
    metadata: _Object = Field(default_factory=dict)
    folder_id: str | None = None


class _Failure(_Base):
    name: Annotated[_String, Field(max_length=500)] = "Error"
    detail: Annotated[_String, Field(max_length=8000)] = ""


class StatusForm(_Base):
    """What became of an experiment."""

    status: Literal["running", "done", "error"]
    error: _Failure | None = None
    timestamp_ms: _Whole | None = None


class MoveForm(_Base):
    """Where an experiment lies."""

    folder_id: str | None


class MetricForm(_Base):
    """One number."""

    client_event_id: _Short
    name: Annotated[_String, Field(min_length=1, max_length=500)]
    value: _Number
    step: _Whole | None = None
    metadata: _Object = Field(default_factory=dict)
    timestamp_ms: _Whole | None = None


class IngestForm(_Base):
    """Numbers."""

    data: Annotated[list[MetricForm], Field(max_length=1000)]


class AnnotationForm(_Base):
    """A note."""

    annotation: Annotated[_String, Field(min_length=1, max_length=16_000)]
    metadata: _Object = Field(default_factory=dict)


class KeyForm(_Base):
    """A new ingestion key."""

    name: _Short = "SDK ingestion key"
    ttl_ms: Annotated[int, BeforeValidator(_strict), Field(ge=1, le=7 * 24 * 3600 * 1000)] | None = None


class SeriesForm(_Base):
    """One series of a comparison."""

    experiment_id: _String
    metric_name: _String
    metadata_key: _String | None = None
    metadata_value: _String | None = None
    metadata_value_json: _String | None = None


class _Predicate(_Base):
    key: _String
    value: _String | None = None


class _Wanted(_Base):
    experiment_id: _String = Field(alias="experimentId")
    metric_name: _String | None = Field(default=None, alias="metricName")
    metadata_filter: list[_Predicate] = Field(default_factory=list, alias="metadataFilter")


class Order(_Base):
    """How the rows of each series are ordered."""

    axis: Literal["step", "timestamp"] = "step"
    direction: Literal["asc", "desc"] = "asc"


class SeriesQuery(_Base):
    """Series by the column."""

    series: Annotated[list[_Wanted], Field(min_length=1, max_length=64)]
    order: Order = Field(default_factory=Order)
    stream: bool = False


class CatalogForm(_Base):
    """Experiments whose metrics are asked for."""

    experiment_ids: Annotated[list[_String], Field(alias="experimentIds", min_length=1, max_length=64)]


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid(f"{text[:80]!r} is not JSON.", hint="Send a JSON object.") from None


def form(kind: type[_Form], said: Call | str) -> _Form:
    """A body or a text, checked.

    Raises:
        Invalid: It is not what it should be; the message names the field.
    """
    given = said.document() if isinstance(said, Call) else _read(said)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        why = first["msg"].removeprefix("Value error, ")
        raise Invalid(f"{where}: {why}.", hint=f"Correct {where} and call again.") from None
