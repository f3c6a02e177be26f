"""Whether a campaign goes on: what its ledger says, what its user says, and what it may still spend."""

from __future__ import annotations

import threading
import time
from typing import Literal

from autoresearch.errors import AutoresearchError, Busy
from autoresearch.ledger.campaigns import Campaigns
from autoresearch.loop.budget import Limits, spent
from autoresearch.loop.lease import LEASE
from autoresearch.records.campaign import Campaign, Stop

__all__ = ["Control"]

_RENEW = LEASE / 4


class Control:
    """What the workers ask before they go on. Every method may be called from any thread.

    Attributes:
        stop: Why the campaign is over; None while it is not.
        reason: The same in words.
        lost: Why it was taken from us, so that nothing more may be written; empty while it is ours.

    Args:
        campaigns: Where it is held.
        campaign: As it was taken over.
        holder: Our name.
        limits: What it may spend.
        seconds: Wall-clock seconds in which it was at work before.
    """

    def __init__(
        self, campaigns: Campaigns, campaign: Campaign, holder: str, limits: Limits, seconds: float
    ) -> None:
        self.holder = holder
        self.stop: Stop | None = None
        self.reason = ""
        self.lost = ""
        self._campaigns = campaigns
        self._campaign = campaign
        self._limits = limits
        self._before = seconds
        self._begun = self._renewed = time.monotonic()
        self._cut = ""
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @property
    def campaign(self) -> Campaign:
        """The campaign as it was seen last."""
        return self._campaign

    @property
    def seconds(self) -> float:
        """Wall-clock seconds in which it was at work, in all."""
        return self._before + time.monotonic() - self._begun

    def over(self) -> str:
        """Why whatever runs is to be ended now; empty while it may go on. Asked often, and cheap."""
        limit = self._limits.hours
        if not self._cut and limit is not None and self.seconds >= 3600 * limit:
            self.cut("hours", f"{limit:.3g} hours are over")
        return self._cut

    def end(self, stop: Stop, reason: str) -> None:
        """Begin nothing more; what runs may end by itself. The first reason is the one that is told."""
        with self._lock:
            if self.stop is None:
                self.stop, self.reason = stop, reason

    def cut(self, stop: Stop, reason: str) -> None:
        """Begin nothing more, and end what runs."""
        self.end(stop, reason)
        with self._lock:
            self._cut = self._cut or f"the campaign ends: {reason}"
        self._ended.set()

    def rest(self, seconds: float) -> None:
        """Wait, unless what runs is to end."""
        self._ended.wait(seconds)

    def room(self, working: int) -> Literal["yes", "no", "later"]:
        """Whether one more trial may be begun, by what the ledger says now.

        Args:
            working: Trials that are open here. As long as there are some, one may still turn out to count for nothing, so
                that the last experiment is given to another.
        """
        self._campaign = self._campaigns.campaign(self._campaign.id)
        self._heed()
        found = spent(self._limits, self._campaign, seconds=self.seconds)
        if found is not None and found[0] == "experiments" and working:
            return "later"
        if found is not None:
            self.end(*found)
        if self.stop is not None:
            return "no"
        return "yes" if self._campaign.state == "running" else "later"

    def beat(self) -> None:
        """Say that we live, and hear what others want of the campaign. To be called every second or so.

        A ledger that does not answer for a moment is no reason to stop; one that does not for the time of a lease is.
        """
        try:
            if time.monotonic() - self._renewed >= _RENEW:
                self._campaign = self._campaigns.hold(self._campaign.id, self.holder, LEASE)
                self._renewed = time.monotonic()
            else:
                self._campaign = self._campaigns.campaign(self._campaign.id)
        except AutoresearchError as error:
            if isinstance(error, Busy) and error.details.get("reason") == "lease":
                self.lost = error.message
            elif not error.retryable or time.monotonic() - self._renewed >= LEASE:
                self.lost = f"the ledger did not answer: {error.message}"
        if self.lost:
            self.cut("interrupted", self.lost)
        self._heed()
        self.over()

    def _heed(self) -> None:
        state, reason = self._campaign.state, self._campaign.reason
        if state == "stopping":
            self.cut("stopped", reason or "somebody stopped it")
        elif state == "ended":
            self.cut(self._campaign.stop or "stopped", reason or "somebody ended it")
