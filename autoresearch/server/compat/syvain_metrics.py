"""Reading metrics as the Syvain client does: row by row, several series in one, by the column, and what there is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from autoresearch.errors import Invalid, NotFound
from autoresearch.ledger.local.metric_events import Event, Series, Window, sort_key
from autoresearch.records.run import Run
from autoresearch.records.typed import bare
from autoresearch.research.metadata import canonical, equal
from autoresearch.server.compat import syvain_forms as forms
from autoresearch.server.compat.calls import Answer, Call, Rule, whole
from autoresearch.server.compat.syvain import events_of, known_run
from autoresearch.server.compat.syvain_forms import form

__all__ = ["RULES"]

_LIMIT = 1000
_MOST = 100_000
_LATEST = 2**53
_ORDERS = {"step", "client_timestamp", "server_timestamp"}
_NDJSON = "application/vnd.syvain.metric-series+ndjson"
_LONGEST_NAME = 256
_Chosen = Callable[[str, Mapping[str, Any]], bool]


class _Reading(NamedTuple):
    """How rows are wanted."""

    window: Window
    order: tuple[str, ...]
    descending: bool
    limit: int
    told: bool


def _reading(call: Call, *, comparing: bool) -> _Reading:
    step = whole(call, "step", least=0)
    first, last = whole(call, "from_step"), whole(call, "to_step")
    since, until = whole(call, "from_time", most=_LATEST), whole(call, "to_time", most=_LATEST)
    if step is not None:
        first, last = max(step, step if first is None else first), min(step, step if last is None else last)
    said = call.one("sort_by")
    order = tuple(part for part in (said or "").split(",") if part)
    known = _ORDERS | ({"series"} if comparing else set())
    if not known.issuperset(order):
        raise Invalid(
            f"sort_by was {said!r:.80}.", hint=f"Join some of {', '.join(sorted(known))} by commas."
        )
    direction = call.one("sort_direction") or "asc"
    if direction not in {"asc", "desc"}:
        raise Invalid(f"sort_direction was {direction[:40]!r}.", hint="Give asc or desc.")
    limit = whole(call, "limit", least=0)
    told = call.one("include_experiment_meta_as_of") == "true"
    return _Reading(
        Window(first, last, since, until),
        order or ("step",),
        direction == "desc",
        min(_LIMIT if limit is None else limit, _MOST),
        told,
    )


def _chosen(name: str | None, key: str | None, value: str | None, value_json: str | None) -> _Chosen:
    """Which series have a name and metadata.

    Raises:
        Invalid: A value without a key, both values, or one that is no JSON.
    """
    if key is None and not (value is None and value_json is None):
        raise Invalid("A metadata value was given without its key.", hint="Give metadata_key as well.")
    if value is not None and value_json is not None:
        raise Invalid("Both forms of the metadata value were given.", hint="Give one of them.")
    meant: Any = value
    if value_json is not None:
        try:
            meant = json.loads(value_json)
        except (ValueError, RecursionError):
            raise Invalid("metadata_value_json is not JSON.", hint='Give JSON, such as 1 or "1".') from None

    def chosen(metric: str, metadata: Mapping[str, Any]) -> bool:
        if name is not None and metric != name:
            return False
        if key is None:
            return True
        any_value = value is None and value_json is None
        return key in metadata and (any_value or equal(metadata[key], meant))

    return chosen


class _Found(NamedTuple):
    place: int
    series: Series
    event: Event


def _gather(call: Call, reading: _Reading, place: int, run_id: str, chosen: _Chosen) -> list[_Found]:
    own = tuple(name for name in reading.order if name != "series")
    events = events_of(call)
    return [
        _Found(place, series, event)
        for series in events.series(run_id, chosen)
        for event in events.events(
            series, reading.window, order=own, descending=reading.descending, limit=reading.limit
        )
    ]


def _rows(call: Call, reading: _Reading, found: list[_Found], runs: Mapping[str, Run]) -> Answer:
    def key(each: _Found) -> tuple[Any, ...]:
        sign = -1 if reading.descending else 1
        parts = [
            (False, sign * each.place)
            if name == "series"
            else sort_key(each.event, (name,), descending=reading.descending)[0]
            for name in reading.order
        ]
        return (*parts, sign * each.place, sign * each.event.seq)

    found.sort(key=key)
    rows = [_row(call, each, runs[each.series.run_id], told=reading.told) for each in found[: reading.limit]]
    return Answer(content={"rows": rows})


def _row(call: Call, found: _Found, run: Run, *, told: bool) -> dict[str, Any]:
    event, series = found.event, found.series
    return {
        "event_id": event.id,
        "org_id": call.caller.organization,
        "experiment_id": run.id,
        "experiment_slug": run.name,
        "experiment_description": run.note if told else None,
        "experiment_metadata_json": canonical({k: bare(v) for k, v in run.config.items()}) if told else None,
        "metric_name": series.name,
        "metric_value": event.value,
        "step": event.step,
        "event_metadata_json": canonical(series.metadata),
        "client_timestamp_ms": event.client_ms,
        "server_timestamp_ms": event.server_ms,
    }


def _metrics(call: Call) -> Answer:
    run = call.ledger.runs.run(known_run(call.names["id"]))
    reading = _reading(call, comparing=False)
    given = ("metric_name", "metadata_key", "metadata_value", "metadata_value_json")
    chosen = _chosen(*map(call.one, given))
    return _rows(call, reading, _gather(call, reading, 0, run.id, chosen), {run.id: run})


def _compare(call: Call) -> Answer:
    reading = _reading(call, comparing=True)
    runs: dict[str, Run] = {}
    found: list[_Found] = []
    for place, text in enumerate(call.all("series")):
        wanted = form(forms.SeriesForm, text)
        run = call.ledger.runs.run(known_run(wanted.experiment_id))
        runs[run.id] = run
        chosen = _chosen(
            wanted.metric_name, wanted.metadata_key, wanted.metadata_value, wanted.metadata_value_json
        )
        found += _gather(call, reading, place, run.id, chosen)
    return _rows(call, reading, found, runs)


def _all(call: Call, run_id: str) -> list[Series]:
    return events_of(call).series(known_run(run_id), lambda _name, _metadata: True)


def _keys_by_metric(series: Sequence[Series]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for each in series:
        found.setdefault(each.name, {}).update(dict.fromkeys(each.metadata))
    return {name: sorted(keys) for name, keys in found.items()}


def _catalog(call: Call) -> Answer:
    limit = whole(call, "limit", least=0)
    found = _keys_by_metric(_all(call, call.names["id"]))
    metrics = [{"metric_name": name, "metadata_keys": keys} for name, keys in found.items()]
    return Answer(content={"metrics": metrics[: _LIMIT if limit is None else limit]})


def _values(call: Call) -> Answer:
    metric, limit = call.names["metric"], whole(call, "limit", least=0)
    most = _LIMIT if limit is None else limit
    found = [each for each in _all(call, call.names["id"]) if each.name == metric]
    if not found:
        raise NotFound(f"The experiment has no metric {metric[:200]!r}.", hint="Look at its catalog.")
    keys = call.all("key") or _keys_by_metric(found)[metric]
    known: dict[str, dict[str, Any]] = {key: {} for key in keys}
    for each in found:
        for key in known.keys() & each.metadata.keys():
            known[key][canonical(each.metadata[key])] = each.metadata[key]
    told = [
        {"key": key, "values": [values[text] for text in sorted(values)][:most], "value_count": len(values)}
        for key, values in known.items()
    ]
    scanned = sum(each.row.points for each in found)
    return Answer(content={"metadata": {"metric_name": metric, "scanned_event_count": scanned, "keys": told}})


def _query_series(call: Call) -> Answer:
    said = form(forms.SeriesQuery, call)
    batches = _batches(call, said)
    if said.stream:
        # The first batch is made before the answer begins, so that what is not there is refused in the envelope.
        ready = list(_wanted_series(call, said))
        return Answer(lines=_lines(_columns(call, said, ready)), media_type=_NDJSON)
    return Answer(content=list(batches))


def _batches(call: Call, said: forms.SeriesQuery) -> Iterator[dict[str, Any]]:
    return _columns(call, said, _wanted_series(call, said))


def _wanted_series(call: Call, said: forms.SeriesQuery) -> Iterator[Series]:
    """Each series once, however many of the wanted ones it fits; names that the client refuses are left out."""
    taken: set[tuple[str, int]] = set()
    for wanted in said.series:
        for series in _all(call, wanted.experiment_id):
            texts = _texts(series.metadata)
            fits = wanted.metric_name in {None, series.name} and all(
                each.key in texts and each.value in {None, texts[each.key]} for each in wanted.metadata_filter
            )
            if fits and _takes(series.name) and (series.run_id, series.row.id) not in taken:
                taken.add((series.run_id, series.row.id))
                yield series


def _takes(name: str) -> bool:
    return name.isascii() and name.isprintable() and len(name) <= _LONGEST_NAME


def _texts(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else canonical(value) for key, value in metadata.items()}


def _columns(call: Call, said: forms.SeriesQuery, wanted: Any) -> Iterator[dict[str, Any]]:
    order = ("step",) if said.order.axis == "step" else ("client_timestamp",)
    descending = said.order.direction == "desc"
    for series in wanted:
        events = events_of(call).events(series, Window(), order=order, descending=descending, limit=None)
        digest = hashlib.sha256(canonical(series.metadata).encode()).hexdigest()
        yield {
            "experimentId": series.run_id,
            "metricName": series.name,
            "metadataHash": digest,
            "metadata": _texts(series.metadata),
            "data": {
                "steps": [event.step for event in events],
                "timestamp": [event.client_ms for event in events],
                "value": [event.value for event in events],
            },
        }


def _lines(batches: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    count = rows = 0
    for batch in batches:
        count, rows = count + 1, rows + len(batch["data"]["value"])
        yield json.dumps(batch, allow_nan=False).encode() + b"\n"
    yield json.dumps({"kind": "complete", "batchCount": count, "rowCount": rows}).encode() + b"\n"


def _query_catalog(call: Call) -> Answer:
    said = form(forms.CatalogForm, call)
    return Answer(
        content=[
            {"experimentId": run_id, "metricName": name, "metadataKeys": keys}
            for run_id in dict.fromkeys(said.experiment_ids)
            for name, keys in _keys_by_metric(_all(call, run_id)).items()
            if _takes(name)
        ]
    )


_ONE = "experiments/{id}"
RULES = (
    Rule(method="GET", pattern=f"{_ONE}/metrics", handler=_metrics, data=True),
    Rule(method="GET", pattern="metrics", handler=_compare, data=True),
    Rule(method="GET", pattern=f"{_ONE}/catalog", handler=_catalog, data=True),
    Rule(method="GET", pattern=f"{_ONE}/catalog/{{metric:rest}}", handler=_values, data=True),
    Rule(method="POST", pattern="query/series", handler=_query_series, data=True),
    Rule(method="POST", pattern="query/metric-catalog", handler=_query_catalog, data=True),
)
"""What the client asks for to read metrics."""
