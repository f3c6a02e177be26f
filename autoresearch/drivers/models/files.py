"""The tools by which a model reads and edits the files of a folder."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, field

from autoresearch.briefs.fence import quote
from autoresearch.drivers.models.paths import Folder
from autoresearch.drivers.models.tools import Tool, schema
from autoresearch.errors import Invalid, NotFound, TooLarge

__all__ = ["FileTools", "file_tools"]

_MOST_LISTED, _MOST_FOUND, _MOST_SEARCHED, _WIDEST = 400, 100, 64 * 1024 * 1024, 300
_LONGEST_GLOB = 200
_MOST_WRITTEN = 8 * 1024 * 1024

_PATH = {"type": "string", "description": "Path relative to the folder, with forward slashes."}
_BELOW = {"type": "string", "description": "Only below this folder; else everywhere."}
_GLOB = {"type": "string", "description": "Only paths like this pattern, such as *.py."}


@dataclass(slots=True)
class FileTools:
    """What a model does to one folder; each call answers a text.

    Attributes:
        folder: Where it may read and write.
        written: Bytes it has written so far, over all files.
    """

    folder: Folder
    written: int = field(default=0, init=False)

    def read_file(self, path: str, first_line: int = 1, lines: int = 2000) -> str:
        """The text of a file from a line on.

        Raises:
            Invalid: The path is off, the file is no text, or it has fewer lines.
            NotFound: There is no such file.
            TooLarge: It is larger than what is read.
        """
        text = self._text(path)
        every = text.splitlines(keepends=True)
        if first_line > max(len(every), 1):
            raise Invalid(f"The file has {len(every)} lines.", hint="Begin with an earlier one.")
        shown = every[first_line - 1 : first_line - 1 + lines]
        if len(shown) == len(every):
            return text or "(the file is empty)"
        last = first_line - 1 + len(shown)
        return f"[lines {first_line} to {last} of {len(every)}]\n{''.join(shown)}"

    def list_files(self, below: str = "", glob: str = "*") -> str:
        """Paths and sizes of files, one a line.

        Raises:
            Invalid: The path leads out of the folder.
            NotFound: There is no such folder.
        """
        found: list[str] = []
        for file in self.folder.walk(below):
            if not _fits(file.path, glob):
                continue
            if len(found) == _MOST_LISTED:
                found.append(f"[more than {_MOST_LISTED} files; narrow it with below or glob]")
                break
            size = "symbolic link, not followed" if file.size < 0 else f"{file.size} bytes"
            found.append(f"{_named(file.path)} ({size})")
        return "\n".join(found) or "(no file)"

    def search_files(self, text: str, below: str = "", glob: str = "*", *, ignore_case: bool = False) -> str:
        """Lines that hold a text, each as ``path:line: content``.

        Raises:
            Invalid: The text is empty, or the path leads out of the folder.
            NotFound: There is no such folder.
        """
        if not text or "\n" in text:
            raise Invalid(
                "The text to search for is empty or has several lines.", hint="Give a part of one line."
            )
        wanted = text.casefold() if ignore_case else text
        found: list[str] = []
        left = _MOST_SEARCHED
        for file in self.folder.walk(below):
            if not 0 <= file.size <= self.folder.most_bytes or not _fits(file.path, glob):
                continue
            left -= file.size
            if left < 0 or len(found) > _MOST_FOUND:
                return "\n".join([*found[:_MOST_FOUND], "[there may be more; narrow it with below or glob]"])
            found += self._hits(file.path, wanted, ignore_case=ignore_case)
        more = [f"[{len(found) - _MOST_FOUND} more lines]"] if len(found) > _MOST_FOUND else []
        return "\n".join([*found[:_MOST_FOUND], *more]) or "(no line has it)"

    def edit_file(self, path: str, old: str, new: str, *, every: bool = False) -> str:
        """Replace a text that stands exactly once in a file, or each time it stands there.

        Raises:
            Invalid: The path is off or may not be changed, or the old text is not there, or several times.
            NotFound: There is no such file.
            TooLarge: The file would become too large.
        """
        text = self._text(path)
        if not old:
            raise Invalid("The old text is empty.", hint="write_file writes a whole file.")
        if "\r\n" in text and "\r" not in old and old not in text:
            # A model writes plain line breaks; the file keeps its own.
            old, new = old.replace("\n", "\r\n"), new.replace("\r\n", "\n").replace("\n", "\r\n")
        times = text.count(old)
        if times == 0:
            raise Invalid(
                f"The old text is not in {_named(path)}.",
                hint="It has to fit exactly, spaces included; read_file shows the file.",
            )
        if times > 1 and not every:
            raise Invalid(
                f"The old text stands {times} times in {_named(path)}.",
                hint="Give more of what stands around it, or set every to true.",
            )
        if old == new:
            raise Invalid("The new text is the old one.", hint="Give another text, or leave the file.")
        # Said before it is made: a short text replaced by a long one a million times would not fit into memory.
        if len(text) + times * (len(new) - len(old)) > self.folder.most_bytes:
            raise TooLarge(
                f"{_named(path)} would have more than {self.folder.most_bytes:,} bytes.",
                hint="Write a smaller file.",
            )
        self._write(path, text.replace(old, new))
        return f"Replaced {times} time{'s' if times > 1 else ''} in {_named(path)}."

    def write_file(self, path: str, text: str) -> str:
        """Write a whole file, new or in place of the one that is there.

        Raises:
            Invalid: The path is off or may not be changed.
            TooLarge: It is too large, or too much was written before.
        """
        there = self._write(path, text)
        return f"{'Replaced' if there else 'Made'} {_named(path)}."

    def _text(self, path: str) -> str:
        try:
            text = self.folder.read(path).decode("utf-8")
        except UnicodeDecodeError:
            raise Invalid(
                f"{_named(path)} is no text in UTF-8.", hint="Only text can be read and edited."
            ) from None
        if "\0" in text:
            raise Invalid(f"{_named(path)} is no text.", hint="Only text can be read and edited.")
        return text

    def _write(self, path: str, text: str) -> bool:
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError:
            raise Invalid("The text holds half a character.", hint="Write whole characters.") from None
        if self.written + len(data) > _MOST_WRITTEN:
            raise TooLarge(
                f"More than {_MOST_WRITTEN:,} bytes were written for one change.",
                hint="Make a smaller change.",
            )
        there = self.folder.write(path, data)
        self.written += len(data)
        return there

    def _hits(self, path: str, wanted: str, *, ignore_case: bool) -> list[str]:
        try:
            text = self.folder.read(path).decode("utf-8")
        except (Invalid, NotFound, TooLarge, UnicodeDecodeError):
            return []
        if "\0" in text:
            return []
        lines = enumerate(text.splitlines(), 1)
        return [
            f"{_named(path)}:{number}: {line.strip()[:_WIDEST]}"
            for number, line in lines
            if wanted in (line.casefold() if ignore_case else line)
        ]


def file_tools(files: FileTools) -> Sequence[Tool]:
    """The five tools over a folder."""
    return (*_readers(files), *_writers(files))


def _readers(files: FileTools) -> tuple[Tool, ...]:
    lines = {"type": "integer", "minimum": 1, "maximum": 1_000_000}
    return (
        Tool(
            "read_file",
            "Read a text file of the folder, exactly as it is.",
            schema("path", path=_PATH, first_line=lines, lines=lines),
            files.read_file,
        ),
        Tool(
            "list_files",
            "List the files of the folder with their sizes. Caches and environments are left out.",
            schema(below=_BELOW, glob=_GLOB),
            files.list_files,
        ),
        Tool(
            "search_files",
            "Find the lines that hold a text. The text is taken literally, not as a regular expression.",
            schema(
                "text",
                text={"type": "string", "description": "Part of one line."},
                below=_BELOW,
                glob=_GLOB,
                ignore_case={"type": "boolean"},
            ),
            files.search_files,
        ),
    )


def _writers(files: FileTools) -> tuple[Tool, ...]:
    return (
        Tool(
            "edit_file",
            "Replace a text in a file. The old text must stand there exactly once, spaces included.",
            schema(
                "path",
                "old",
                "new",
                path=_PATH,
                old={"type": "string", "description": "What stands there now."},
                new={"type": "string", "description": "What is to stand there."},
                every={"type": "boolean", "description": "Replace it each time it stands there."},
            ),
            files.edit_file,
        ),
        Tool(
            "write_file",
            "Write a whole file, a new one or in place of one that is there. Prefer edit_file for a change.",
            schema("path", "text", path=_PATH, text={"type": "string", "description": "All of its text."}),
            files.write_file,
        ),
    )


def _fits(path: str, glob: str) -> bool:
    if len(glob) > _LONGEST_GLOB:
        raise Invalid("The pattern is too long.", hint="Give one such as *.py.")
    return fnmatch.fnmatchcase(path, glob) or fnmatch.fnmatchcase(path.rpartition("/")[2], glob)


def _named(path: str) -> str:
    """A path as it can be typed, or as a quotation where it holds anything that could be taken for more."""
    plain = path.isascii() and path.isprintable() and not set(path) & set(" <>\"'`|:")
    return path if plain else quote(path, 300)
