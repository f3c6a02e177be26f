"""What a conversation may cost, and what it has cost so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from autoresearch.drivers.base import Usage
from autoresearch.drivers.models.turns import Spent
from autoresearch.errors import AgentError, Invalid

__all__ = ["Limits", "Meter", "Prices"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars for a million tokens.

    Attributes:
        input: Read anew.
        output: Written.
        cached: Read from a cache; as ``input`` when it is None.
        stored: Written to a cache; as ``input`` when it is None.
    """

    input: float
    output: float
    cached: float | None = None
    stored: float | None = None

    def of(self, spent: Spent) -> float:
        """US dollars for these tokens."""
        fresh = max(spent.input - spent.cached - spent.stored, 0)
        cached = self.input if self.cached is None else self.cached
        stored = self.input if self.stored is None else self.stored
        total = (
            fresh * self.input + spent.cached * cached + spent.stored * stored + spent.output * self.output
        )
        return total / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that one proposal may take; None for no limit.

    Attributes:
        turns: Answers of the model.
        tokens: Tokens read and written, over all turns.
        cost: US dollars; needs prices.
        seconds: Wall-clock seconds.
    """

    turns: int = 60
    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None


@dataclass(slots=True)
class Meter:
    """Adds up what the turns took.

    Raises:
        Invalid: Money is limited and no price is known.
    """

    limits: Limits
    prices: Prices | None = None
    turns: int = field(default=0, init=False)
    spent: Spent = field(default_factory=Spent, init=False)
    counted: bool = field(default=False, init=False)
    _next: Spent = field(default_factory=Spent, init=False)

    def __post_init__(self) -> None:
        if self.limits.cost is not None and self.prices is None:
            raise Invalid(
                "The cost is limited and the model's prices are not known.",
                hint="Set price_input and price_output, in US dollars for a million tokens.",
            )

    @property
    def usage(self) -> Usage:
        """What was spent; None for what the server does not count."""
        if not self.counted:
            return Usage()
        cost = None if self.prices is None else self.prices.of(self.spent)
        return Usage(input_tokens=self.spent.input, output_tokens=self.spent.output, cost=cost)

    def add(self, spent: Spent | None, estimate: Spent) -> None:
        """Add a turn: as the server counted it, or as it is estimated where the server counts nothing."""
        self.turns += 1
        self.counted = self.counted or spent is not None
        taken = spent or estimate
        self.spent += taken
        # The next question repeats all of this one, and the answer to it.
        self._next = Spent(input=taken.input + taken.output, cached=taken.input if taken.cached else 0)

    def room(self) -> bool:
        """Whether there is room for more than one turn.

        Raises:
            AgentError: There is no room for one.
        """
        left = self.limits.turns - self.turns
        if left <= 0:
            raise self._over(f"{self.turns} turns")
        if self._passes(1):
            raise self._over(f"{self.spent.input + self.spent.output:,} tokens{self._money()}")
        return left > 1 and not self._passes(2)

    def _passes(self, turns: int) -> bool:
        tokens = self.spent.input + self.spent.output + turns * self._next.input
        if self.limits.tokens is not None and tokens > self.limits.tokens:
            return True
        if self.limits.cost is None or self.prices is None:
            return False
        return self.prices.of(self.spent) + turns * self.prices.of(self._next) > self.limits.cost

    def _money(self) -> str:
        return "" if self.prices is None else f" and {self.prices.of(self.spent):.4f} US dollars"

    def _over(self, what: str) -> AgentError:
        return AgentError(
            f"The model reached its limit without an answer: it has taken {what}.",
            hint="Raise max_turns, max_tokens or max_cost, or ask for a smaller change.",
        )
