"""File names as git writes them in patches and attribute files: in double quotes, with escapes."""

from __future__ import annotations

import re

__all__ = ["quote", "unquote"]

_ESCAPE = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
_CONTROL = dict(zip(b"abtnvfr", b"\a\b\t\n\v\f\r", strict=True))


def quote(name: bytes) -> bytes:
    """The name in double quotes, everything but printable ASCII as octal."""
    return b'"' + b"".join(map(_octal, name)) + b'"'


def unquote(name: bytes) -> bytes:
    """The name that git wrote, quoted or plain."""
    return _ESCAPE.sub(_byte, name[1:-1]) if name.startswith(b'"') else name


def _octal(byte: int) -> bytes:
    return b"\\%03o" % byte if byte < 32 or byte > 126 or byte in b'"\\' else bytes([byte])


def _byte(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else bytes([_CONTROL.get(code[0], code[0])])
