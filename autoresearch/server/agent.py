"""What an agent reads before its next change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from autoresearch.briefs.brief import Context, build
from autoresearch.briefs.facts import Facts
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.forms import Brief
from autoresearch.server.documented import by_hand
from autoresearch.server.handling import answer_json, asked

__all__ = ["routes"]


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(get_context=_context, get_facts=_facts)


async def _context(request: Request) -> Response:
    def work(ledger: LocalLedger, given: Mapping[str, Any]) -> tuple[Context, str]:
        facts = ledger.memory.facts(given["project"], limit=given["limit"])
        made = build(facts, budget=given["budget"])
        if given["format"] == "json":
            _ = made.data  # made on this thread, where it may take its time
        return made, given["format"]

    made, form = await asked(request, work)
    if form == "markdown":
        return Response(made.markdown, media_type="text/markdown")
    fields = {name: getattr(made, name) for name in Brief.model_fields}
    return answer_json(Brief.model_construct(**fields), Brief)


async def _facts(request: Request) -> Response:
    answer: Response = await asked(
        request, lambda ledger, given: ledger.memory.facts(given["project"], limit=given["limit"]), kind=Facts
    )
    return answer
