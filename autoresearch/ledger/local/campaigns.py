"""``ledger.campaigns`` over the database: each operation is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autoresearch.ledger.campaigns import Campaigns
from autoresearch.ledger.local import campaign_rows, inbox, trials
from autoresearch.records.base import Page
from autoresearch.records.campaign import (
    Campaign,
    CampaignMove,
    CampaignRequest,
    Hold,
    Move,
    Stop,
    Trial,
    TrialRequest,
    TrialUpdate,
)
from autoresearch.records.experiment import Note

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger

__all__ = ["LocalCampaigns"]


class LocalCampaigns(Campaigns):
    """See :class:`autoresearch.ledger.campaigns.Campaigns`."""

    def __init__(self, ledger: LocalLedger) -> None:
        self._ledger = ledger

    def begin(self, request: CampaignRequest) -> Campaign:
        with self._ledger.write() as unit:
            return campaign_rows.begin(unit, request)

    def campaign(self, campaign_id: str) -> Campaign:
        with self._ledger.read() as unit:
            return campaign_rows.view(unit, campaign_rows.row_of(unit, campaign_id))

    def find(self, project: str, text: str) -> Campaign:
        with self._ledger.read() as unit:
            return campaign_rows.view(unit, campaign_rows.find(unit, project, text))

    def campaigns(
        self, project: str, *, newest_first: bool = False, limit: int = 100, cursor: str | None = None
    ) -> Page[Campaign]:
        with self._ledger.read() as unit:
            return campaign_rows.listed(unit, project, newest_first=newest_first, limit=limit, cursor=cursor)

    def move(
        self, campaign_id: str, move: CampaignMove, *, stop: Stop | None = None, reason: str = ""
    ) -> Campaign:
        request = Move.make(campaign_id=campaign_id, move=move, stop=stop, reason=reason)
        with self._ledger.write() as unit:
            return campaign_rows.move(unit, request)

    def hold(self, campaign_id: str, holder: str, seconds: float) -> Campaign:
        request = Hold.make(campaign_id=campaign_id, holder=holder, seconds=seconds)
        with self._ledger.write() as unit:
            return campaign_rows.hold(unit, request)

    def release(self, campaign_id: str, holder: str) -> Campaign:
        with self._ledger.write() as unit:
            return campaign_rows.release(unit, campaign_id, holder)

    def claim(self, request: TrialRequest) -> Trial:
        with self._ledger.write() as unit:
            return trials.claim(unit, request)

    def update(self, request: TrialUpdate) -> Trial:
        with self._ledger.write() as unit:
            # Asked under the write lock, which the collector holds while it removes.
            for digest in filter(None, (request.prompt, request.context, request.transcript)):
                self._ledger.require(unit, digest)
            return trials.update(unit, request)

    def trial(self, trial_id: str) -> Trial:
        with self._ledger.read() as unit:
            return trials.view(trials.row_of(unit, trial_id))

    def trials(
        self,
        campaign_id: str,
        *,
        open_only: bool = False,
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Trial]:
        with self._ledger.read() as unit:
            return trials.listed(
                unit,
                campaign_id,
                open_only=open_only,
                newest_first=newest_first,
                limit=limit,
                cursor=cursor,
            )

    def trial_of(self, experiment_id: str) -> Trial | None:
        with self._ledger.read() as unit:
            return trials.of_experiment(unit, experiment_id)

    def deliver(
        self, campaign_id: str, trial_id: str, *, notes: Sequence[str] | None = None
    ) -> tuple[Note, ...]:
        with self._ledger.write() as unit:
            return inbox.deliver(unit, campaign_id, trial_id, notes)
