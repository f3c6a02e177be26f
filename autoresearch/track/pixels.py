"""Arrays of pixels as PNG, without an image library."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from autoresearch.errors import Invalid

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

__all__ = ["as_png", "checked"]

_MOST_PIXELS = 2**26
_SLACK = 0.01  # how far outside 0 … 1 a resampling filter may overshoot
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
_HINT = "Give H×W, H×W×1, H×W×3 or H×W×4: uint8 from 0 to 255, or float from 0 to 1."


def checked(array: npt.NDArray[Any], *, channels_first: bool = False) -> tuple[Pixels, int]:
    """H×W×C bytes of an array, and how many values were not finite and became 0.

    Args:
        array: H×W or H×W×C with 1, 3 or 4 channels; bool, any integer within 0 … 255, or float within 0 … 1.
        channels_first: Take C×H×W where the first axis can be channels.

    Raises:
        Invalid: Another shape, type or range, or more than 67 million pixels.
    """
    if array.ndim == 3 and channels_first and array.shape[0] in _COLOUR_TYPES:
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    shape = "×".join(map(str, array.shape))
    if array.ndim != 3 or array.shape[2] not in _COLOUR_TYPES:
        first = array.ndim == 3 and array.shape[0] in _COLOUR_TYPES
        hint = "The channels come last: numpy.moveaxis(array, 0, -1)." if first else _HINT
        raise Invalid(f"An array of {shape or 'no'} values is not an image.", hint=hint)
    height, width = array.shape[:2]
    if not 0 < height * width <= _MOST_PIXELS:
        raise Invalid(
            f"An image of {shape} is empty or too large.",
            hint=f"Log at most {_MOST_PIXELS // 10**6} million pixels.",
        )
    return _bytes(array)


def _bytes(array: npt.NDArray[Any]) -> tuple[Pixels, int]:
    if array.dtype == np.uint8:
        return array, 0
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255), 0
    if array.dtype.kind in "iu":
        _within(int(array.min()), int(array.max()), 0, 255)
        return array.astype(np.uint8), 0
    if array.dtype.kind != "f":
        raise Invalid(f"Pixels of type {array.dtype} are not understood.", hint=_HINT)
    finite = np.isfinite(array)
    missing = int(array.size - np.count_nonzero(finite))
    known = np.where(finite, array, 0.0) if missing else array
    _within(float(known.min()), float(known.max()), 0.0, 1.0, _SLACK)
    # float16 cannot hold 255 exactly enough to round.
    scaled = np.clip(known.astype(np.float32, copy=False), 0.0, 1.0) * np.float32(255.0)
    return np.rint(scaled).astype(np.uint8), missing


def _within(low: float, high: float, least: float, most: float, slack: float = 0.0) -> None:
    if low < least - slack or high > most + slack:
        raise Invalid(
            f"Pixels run from {low:g} to {high:g}; they have to lie between {least:g} and {most:g}.",
            hint=_HINT + " Values from -1 to 1 become (x + 1) / 2.",
        )


def as_png(pixels: Pixels) -> bytes:
    """A PNG file of H×W×C bytes, with C one of 1 (grey), 3 (RGB) or 4 (RGBA)."""
    height, width, channels = pixels.shape
    rows = np.ascontiguousarray(pixels).reshape(height, width * channels)
    # Every row as its difference from the one above: half the size of the plain bytes for what people log.
    lines = np.full((height, 1 + width * channels), 2, dtype=np.uint8)
    lines[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    body = zlib.compress(lines.data, 3)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
