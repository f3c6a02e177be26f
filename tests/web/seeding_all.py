"""Everything that there is to look at, in the store of one server."""

from __future__ import annotations

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.campaign import Campaign
from autoresearch.records.experiment import Actor
from tests.serving import Served
from tests.web import seeding, seeding_runs, seeding_segments, seeding_things
from tests.web.seeding import Seeded

__all__ = ["all_of"]


def all_of(served: Served) -> tuple[LocalLedger, Seeded, Campaign]:
    """Seed all projects; answers the ledger, the main one's experiments and its campaign, which is under way."""
    state = served.state
    ledger = LocalLedger(state.database, state.objects, actor=Actor(kind="agent", name="claude-code"))
    seeds = seeding.seeded(ledger)
    seeding_things.things(ledger, seeds)
    campaign = seeding.busy(ledger, seeds)
    seeding.bare(ledger)
    seeding_runs.runs(served.home)
    seeding_segments.moved(ledger, served.home)
    seeding_segments.edges(ledger)
    seeding_runs.media(served.home)
    # Whoever owns the store takes over what a script left beside it: a stranger who is the first to read of it may not have its bytes.
    with LocalLedger.open(served.home) as own:
        own.runs.find(seeding_runs.MEDIA, "1")
    return ledger, seeds, campaign
