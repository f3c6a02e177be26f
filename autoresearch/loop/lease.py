"""Who drives a campaign: one process at a time, known by machine and process so that a dead one is not waited for."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

from autoresearch.errors import Busy
from autoresearch.execution.family import Family
from autoresearch.ledger.campaigns import Campaigns
from autoresearch.records.campaign import Campaign

__all__ = ["LEASE", "MARK", "end_leftovers", "holder_name", "take_over"]

LEASE = 60.0
"""Seconds for which a campaign is held; a process on another machine that does not renew has lost it after these."""

MARK = "AUTORESEARCH_CAMPAIGN"
"""Variable with the campaign's id in the environment of all that is started for it."""

_PATIENCE = 1.0


def holder_name() -> str:
    """A name for this process that no other has, and by which its machine can tell whether it still lives."""
    return f"{_machine()} {os.getpid()} {_began(os.getpid())} {secrets.token_hex(4)}"


def take_over(
    campaigns: Campaigns,
    campaign_id: str,
    holder: str,
    *,
    waiting: Callable[[str, float], None] = lambda *_: None,
) -> Campaign:
    """Hold a campaign, after one that died if there was one; what that one left running here is ended.

    Args:
        campaigns: Where it is held.
        campaign_id: The campaign.
        holder: Our name, from ``holder_name``.
        waiting: Told who holds it, and the seconds until that runs out, when it is waited for.

    Raises:
        Busy: Another process drives it.
    """
    until = time.monotonic() + LEASE + _PATIENCE
    while True:
        try:
            held = campaigns.hold(campaign_id, holder, LEASE)
        except Busy as error:
            other = str(error.details.get("holder") or "")
            if _is_dead(other):
                campaigns.release(campaign_id, other)
                continue
            left = float(error.details.get("retry_after") or 0.0)
            # One of this machine lives; one elsewhere has until its lease runs out, unless it renews it.
            if _is_here(other) or time.monotonic() + left > until:
                raise
            waiting(other, left)
            time.sleep(min(_PATIENCE, max(0.05, left)))
        else:
            end_leftovers(campaign_id)
            return held


def end_leftovers(campaign_id: str) -> None:
    """End what a process that is gone has left running on this machine for a campaign."""
    Family(f"{MARK}={campaign_id}").see_off()


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
        space = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116  a name that leads nowhere
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}/{boot}/{space}"


def _began(pid: int) -> str:
    """When a process began; empty when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]


def _is_here(holder: str) -> bool:
    return holder.split(" ", maxsplit=1)[0] == _machine()


def _is_dead(holder: str) -> bool:
    """Whether a holder was a process of this machine that is no more; not known without ``/proc``, so then it is not."""
    parts = holder.split(" ")
    return (
        len(parts) == 4
        and parts[0] == _machine()
        and bool(parts[2])
        and parts[1].isdigit()
        and _began(int(parts[1])) != parts[2]
    )
