"""How each answer looks in JSON, and how it is read back; and what is said of it in the OpenAPI page.

A plain model is itself. A tuple becomes ``{"items", "next_cursor"}`` as every list, a number ``{"value"}``, and nothing an
empty body. Curves are columns: ``steps``, ``times`` (seconds since 1970 UTC), ``values`` with ``"NaN"``, ``"Infinity"`` and
``"-Infinity"`` where a number is not finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Generic, Protocol, TypeVar, get_args, get_origin

import msgspec
from pydantic import BaseModel, TypeAdapter

from autoresearch.protocol.codecs_curves import CurveOut, curve_in, curve_out
from autoresearch.protocol.codecs_several import ChartsCodec, ComparedCodec
from autoresearch.records.base import Page, Record
from autoresearch.series.curve import Curve, History
from autoresearch.series.several import Charts, Compared

__all__ = ["Codec", "Curves", "HistoryOut", "Value", "codec_of"]

_T = TypeVar("_T")


class Value(Record, Generic[_T]):
    """An answer that is one number."""

    value: _T


class Curves(BaseModel):
    """Several series."""

    items: list[CurveOut]
    next_cursor: str | None = None


class HistoryOut(BaseModel):
    """Part of a full history: series over the same steps, and the cursor of the next part or null at the end."""

    items: list[CurveOut]
    next_cursor: str | None = None


class Codec(Protocol):
    """One kind of answer.

    Attributes:
        model: What the OpenAPI page says of it; None when the body is empty.
    """

    model: Any

    def dump(self, answer: Any) -> bytes:
        """The body of an answer."""
        ...

    def load(self, body: bytes) -> Any:
        """The answer of a body.

        Raises:
            ValueError: The body is another.
        """
        ...


class _Plain:
    def __init__(self, kind: Any) -> None:
        self._adapter = TypeAdapter(kind)
        self.model = kind

    def dump(self, answer: Any) -> bytes:
        return self._adapter.dump_json(answer, by_alias=True)

    def load(self, body: bytes) -> Any:
        return self._adapter.validate_json(body)


class _Items(_Plain):
    """A tuple, sent as a page."""

    def __init__(self, item: Any) -> None:
        super().__init__(Page[item])

    def dump(self, answer: Any) -> bytes:
        return super().dump(Page.model_construct(items=tuple(answer), next_cursor=None))

    def load(self, body: bytes) -> Any:
        return super().load(body).items


class _Scalar(_Plain):
    def __init__(self, kind: Any) -> None:
        super().__init__(Value[kind])

    def dump(self, answer: Any) -> bytes:
        return super().dump(Value.model_construct(value=answer))

    def load(self, body: bytes) -> Any:
        return super().load(body).value


class _Nothing:
    model = None

    def dump(self, answer: Any) -> bytes:  # noqa: ARG002  as every codec
        return b""

    def load(self, body: bytes) -> Any:  # noqa: ARG002  as every codec
        return None


class _Curves:
    model: Any = Curves

    def dump(self, answer: Any) -> bytes:
        return _page(answer, None)

    def load(self, body: bytes) -> Any:
        return tuple(map(curve_in, Curves.model_validate_json(body).items))


class _History:
    model: Any = HistoryOut

    def dump(self, answer: Any) -> bytes:
        return _page(answer.curves, answer.next_cursor)

    def load(self, body: bytes) -> Any:
        read = HistoryOut.model_validate_json(body)
        return History(list(map(curve_in, read.items)), read.next_cursor)


def _page(curves: Sequence[Curve], cursor: str | None) -> bytes:
    return msgspec.json.encode({"items": [curve_out(curve) for curve in curves], "next_cursor": cursor})


_OWN: dict[Any, Codec] = {History: _History(), Charts: ChartsCodec(), Compared: ComparedCodec()}


@cache
def codec_of(answer: Any) -> Codec:
    """The codec of an answer's type."""
    if answer is None:
        return _Nothing()
    if answer in _OWN:
        return _OWN[answer]
    if get_origin(answer) is tuple:
        (item, *_) = get_args(answer)
        return _Curves() if item is Curve else _Items(item)
    return _Scalar(answer) if answer in {int, bool, str} else _Plain(answer)
