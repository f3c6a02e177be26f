"""Several series in one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.calls import parse_json, read_body
from autoresearch.records.comparing import CompareQuery
from autoresearch.series.several import Compared
from autoresearch.server.documented import by_hand
from autoresearch.server.handling import asked

__all__ = ["routes"]


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(compare_metrics=_compare)


async def _compare(request: Request) -> Response:
    def work(ledger: LocalLedger, given: Mapping[str, Any]) -> Compared:
        series = [parse_json(text.encode("utf-8", "replace")) for text in given["series"]]
        query = read_body(
            CompareQuery, {**given, "series": series, "sort": [word for word in given["sort"] if word]}
        )
        assert isinstance(query, CompareQuery)
        return ledger.runs.compare(query)

    answer: Response = await asked(request, work, kind=Compared)
    return answer
