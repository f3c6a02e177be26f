"""Which files git's conversions would not give back byte for byte.

Attributes and ``core.autocrlf`` make git store a file in another form than the working tree holds: other line
endings, another encoding, ``$Id$`` collapsed. Where the way back gives the same bytes, a patch in git's form is
right and readable. Where it does not (CRLF under ``text=auto``, LF under ``eol=crlf``, mixed endings), only the raw
bytes tell what ran. Both ways are worked out here as git does; a file taken raw without need costs a longer patch.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

__all__ = ["ATTRIBUTES", "RAW", "Conversion", "parse_attributes"]

ATTRIBUTES = ("text", "crlf", "eol", "ident", "working-tree-encoding")
"""The attributes a conversion is decided by."""

RAW = b"-text -crlf !eol -ident !working-tree-encoding"
"""Attributes under which git takes and gives a file as it is."""

_LONE_LF = re.compile(rb"(?<!\r)\n")
_LONE_CR = re.compile(rb"\r(?!\n)")
_IDENT = re.compile(rb"\$Id(?::([^\n$]*))?\$")
_UNPRINTABLE = bytes(sorted({*range(32), 127} - set(b"\r\n\b\t\x1b\f")))
_UNSET = frozenset({"unspecified", "unset"})
_FALSE = frozenset({"", "false", "0", "no", "off"})


@dataclass(frozen=True, slots=True)
class Conversion:
    """What git does to one file.

    Attributes:
        text: Whether line endings are normalized: always, where the content looks like text, or never.
        crlf: Whether the working tree gets CRLF.
        ident: Whether ``$Id$`` is expanded.
        encoding: Encoding in the working tree; None for none.
        hash_name: The repository's object format, for ``$Id$``.
    """

    text: Literal["always", "auto", "never"]
    crlf: bool
    ident: bool
    encoding: str | None
    hash_name: str = "sha1"

    @classmethod
    def of(cls, attributes: Mapping[str, str], config: Mapping[str, str]) -> Self:
        """The conversion of a file with these attributes under a configuration."""
        text = attributes.get("text", "unspecified")
        if text == "unspecified":
            text = attributes.get("crlf", "unspecified")
        eol = attributes.get("eol", "unspecified")
        automatic = config.get("core.autocrlf", "").lower()
        encoding = attributes.get("working-tree-encoding", "unspecified")
        return cls(
            text=_text(text, eol, automatic),
            crlf=_gets_crlf(text, eol, automatic, config.get("core.eol", "").lower()),
            ident=attributes.get("ident", "unspecified") not in _UNSET,
            encoding=None if encoding in _UNSET else encoding,
            hash_name=config.get("extensions.objectformat", "sha1").lower(),
        )

    @property
    def idle(self) -> bool:
        """Whether nothing is ever changed."""
        return self.text == "never" and not self.ident and self.encoding is None

    def loses(self, data: bytes) -> bool:
        """Whether bytes of the working tree do not come back from git's form of them."""
        stored = self._clean(data)
        return stored is None or self._smudge(stored) != data

    def mangles(self, data: bytes) -> bool:
        """Whether a checkout would write other bytes where these are stored as they are."""
        return self.encoding is not None or self._smudge(data) != data

    def _clean(self, data: bytes) -> bytes | None:
        if self.encoding is not None:
            text = _decoded(data, self.encoding)
            if text is None:
                return None
            data = text
        if self.text == "always" or (self.text == "auto" and not _is_binary(data)):
            data = data.replace(b"\r\n", b"\n")
        return _IDENT.sub(b"$Id$", data) if self.ident else data

    def _smudge(self, stored: bytes) -> bytes:
        data = stored
        if self.ident:
            name = hashlib.new(
                self.hash_name, b"blob %d\0" % len(stored) + stored, usedforsecurity=False
            ).hexdigest()
            data = _IDENT.sub(lambda match: _expanded(match, name.encode()), data)
        if self.crlf and (self.text == "always" or not (b"\r" in data or _is_binary(data))):
            # Git looks at the whole file first: where every LF has its CR already, it changes nothing.
            data = _LONE_LF.sub(b"\r\n", data)
        if self.encoding is None:
            return data
        return _encoded(data, self.encoding)


def parse_attributes(listed: bytes) -> dict[bytes, dict[str, str]]:
    """What ``check-attr -z`` printed: path to attribute to value."""
    fields = listed.split(b"\0")
    found: dict[bytes, dict[str, str]] = {}
    for path, name, value in zip(fields[0::3], fields[1::3], fields[2::3], strict=False):
        found.setdefault(path, {})[name.decode()] = value.decode("utf-8", "replace")
    return found


def _text(text: str, eol: str, automatic: str) -> Literal["always", "auto", "never"]:
    if text == "unset":
        return "never"
    if text == "auto":
        return "auto"
    if text != "unspecified" or eol not in _UNSET:
        return "always"
    return "never" if automatic in _FALSE else "auto"


def _gets_crlf(text: str, eol: str, automatic: str, core_eol: str) -> bool:
    if text == "unset":
        return False
    if eol in {"crlf", "lf"}:
        return eol == "crlf"
    if text == "input" or automatic == "input":
        return False
    if automatic not in _FALSE:
        return True
    return core_eol == "crlf" and text != "unspecified"


def _is_binary(data: bytes) -> bool:
    """Git's guess: a lone CR, a NUL, or more than one unprintable byte in 128."""
    if b"\0" in data or _LONE_CR.search(data):
        return True
    printable = len(data.translate(None, _UNPRINTABLE + b"\r\n"))
    unprintable = len(data) - len(data.translate(None, _UNPRINTABLE)) - data.endswith(b"\x1a")
    return (printable >> 7) < unprintable


def _expanded(match: re.Match[bytes], name: bytes) -> bytes:
    known = match[1]
    if known is not None and b" " in known[1:-1]:
        return match[0]  # another system's, which git leaves alone
    return b"$Id: " + name + b" $"


def _parts(encoding: str) -> tuple[str, bytes]:
    name = encoding.lower()
    return (name.removesuffix("-bom"), codecs.BOM_UTF16_LE) if name.endswith("le-bom") else (name, b"")


def _decoded(data: bytes, encoding: str) -> bytes | None:
    """The UTF-8 form; None where there is none, or git refuses the byte order mark or its absence."""
    name, mark = _parts(encoding)
    if not data.startswith(mark):
        return None
    try:
        text = data[len(mark) :].decode(name)
        return None if text.startswith("\ufeff") else text.encode()
    except (LookupError, ValueError):
        return None


def _encoded(stored: bytes, encoding: str) -> bytes:
    name, mark = _parts(encoding)
    try:
        return mark + stored.decode().encode(name)
    except (LookupError, ValueError):
        return stored
