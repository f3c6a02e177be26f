"""How long somebody who guessed wrong has to wait: nothing for a few, then twice as long each time, up to a bound.

Four counts stand beside each other. One for an address, against many accounts tried from one place. One for an address with an account,
which is the strictest. One for an account, against one account tried from many places; its bound is short, because anybody can make it
grow. And one for a device on which the account's owner has signed in before: for it the other three do not matter, so that nobody can
keep an owner out by guessing.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Literal, NamedTuple

__all__ = ["LIMITS", "MEMORY", "Count", "Limit", "delay"]

Count = Literal["address", "pair", "account", "device"]

MEMORY = datetime.timedelta(hours=24)
"""Failures are forgotten when none was added for so long."""


class Limit(NamedTuple):
    """A bound on guessing.

    Attributes:
        free: Failures that cost nothing.
        most: The longest wait, in seconds.
    """

    free: int
    most: int


LIMITS: Mapping[Count, Limit] = {
    "address": Limit(30, 60),
    "pair": Limit(5, 300),
    "account": Limit(20, 60),
    "device": Limit(10, 60),
}


def delay(count: Count, failures: int) -> datetime.timedelta:
    """The wait after so many failures: 1, 2, 4 … seconds beyond the free ones."""
    limit = LIMITS[count]
    beyond = failures - limit.free
    # Beyond 2**16 seconds every bound is reached, and the power stays small.
    seconds = 0 if beyond < 1 else min(limit.most, 2 ** min(beyond - 1, 16))
    return datetime.timedelta(seconds=seconds)
