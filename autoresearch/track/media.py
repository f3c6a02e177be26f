"""What can be logged besides numbers and text: images, tables, histograms and files.

``encode()`` takes the data as it is at that moment, so that an array that is reused for the next step may be logged. Nothing
is decoded: an image that comes as a file is recognized by its first bytes and kept as it is.
"""

from __future__ import annotations

import abc
import io
import math
import os
import stat

from autoresearch.errors import AutoresearchError, Invalid
from autoresearch.track.bins import MOST_BINS, count, count_array, given

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    import numpy.typing as npt

__all__ = ["Encoded", "File", "Histogram", "Image", "Media", "Table"]

_MIB = 2**20
_MOST_IMAGE = 64 * _MIB
_MOST_TABLE = 32 * _MIB
_MOST_ROWS = 100_000
_MOST_COLUMNS = 1_000
_MOST_CAPTION = 2_000
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class Encoded:
    """What is stored of a logged object.

    Attributes:
        kind: ``image``, ``table``, ``histogram`` or ``file``.
        media_type: As in HTTP, such as ``image/png``.
        data: The bytes; for a file the absolute path, whose bytes are to be copied at once.
        meta: Small facts for a list: ``size`` in bytes, caption, number of rows. JSON only.
    """

    __slots__ = ("data", "kind", "media_type", "meta")

    def __init__(self, kind: str, media_type: str, data: bytes | str, meta: dict[str, Any]) -> None:
        self.kind = kind
        self.media_type = media_type
        self.data = data
        self.meta = meta


class Media(abc.ABC):
    """Base of everything that can be logged besides numbers and text."""

    __slots__ = ()

    def encode(self) -> Encoded:
        """The object as bytes.

        Raises:
            Invalid: It is not what its class takes, or the library that it comes from failed.
        """
        try:
            return self._encode()
        except AutoresearchError:
            raise
        except Exception as error:  # boundary: code of the object's own class runs here
            raise Invalid(
                f"The {type(self).__name__} could not be taken: {type(error).__name__}: {error}.",
                hint="Give plain lists, a numpy array or the path of a file.",
            ) from error

    @abc.abstractmethod
    def _encode(self) -> Encoded: ...


class Image(Media):
    """A picture.

    Args:
        data: One of

            - a path to a PNG, JPEG, GIF or WebP file, or the bytes of one, of at most 64 MiB;
            - a numpy array, or what can become one: H×W, or H×W×C with 1, 3 or 4 channels; uint8, other integers from 0
              to 255, bool, or float from 0 to 1. Values that are not finite become 0 and are counted;
            - a torch tensor, on any device: H×W, or C×H×W as torch has it, else H×W×C;
            - a Pillow image or a matplotlib figure.
        caption: Text to show with it, at most 2,000 characters.

    An array becomes PNG; everything else is kept as it is.
    """

    __slots__ = ("_caption", "_data")

    def __init__(self, data: Any, caption: str = "") -> None:
        self._data = data
        self._caption = caption

    def _encode(self) -> Encoded:
        meta: dict[str, Any] = {"caption": _text(self._caption, "A caption", _MOST_CAPTION)}
        data = self._data
        if isinstance(data, bytes | bytearray | memoryview):
            content = bytes(data)
        elif isinstance(data, str | os.PathLike):
            content = _file_bytes(data)
        elif hasattr(data, "savefig"):
            content = _saved(data.savefig, "png")
        elif hasattr(data, "save") and hasattr(data, "mode"):
            content = _saved(data.save, "PNG")
        else:
            content, facts = _from_array(data)
            meta |= facts
        meta["size"] = len(content)
        return Encoded("image", _recognized(content), content, meta)


class Table(Media):
    """Rows of cells.

    Args:
        columns: Their names, each once; at most 1,000.
        rows: One cell for each column: None, bool, int, float, str, or a scalar of numpy or torch; anything else is kept
            as its text. At most 100,000 rows and 32 MiB.

    Stored as JSON, ``{"columns": [...], "rows": [[...]]}``, with NaN and infinities as the texts ``NaN``, ``Infinity`` and
    ``-Infinity``.
    """

    __slots__ = ("_columns", "_rows")

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        self._columns = columns
        self._rows = rows

    def _encode(self) -> Encoded:
        columns = _columns(self._columns)
        lines: list[bytes] = []
        size = 0
        for number, row in enumerate(self._rows):
            line = _row(row, len(columns), number)
            size += len(line)
            if number >= _MOST_ROWS or size > _MOST_TABLE:
                limits = f"{_MOST_ROWS:,} rows and {_MOST_TABLE // _MIB} MiB"
                raise Invalid(
                    "The table is too large.",
                    hint=f"Log at most {limits}, or write a file and log File(path).",
                )
            lines.append(line)
        body = b'{"columns":%s,"rows":[%s]}' % (_json(columns), b",".join(lines))
        meta = {"rows": len(lines), "columns": len(columns), "size": len(body)}
        return Encoded("table", "application/json", body, meta)


class Histogram(Media):
    """How values are distributed.

    Args:
        values: Numbers to count: a list, a numpy array or a torch tensor of any shape. Those that are not finite are
            counted apart.
        counts: Instead of values: how many lie in each bin.
        edges: Borders of these bins, one more than counts, rising.
        bins: How many bins of equal width values are counted into; 1 to 1,024.

    Stored as JSON, ``{"edges": [...], "counts": [...], "nan": n, "inf": n, "-inf": n}``. A bin holds its left edge, the last
    one both.
    """

    __slots__ = ("_bins", "_counts", "_edges", "_values")

    def __init__(
        self,
        values: Any = None,
        *,
        counts: Sequence[float] | None = None,
        edges: Sequence[float] | None = None,
        bins: int = 64,
    ) -> None:
        self._values = values
        self._counts = counts
        self._edges = edges
        self._bins = bins

    def _encode(self) -> Encoded:
        if (self._values is None) == (self._counts is None) or (self._counts is None) != (
            self._edges is None
        ):
            raise Invalid(
                "A histogram needs either values, or counts and edges.",
                hint="For example Histogram(weights), or Histogram(counts=[3, 1], edges=[0, 1, 2]).",
            )
        counts, edges, odd = self._counted()
        body = _json({"edges": edges, "counts": counts, **odd})
        meta: dict[str, Any] = {"count": sum(counts), "nonfinite": sum(odd.values()), "size": len(body)}
        if edges:
            meta |= {"min": edges[0], "max": edges[-1]}
        return Encoded("histogram", "application/json", body, meta)

    def _counted(self) -> tuple[list[float], list[float], dict[str, int]]:
        if self._counts is not None and self._edges is not None:
            return *given(self._counts, self._edges), {"nan": 0, "inf": 0, "-inf": 0}
        bins = self._bins
        if isinstance(bins, bool) or not isinstance(bins, int) or not 0 < bins <= MOST_BINS:
            raise Invalid(f"{bins!r} is not a number of bins.", hint=f"Give 1 to {MOST_BINS:,}.")
        if isinstance(self._values, list | tuple | range):
            return count(self._values, bins)
        return count_array(_array(self._values)[0], bins)


class File(Media):
    """A file, as it is when it is logged; encoded as its absolute path, with the type that its name tells.

    Args:
        path: The file; not a folder.
        name: What to call it, with ``/`` for folders; by default its own name.
    """

    __slots__ = ("_name", "_path")

    def __init__(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        self._path = path
        self._name = name

    def _encode(self) -> Encoded:
        path, size = _regular(self._path)
        name = _text(path.rpartition("/")[2] if self._name is None else self._name, "The name of a file", 255)
        parts = name.split("/")
        if not name.isprintable() or any(part in {"", ".", ".."} for part in parts):
            raise Invalid(
                f"A file cannot be called {name!r}.",
                hint="Give a relative name such as 'samples/step-100.txt'.",
            )
        import mimetypes

        # Without the tables of this machine, so that one name means one type everywhere.
        guessed, packed = mimetypes.MimeTypes(filenames=()).guess_type(f"file:{parts[-1]}")
        media_type = guessed if guessed and not packed else "application/octet-stream"
        return Encoded("file", media_type, path, {"name": name, "size": size})


def _recognized(content: bytes) -> str:
    if len(content) > _MOST_IMAGE:
        raise Invalid(
            f"An image of more than {_MOST_IMAGE // _MIB} MiB is too large.",
            hint="Log a smaller one, or log File(path).",
        )
    for magic, media_type in _MAGIC:
        if content.startswith(magic):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    raise Invalid(
        "These bytes are not an image that is known.",
        hint="Give PNG, JPEG, GIF or WebP, or an array; log other files with File(path).",
    )


def _regular(path_given: str | os.PathLike[str]) -> tuple[str, int]:
    """Absolute path and size of a file that exists; links are followed."""
    try:
        path = os.path.join(os.getcwd(), os.fsdecode(path_given))  # noqa: PTH109, PTH118 (pathlib is not loaded here)
        state = os.stat(path)  # noqa: PTH116 (as above)
    except (OSError, ValueError, TypeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise Invalid(
            f"{str(path_given)!r} cannot be read: {reason}.", hint="Give the path of a file."
        ) from error
    if stat.S_ISDIR(state.st_mode):
        raise Invalid(
            f"{path!r} is a folder.",
            hint="Log its files one by one, or store all of it with artifact(name, path).",
        )
    if not stat.S_ISREG(state.st_mode):
        raise Invalid(f"{path!r} is not an ordinary file.", hint="Give the path of a file.")
    return path, state.st_size


def _file_bytes(path_given: str | os.PathLike[str]) -> bytes:
    path, _ = _regular(path_given)
    with io.FileIO(path) as file:
        pieces = iter(lambda: file.read(_MIB), b"")
        content = bytearray()
        for piece in pieces:
            content += piece
            if len(content) > _MOST_IMAGE:
                break
    return bytes(content)


def _saved(save: Any, form: str) -> bytes:
    """What an image object of another library writes of itself."""
    target = io.BytesIO()
    save(target, format=form)
    return target.getvalue()


def _from_array(data: Any) -> tuple[bytes, dict[str, Any]]:
    array, channels_first = _array(data)
    from autoresearch.track.pixels import as_png, checked

    pixels, missing = checked(array, channels_first=channels_first)
    height, width, channels = pixels.shape
    facts: dict[str, Any] = {"width": width, "height": height, "channels": channels}
    if missing:
        facts["nonfinite"] = missing
    return as_png(pixels), facts


def _array(data: Any) -> tuple[npt.NDArray[Any], bool]:
    """A numpy array of what was given, and whether it came from torch, whose channels come first."""
    tensor = hasattr(data, "detach") and hasattr(data, "cpu")
    if not tensor and not hasattr(data, "__array__") and not hasattr(data, "__array_interface__"):
        raise Invalid(
            f"{type(data).__name__} is not understood here.", hint="Give a numpy array or a torch tensor."
        )
    import numpy as np

    if tensor:
        data = data.detach().cpu()
        if str(data.dtype) == "torch.bfloat16":  # numpy has no such type
            data = data.float()
    return np.asarray(data), tensor


def _columns(names_given: Any) -> list[str]:
    if isinstance(names_given, str):
        raise Invalid("The columns of a table are not a list of names.", hint='Such as ["text", "score"].')
    names = [_text(name, "The name of a column", _MOST_CAPTION) for name in names_given]
    if not 0 < len(names) <= _MOST_COLUMNS or len(set(names)) < len(names):
        raise Invalid(
            f"A table cannot have {len(names)} columns, or two of one name.",
            hint=f"Give 1 to {_MOST_COLUMNS:,} names, each once.",
        )
    return names


def _row(row: Any, width: int, number: int) -> bytes:
    if isinstance(row, str | bytes | dict) or len(row) != width:
        raise Invalid(
            f"Row {number} of the table does not have {width} cells.",
            hint="Give every row one cell per column.",
        )
    return _json([_cell(cell) for cell in row])


def _cell(cell: Any) -> Any:
    if hasattr(cell, "item") and getattr(cell, "ndim", None) == 0:
        cell = cell.item()
    if isinstance(cell, float):
        return (
            cell
            if math.isfinite(cell)
            else "NaN"
            if math.isnan(cell)
            else "Infinity"
            if cell > 0
            else "-Infinity"
        )
    if cell is None or isinstance(cell, bool | int):
        return cell
    return _text(cell if isinstance(cell, str) else str(cell), "A cell", _MOST_TABLE)


def _json(value: Any) -> bytes:
    import json

    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _text(value: Any, what: str, longest: int) -> str:
    """Text that can be stored: no NUL, no half of a surrogate pair."""
    if not isinstance(value, str):
        raise Invalid(f"{what} is not text but {type(value).__name__}.", hint="Give a str.")
    if len(value) > longest:
        raise Invalid(f"{what} of {len(value):,} characters is too long.", hint=f"At most {longest:,}.")
    return str.replace(value, "\x00", "").encode("utf-8", "replace").decode()
