"""From what a profile says, an option or two and the environment: an agent that asks a model."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autoresearch.drivers.models.agent import Ledger, ModelAgent, no_ledger
from autoresearch.drivers.models.budget import Limits, Meter, Prices
from autoresearch.drivers.models.chat import ChatConversation
from autoresearch.drivers.models.ledger import opened_ledger
from autoresearch.drivers.models.messages import MessagesConversation
from autoresearch.drivers.models.requests import Endpoint, Waiting
from autoresearch.drivers.models.turns import Asking, Conversation
from autoresearch.errors import AgentError, Invalid

__all__ = ["ModelSettings", "model_agent"]

_VARIABLE = r"^(?:[A-Za-z_][A-Za-z0-9_]*)?$"
_OURS = frozenset({"model", "messages", "system", "tools", "tool_choice", "stream"})
_VERSIONED = re.compile(r"/v\d+\Z")


class ModelSettings(BaseModel):
    """What a profile and its options may say about a model over HTTP.

    Attributes:
        wire: The wire format.
        base_url: Where it is; ``/chat/completions`` or ``/v1/messages`` is added.
        base_url_variable: Variable of the environment that wins over the profile's ``base_url``; empty for none.
        key_variable: Variable that holds the key; empty for none. A place other than ``base_url`` may do without a key.
        model: Name of the model.
        limit_field: Field that bounds an answer in chat completions; else by the server's host.
        max_output_tokens: Tokens of one answer at most.
        max_turns: Answers of the model for one proposal.
        max_tokens: Tokens read and written for one proposal.
        max_cost: US dollars for one proposal; needs prices.
        max_seconds: Wall-clock seconds for one proposal, beside those of the trial.
        attempts: Times that one question is sent when the server is busy or broken.
        longest_wait: Seconds waited between two of them at most.
        price_input: US dollars for a million tokens read; the other prices likewise.
        price_output: Of tokens written.
        price_cached: Of tokens read from a cache.
        price_stored: Of tokens written to a cache.
        ledger_tools: Whether the model may read the ledger through tools.
        body: Further fields of every request, such as ``temperature``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    wire: Literal["openai-chat", "anthropic-messages"]
    base_url: str
    base_url_variable: str = Field(default="", pattern=_VARIABLE)
    key_variable: str = Field(default="", pattern=_VARIABLE)
    model: str = ""
    limit_field: Literal["max_tokens", "max_completion_tokens", ""] = ""
    max_output_tokens: int = Field(default=16_000, ge=1)
    max_turns: int = Field(default=60, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_cost: float | None = Field(default=None, gt=0)
    max_seconds: float | None = Field(default=None, gt=0)
    attempts: int = Field(default=6, ge=1, le=100)
    longest_wait: float = Field(default=60.0, ge=0)
    price_input: float | None = Field(default=None, ge=0)
    price_output: float | None = Field(default=None, ge=0)
    price_cached: float | None = Field(default=None, ge=0)
    price_stored: float | None = Field(default=None, ge=0)
    ledger_tools: bool = True
    body: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        taken = sorted(_OURS & self.body.keys())
        if taken:
            raise ValueError(f"body may not set {', '.join(taken)}")
        if (self.price_input is None) != (self.price_output is None):
            raise ValueError("price_input and price_output go together")
        return self

    @property
    def prices(self) -> Prices | None:
        """The prices, where they are known."""
        if self.price_input is None or self.price_output is None:
            return None
        return Prices(
            input=self.price_input,
            output=self.price_output,
            cached=self.price_cached,
            stored=self.price_stored,
        )

    @property
    def limits(self) -> Limits:
        """The most that one proposal may take."""
        return Limits(
            turns=self.max_turns, tokens=self.max_tokens, cost=self.max_cost, seconds=self.max_seconds
        )


def model_agent(
    name: str,
    profile: Mapping[str, Any],
    *,
    model: str | None = None,
    options: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    waiting: Waiting | None = None,
    ledger: Ledger | None = None,
) -> ModelAgent:
    """An agent that asks a model, as a profile describes it.

    Args:
        name: Who it is, for the record.
        profile: The values of :class:`ModelSettings`.
        model: Name of the model; wins over the options and the profile.
        options: Values that win over the profile.
        environment: Where the key and the base URL are looked up; by default that of this process.
        waiting: How it waits, in place of what the profile says.
        ledger: Opens the tools over the ledger, in place of those over the assignment's own.

    Raises:
        Invalid: A value is off or unknown, or the model is not named.
        AgentError: The key is not set; ``details["fatal"]`` is true.
    """
    wanted = _settings(name, {**profile, **(options or {}), **({"model": model} if model else {})})
    if not wanted.model:
        raise Invalid(f"The agent {name} needs a model.", hint="Name one: --model NAME.")
    Meter(wanted.limits, wanted.prices)
    env = os.environ if environment is None else environment
    asked = "base_url" in (options or {})
    base = wanted.base_url if asked else env.get(wanted.base_url_variable) or wanted.base_url
    own = base == profile.get("base_url")
    kind = ChatConversation if wanted.wire == "openai-chat" else MessagesConversation
    url = _url(base, kind.path)
    key = _key(name, wanted.key_variable, env, needed=own)
    return ModelAgent(
        name=name,
        model=wanted.model,
        endpoint=Endpoint(
            url,
            {"content-type": "application/json", **kind.headers(key)},
            waiting or Waiting(attempts=wanted.attempts, longest=wanted.longest_wait),
        ),
        converse=_converse(wanted, url),
        limits=wanted.limits,
        prices=wanted.prices,
        most_output=wanted.max_output_tokens,
        extra=wanted.body,
        ledger=ledger or (opened_ledger if wanted.ledger_tools else no_ledger),
    )


def _settings(name: str, values: Mapping[str, Any]) -> ModelSettings:
    try:
        return ModelSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "together"
        raise Invalid(
            f"The agent {name} cannot be made: {where}: {first['msg'].removeprefix('Value error, ')}.",
            hint=f"The options are {', '.join(ModelSettings.model_fields)}.",
        ) from None


def _url(base: str, path: str) -> str:
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
        raise Invalid(
            f"The base URL {base!r} is not the address of a server.",
            hint="Write one such as http://127.0.0.1:8000/v1, without a name and a password in it.",
        )
    whole = parts.path.rstrip("/")
    # Both habits are common: with the version of the API in the base URL, and without.
    if path.startswith("/v1/") and _VERSIONED.search(whole):
        path = path.removeprefix("/v1")
    return parts._replace(path=whole + path, fragment="").geturl()


def _key(name: str, variable: str, environment: Mapping[str, str], *, needed: bool) -> str | None:
    key = environment.get(variable, "").strip() if variable else ""
    if not key:
        if variable and needed:
            raise AgentError(
                f"The agent {name} needs a key, and {variable} is not set.",
                hint=f"Set {variable}; a key is read from nowhere else.",
                details={"fatal": True},
            )
        return None
    if not key.isascii() or not key.isprintable():
        raise AgentError(
            f"What {variable} holds cannot be a key.", hint="Set it again.", details={"fatal": True}
        )
    return key


def _converse(wanted: ModelSettings, url: str) -> Callable[[Asking, str], Conversation]:
    if wanted.wire == "anthropic-messages":
        return MessagesConversation
    of_openai = (urlsplit(url).hostname or "").endswith("api.openai.com")
    field = wanted.limit_field or ("max_completion_tokens" if of_openai else "max_tokens")
    return lambda asking, question: ChatConversation(asking, question, limit_field=field)
