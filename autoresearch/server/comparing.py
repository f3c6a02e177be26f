"""Several series in one answer, and one in few points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from autoresearch.errors import Invalid
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.calls import parse_json, read_body
from autoresearch.records.comparing import CompareQuery
from autoresearch.series.curve import History
from autoresearch.series.several import Compared
from autoresearch.server.documented import by_hand
from autoresearch.server.handling import asked

__all__ = ["routes"]


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(compare_metrics=_compare, get_metrics=_metrics)


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


async def _metrics(request: Request) -> Response:
    def work(ledger: LocalLedger, given: Mapping[str, Any]) -> History:
        window = dict(given)
        samples = window.pop("samples")
        if samples is None:
            return ledger.runs.history(**window)
        paged = [name for name in ("since", "until", "cursor") if window.pop(name) is not None]
        if paged:
            raise Invalid(
                f"samples and {paged[0]} exclude each other.",
                hint="A sampled series comes whole: bound it by min_step and max_step.",
            )
        del window["limit"]
        run_id = window.pop("run_id")
        return History(ledger.runs.sampled([run_id], samples=samples, **window), None)

    answer: Response = await asked(request, work, kind=History)
    return answer
