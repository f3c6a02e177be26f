"""The wheel of the running version, made anew from the installed files, so that clients get exactly what the server is."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from importlib.resources.abc import Traversable
from pathlib import Path

import autoresearch
from autoresearch import shipped
from autoresearch._version import __version__

__all__ = ["NAME", "wheel"]

NAME = f"autoresearch-{__version__}-py3-none-any.whl"
_INFO = f"autoresearch-{__version__}.dist-info"
_STAMP = (1980, 1, 1, 0, 0, 0)
_CARRIED = ("METADATA", "entry_points.txt", "licenses/LICENSE")
_WHEEL = "Wheel-Version: 1.0\nGenerator: autoresearch\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@cache
def wheel() -> bytes:
    """The bytes of the wheel; the same for the same files."""
    files = dict(_package()) | dict(_shipped()) | dict(_info())
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in sorted(files.items()))
    files[f"{_INFO}/RECORD"] = f"{record}{_INFO}/RECORD,,\n".encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _STAMP)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, data)
    return made.getvalue()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _package() -> Iterator[tuple[str, bytes]]:
    package = Path(autoresearch.__file__).parent
    # In a checkout the dashboard's sources lie here too, and perhaps a thousand files that they need to be built.
    folders = [path for path in package.iterdir() if path.name != "web"]
    for path in (file for folder in folders for file in (folder.rglob("*") if folder.is_dir() else [folder])):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"autoresearch/{path.relative_to(package).as_posix()}", path.read_bytes()


def _shipped() -> Iterator[tuple[str, bytes]]:
    for kind in ("agents", "prompts"):
        yield from _below(shipped.root(kind), f"autoresearch/_shipped/{kind}")


def _below(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{name}/{entry.name}")
        elif not entry.name.endswith(".pyc"):
            yield f"{name}/{entry.name}", entry.read_bytes()


def _info() -> Iterator[tuple[str, bytes]]:
    installed = distribution("autoresearch")
    for name in _CARRIED:
        text = installed.read_text(name)
        if text is not None:
            yield f"{_INFO}/{name}", text.encode()
    yield f"{_INFO}/WHEEL", _WHEEL.encode()
