"""How a journal lies on disk: file names, the header of a segment, the shape of each kind of record (version 1).

A record is ``u32 length | u32 kind | body | u32 crc | u32 commit``, its length a multiple of eight. The commit word is written
last; without it the record was never acknowledged. It is the record's sequence number, or that of the next record for kinds
that take none, with the highest bit set.
"""

from __future__ import annotations

import os
from struct import Struct
from zlib import crc32

from autoresearch.errors import Invalid, StoreTooNew
from autoresearch.records.jsontext import json_text, json_value

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "CHECK",
    "CHECK_KIND",
    "COMMITTED",
    "DAMAGED",
    "END",
    "END_KIND",
    "FIRST_ROW",
    "FRAME",
    "HEAD",
    "HEADER_BYTES",
    "MESSAGE",
    "ROW_FRAME",
    "SCHEMA",
    "SELF_CHECKED",
    "TAIL",
    "TEXT",
    "VERSION",
    "WRAP",
    "Header",
    "check_name",
    "check_run",
    "header_bytes",
    "is_new",
    "lock_path",
    "new_path",
    "parse_header",
    "parse_name",
    "seed_of",
    "segment_name",
]

VERSION = 1
HEADER_BYTES = 4096
MESSAGE = 1
TEXT = 2
SCHEMA = 3
CHECK_KIND = 4
END_KIND = 5
FIRST_ROW = 16
COMMITTED = 0x8000_0000
WRAP = 0x7FFF_FFFF
SELF_CHECKED = 512
"""Rows longer than this carry their own checksum; shorter ones are covered by the check record that follows them."""
HEAD = Struct("<II")
TAIL = Struct("<II")
FRAME = HEAD.size + TAIL.size
ROW_FRAME = FRAME + 16
CHECK = Struct("<IIIIQQII")
"""length, kind, bytes covered, their crc, sequence and points so far, own crc, commit."""
END = Struct("<IIQQQII")
"""length, kind, sequence and points so far, number of the next segment (0: the journal ends here), own crc, commit."""
DAMAGED = "damaged"

_MAGIC = b"ARJ1"
_FIXED = Struct("<4sIII")
_COPY = HEADER_BYTES // 2
_SUFFIX = ".arj"
_NEW = ".new"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


class Header:
    """What the first bytes of a segment say.

    Attributes:
        writer: Id of the writer.
        run: Id of the run.
        segment: Number of this segment, from 1.
        first: Sequence number of the first record.
        points: Numbers logged in the segments before.
        size: Bytes that were set aside for the file; 0 when it grows as it is written.
    """

    __slots__ = ("first", "points", "run", "segment", "size", "writer")

    def __init__(self, said: dict[str, Any]) -> None:
        self.writer = str(said["writer"])
        self.run = str(said["run"])
        self.segment = int(said["segment"])
        self.first = int(said["first"])
        self.points = int(said["points"])
        self.size = int(said["size"])


def check_name(writer: str) -> str:
    """The writer's id, if it can be part of a file name.

    Raises:
        Invalid: It is empty, longer than 100 characters, or has others than letters, digits, ``-``, ``_`` and ``.``.
    """
    if 0 < len(writer) <= 100 and writer[0] != "." and _LETTERS.issuperset(writer):
        return writer
    raise Invalid(
        f"{writer[:120]!r} cannot be the id of a writer.",
        hint="Use up to 100 letters, digits, '-', '_' and '.', not beginning with a dot.",
    )


def check_run(run: str) -> None:
    """Whether a header has room for the id of the run.

    Raises:
        Invalid: It is too long.
    """
    if len(json_text(run)) > 1000:
        raise Invalid("The id of the run is too long for a journal.", hint="Use at most 160 characters.")


def segment_name(writer: str, number: int) -> str:
    """File name of a segment: ``<writer>.00000001.arj``."""
    return f"{writer}.{number:08d}{_SUFFIX}"


def parse_name(name: str) -> tuple[str, int] | None:
    """Writer and number of a segment's file name; None for any other file."""
    stem, dot, number = name.removesuffix(_SUFFIX).rpartition(".")
    if not name.endswith(_SUFFIX) or not dot or not stem or not number.isascii() or not number.isdigit():
        return None
    return stem, int(number)


def lock_path(folder: str, writer: str) -> str:
    """The file whose lock a living writer holds."""
    return os.path.join(folder, f"{writer}.lock")


def new_path(folder: str, writer: str) -> str:
    """A name that was never used, for a file that becomes a segment when it has a header."""
    return os.path.join(folder, f"{writer}.{os.urandom(8).hex()}{_NEW}")


def is_new(name: str, writer: str) -> bool:
    """Whether a file was meant to become a segment of this writer."""
    return name.endswith(_NEW) and name.removesuffix(_NEW).rpartition(".")[0] == writer


def seed_of(writer: str, number: int) -> int:
    """Where every checksum of this segment starts, so that bytes of another file never pass."""
    return crc32(segment_name(writer, number).encode())


def header_bytes(
    *, writer: str, run: str, segment: int, first: int, points: int, size: int, created: float
) -> bytes:
    """The 4,096 bytes that begin a segment: the same twice, so that either half may be damaged."""
    said = {"writer": writer, "run": run, "segment": segment, "first": first, "points": points, "size": size}
    body = json_text({**said, "created": created}).encode()
    crc = crc32(body, crc32(_FIXED.pack(_MAGIC, VERSION, len(body), 0)))
    return (_FIXED.pack(_MAGIC, VERSION, len(body), crc) + body).ljust(_COPY, b"\0") * 2


def parse_header(data: bytes, path: str) -> Header | None:
    """What the header says; None when both copies of it are damaged.

    Raises:
        StoreTooNew: A newer version of the library wrote the file.
    """
    for start in (0, _COPY):
        if len(data) < start + _FIXED.size:
            continue
        magic, version, length, crc = _FIXED.unpack_from(data, start)
        body = data[start + _FIXED.size : start + _FIXED.size + length]
        fixed = crc32(_FIXED.pack(magic, version, length, 0))
        if magic != _MAGIC or length > _COPY or crc32(body, fixed) != crc:
            continue
        if version > VERSION:
            raise StoreTooNew(
                f"The journal {path} has version {version}; this is the library for up to {VERSION}.",
                hint="Upgrade autoresearch. The file was left as it is.",
                details={"path": path, "version": version},
            )
        return _said(body)
    return None


def _said(body: bytes) -> Header | None:
    try:
        return Header(json_value(body))
    except (ValueError, KeyError, TypeError):
        return None
