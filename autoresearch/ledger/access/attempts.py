"""Guesses are counted before they are checked, so that many at once are no more than one after the other."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Mapping

import sqlalchemy as sa

from autoresearch.errors import SlowDown
from autoresearch.ledger.access.work import Work
from autoresearch.research.throttle import MEMORY, Count, delay
from autoresearch.store import access_schema as tables
from autoresearch.store.rows import Row

__all__ = ["Buckets", "begin", "buckets", "forgive", "look", "reset"]

Buckets = Mapping[Count, str]
"""Names of the counts that an attempt adds to."""

_a = tables.sign_in_attempts.c


def buckets(*, address: str, account: str, device: str | None) -> Buckets:
    """The counts of an attempt to be an account from an address; from a known device only the device's own.

    The names are digests: people type passwords into the field of the address, and nothing typed is kept.
    """
    if device is not None:
        return {"device": _name("device", device)}
    place = _place(address)
    return {
        "address": _name("address", place),
        "pair": _name("pair", place, account),
        "account": _name("account", account),
    }


def look(work: Work, names: Buckets) -> None:
    """Refuse an attempt that comes too early.

    Raises:
        SlowDown: It does; ``details["retry_after"]`` says for how many seconds.
    """
    waits = [(row["blocked_until"] - work.now).total_seconds() for row in _rows(work, names).values()]
    wait = max(waits, default=0.0)
    if wait > 0:
        seconds = math.ceil(wait)
        raise SlowDown(
            f"Too many attempts; the next one is possible in {seconds} s.",
            hint="Wait, or ask for a link to reset the password.",
            details={"retry_after": seconds},
        )


def begin(work: Work, names: Buckets) -> None:
    """Count an attempt as a failure, which :func:`forgive` takes back when it was none.

    Raises:
        SlowDown: It comes too early, and is not counted.
    """
    look(work, names)
    work.connection.execute(sa.delete(tables.sign_in_attempts).where(_a.updated_at < work.now - MEMORY))
    known = _rows(work, names)
    for count, name in names.items():
        failures = 1 + (known[name]["failures"] if name in known else 0)
        _keep(work, count, name, failures)


def forgive(work: Work, names: Buckets) -> None:
    """Take back one attempt: it was right, or was not looked at."""
    known = _rows(work, names)
    for name in names.values():
        if name in known:
            failures = max(0, known[name]["failures"] - 1)
            work.update(tables.sign_in_attempts, {"bucket": name}, failures=failures, blocked_until=work.now)


def reset(work: Work, names: Buckets) -> None:
    """Forget what the owner of an account mistyped; what concerns others as well is only taken back by one."""
    forgive(work, names)
    own: tuple[Count, ...] = ("pair", "device")
    for count in own:
        if count in names:
            work.delete(tables.sign_in_attempts, bucket=names[count])


def _rows(work: Work, names: Buckets) -> dict[str, Row]:
    """The counts that are still remembered. One from the future is of a clock that was wrong, and counts nothing."""
    asked = sa.select(tables.sign_in_attempts).where(
        _a.bucket.in_(list(names.values())), _a.updated_at > work.now - MEMORY, _a.updated_at <= work.now
    )
    return {row["bucket"]: row for row in work.connection.execute(asked).mappings()}


def _keep(work: Work, count: Count, name: str, failures: int) -> None:
    work.delete(tables.sign_in_attempts, bucket=name)
    work.insert(
        tables.sign_in_attempts,
        bucket=name,
        failures=failures,
        blocked_until=work.now + delay(count, failures),
        updated_at=work.now,
    )


def _name(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _place(address: str) -> str:
    """What one customer of a network has: one IPv4 address, or 64 bits of IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    if mapped is not None:
        return str(mapped)
    if parsed.version == 6:
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
