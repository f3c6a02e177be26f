"""The columns that tables are made of: one way to write a key, a text, a number, a time."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

__all__ = [
    "Moment",
    "blob",
    "flag",
    "json",
    "key",
    "metadata",
    "moment",
    "organization",
    "real",
    "text",
    "whole",
]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


class Moment(TypeDecorator[datetime.datetime]):
    """A time as whole microseconds since 1970 UTC: exact, ordered and equal in every dialect."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, _dialect: Any) -> int | None:
        """Microseconds for the database."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, _dialect: Any) -> datetime.datetime | None:
        """A UTC time for the library."""
        return None if value is None else _EPOCH + value * _MICROSECOND


metadata = sa.MetaData()


def organization() -> sa.Column[str]:
    """Whose row it is; first in every primary key."""
    return sa.Column("organization", sa.String, primary_key=True)


def key(name: str, kind: type[sa.types.TypeEngine[Any]] = sa.String) -> sa.Column[Any]:
    """A further part of the primary key."""
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def text(name: str, *, null: bool = False) -> sa.Column[Any]:
    """Text."""
    return sa.Column(name, sa.Text, nullable=null)


def whole(name: str, *, null: bool = False) -> sa.Column[Any]:
    """A 64-bit integer."""
    return sa.Column(name, sa.BigInteger, nullable=null)


def real(name: str, *, null: bool = True) -> sa.Column[Any]:
    """A double; NULL where there is none."""
    return sa.Column(name, sa.Double, nullable=null)


def flag(name: str) -> sa.Column[Any]:
    """True or false."""
    return sa.Column(name, sa.Boolean, nullable=False)


def json(name: str, *, null: bool = False) -> sa.Column[Any]:
    """A JSON value."""
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=null)


def moment(name: str, *, null: bool = False) -> sa.Column[Any]:
    """A time."""
    return sa.Column(name, Moment, nullable=null)


def blob(name: str) -> sa.Column[Any]:
    """Bytes."""
    return sa.Column(name, sa.LargeBinary, nullable=False)
