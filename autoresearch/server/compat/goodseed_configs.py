"""What configs of goodseed say of a run of ours, and what a run of ours says in configs of goodseed.

Its paths ``sys/…`` are the run's own fields: name, note, tags, state. All others are configuration.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from autoresearch.ledger.local.tagged import Tagged
from autoresearch.records.base import canonical_json
from autoresearch.records.run import Run
from autoresearch.records.words import clean_line, clean_name
from autoresearch.server.compat.goodseed_values import (
    flat,
    json_value,
    moment,
    series_name,
    storable,
    tagged_value,
    words,
)

__all__ = ["CLIENT", "ended_at", "line", "of_run", "run_id_of", "said_of", "state_of", "taken"]

CLIENT = "goodseed"

_FIELDS = frozenset({
    "sys/id", "sys/creation_time", "sys/closed_time", "sys/state", "sys/name", "sys/description", "sys/tags",
})  # fmt: skip
_COMMIT, _BRANCH = "source_code/git/commit_id", "source_code/git/current_branch"
_LONGEST_NOTE = 100_000
_LONGEST_TAG = 200
_MESSAGE = 256 * 1024
_ENDED = {"finished", "failed"}


def taken(said: Any) -> dict[str, Tagged]:
    """The configs of a request by path; what is none is left out, since a refusal would bring it back for ever."""
    found = {}
    for each in said if isinstance(said, list) else ():
        path = each.get("path") if isinstance(each, dict) else None
        if not isinstance(path, str) or not path:
            continue
        tag, value = each.get("type_tag"), each.get("value")
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
        found[series_name(path)] = Tagged(storable(tag) if isinstance(tag, str) else "str", storable(text))
    return found


def ended_at(values: Mapping[str, Tagged], now: float) -> float:
    """When the run ended, as far as the values say so; else now."""
    state, closed = values.get("sys/state"), values.get("sys/closed_time")
    at = moment(closed.value) if state and closed and state.value in _ENDED else None
    return now if at is None else min(at, now)


def said_of(changed: Mapping[str, Tagged], before: Mapping[str, Tagged]) -> list[dict[str, Any]]:
    """Messages that tell the ledger what the changed values mean."""
    said = list(_config(changed))
    name = line(changed["sys/name"].value) if "sys/name" in changed else None
    if name is not None:
        said.append({"op": "name", "text": name})
    if "sys/description" in changed:
        said.append({"op": "note", "text": changed["sys/description"].value[:_LONGEST_NOTE]})
    if "sys/tags" in changed:
        old, new = _words(before.get("sys/tags")), _words(changed["sys/tags"])
        said.append({"op": "tags", "add": new, "remove": [tag for tag in old if tag not in new]})
    if not {_COMMIT, _BRANCH}.isdisjoint(changed):
        known = {**before, **changed}
        code = {"commit": known.get(_COMMIT), "branch": known.get(_BRANCH)}
        told = {key: line(value.value) for key, value in code.items() if value is not None}
        said.append({"op": "code", **{key: text for key, text in told.items() if text is not None}})
    return said


def _config(changed: Mapping[str, Tagged]) -> Iterator[dict[str, Any]]:
    """Configuration in messages of a size that is taken."""
    part: dict[str, Any] = {}
    size = 0
    for path, value in changed.items():
        if path in _FIELDS:
            continue
        size += len(path) + len(value.value)
        part[path] = json_value(value)
        if size > _MESSAGE:
            yield {"op": "config", "values": part}
            part, size = {}, 0
    if part:
        yield {"op": "config", "values": part}


def _words(value: Tagged | None) -> list[str]:
    try:
        return words(value.value) if value is not None else []
    except ValueError:
        return []


def line(text: Any) -> str | None:
    """A text as one clean line of at most 500 characters; None when nothing is left of it."""
    if not isinstance(text, str):
        return None
    plain = "".join(c if c.isprintable() else " " for c in storable(text))[:500].strip()
    try:
        return clean_line(plain) or None
    except ValueError:
        return None


def run_id_of(run: Run) -> str:
    """The run id under which goodseed knows a run: its own for runs of others."""
    known = run.environment.get("run_id") if run.environment.get("client") == CLIENT else None
    return known if isinstance(known, str) else run.id


def state_of(run: Run) -> str:
    """The state in the words of goodseed."""
    return run.state if run.state in {"running", *_ENDED} else "failed"


def of_run(run: Run, stored: Mapping[str, Tagged]) -> list[dict[str, str]]:
    """All configs of a run in order of path: as they came where they still hold, else what the run says now."""
    found = dict(stored)
    for path, value in flat(run.config):
        known = stored.get(path)
        if known is None or canonical_json(json_value(known)) != canonical_json(value):
            found[path] = tagged_value(value)
    found.update(_fields(run, stored))
    begun = run.started_at
    return [
        {
            "path": path,
            "type_tag": value.tag,
            "value": value.value,
            "updated_at": (value.updated_at or begun).isoformat(),
        }
        for path, value in sorted(found.items())
    ]


def _fields(run: Run, stored: Mapping[str, Tagged]) -> dict[str, Tagged]:
    """The paths below ``sys/`` that were never sent, or that say something else by now."""
    found = {
        "sys/id": Tagged("str", run_id_of(run)),
        "sys/creation_time": Tagged("datetime", run.started_at.isoformat()),
        "sys/state": Tagged("str", state_of(run)),
    }
    if run.ended_at is not None:
        found["sys/closed_time"] = Tagged("datetime", run.ended_at.isoformat())
    found = {path: value for path, value in found.items() if path not in stored}
    name, note, tags = stored.get("sys/name"), stored.get("sys/description"), stored.get("sys/tags")
    if run.name != (line(name.value) if name else run_id_of(run)):
        found["sys/name"] = Tagged("str", run.name)
    if run.note != (note.value[:_LONGEST_NOTE] if note else ""):
        found["sys/description"] = Tagged("str", run.note)
    if set(run.tags) != {tag for tag in _words(tags) if _is_tag(tag)}:
        found["sys/tags"] = Tagged("string_set", json.dumps(sorted(run.tags)))
    return found


def _is_tag(text: str) -> bool:
    try:
        return 0 < len(text) <= _LONGEST_TAG and bool(clean_name(text))
    except ValueError:
        return False
