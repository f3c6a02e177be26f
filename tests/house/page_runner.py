"""Run the blocks of a documentation page, in order, as a reader would: page_runner.py PAGE, in an empty repository.

```python           is executed; blocks of a page share their names. Followed by ```text output, what it printed is compared.
```console          each `$ command` is run by bash and must succeed, or end with the code of a trailing `# exit 3`.
```LANGUAGE file=F  is written to the file F.

Output is compared loosely: the lines shown must occur in that order, numbers and identifiers may differ, a line
`...` stands for any lines and `...` within a line for any text. With the word `exact` on the fence it must be equal.
"""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(
    r"^```(?P<language>\w*)(?P<info>[^\n]*)\n(?P<body>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL
)
_VARYING = re.compile(r"\b[0-9a-f]{7,64}\b|(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
_EXIT = re.compile(r"\s+# exit (\d+)$")


class MismatchError(Exception):
    """A block did not do what the page shows."""


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the words after it, its text, and the line on which the text begins."""

    language: str
    words: tuple[str, ...]
    body: str
    line: int

    @property
    def file(self) -> str | None:
        """The file this block is written to, if it names one."""
        return next((word[5:] for word in self.words if word.startswith("file=")), None)

    @property
    def runs(self) -> bool:
        """Whether the block does something."""
        return self.file is not None or self.language in {"python", "console"}


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, first to last."""
    return [
        Block(
            found["language"],
            tuple(found["info"].split()),
            found["body"],
            text.count("\n", 0, found.start("body")) + 1,
        )
        for found in _FENCE.finditer(text)
    ]


def commands(body: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output shown below it."""
    found: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        taken = 1
        while lines[taken - 1].endswith("\\") and taken < len(lines):
            taken += 1
        found.append(("\n".join(lines[:taken]), "\n".join(lines[taken:])))
    return found


def _pattern(line: str) -> re.Pattern[str]:
    pieces = (re.escape(piece) for piece in _plain(line).split("..."))
    return re.compile(r".*".join(pieces))


def _plain(line: str) -> str:
    return " ".join(_VARYING.sub("0", line).split())


def compare(shown: str, printed: str, *, exact: bool = False) -> None:
    """Raise unless what was printed is what the page shows."""
    if exact:
        if shown.strip() != printed.strip():
            raise MismatchError(f"shown:\n{shown}\nprinted:\n{printed}")
        return
    rest = iter([_plain(line) for line in printed.splitlines()])
    for line in shown.splitlines():
        if line.strip() in {"", "..."}:
            continue
        wanted = _pattern(line)
        if not any(wanted.fullmatch(candidate) for candidate in rest):
            raise MismatchError(f"this line was not printed, or not there:\n{line}\nprinted:\n{printed}")


def _console(block: Block) -> None:
    for command, shown in commands(block.body):
        expected = _EXIT.search(command)
        line = _EXIT.sub("", command)
        ran = subprocess.run(
            ["bash", "-c", line],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        code = int(expected[1]) if expected else 0
        if ran.returncode != code:
            raise MismatchError(f"{command}\nended with {ran.returncode}, not {code}:\n{ran.stdout}")
        compare(shown, ran.stdout, exact="exact" in block.words)


def _python(block: Block, names: dict[str, Any], page: Path) -> str:
    printed = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.body, str(page), "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return printed.getvalue()


def run_page(page: Path) -> int:
    """Run every block of a page in the present folder; the number of blocks that did something."""
    names: dict[str, Any] = {"__name__": "__main__"}
    printed, done = "", 0
    for block in blocks(page.read_text(encoding="utf-8")):
        done += block.runs
        try:
            if block.file is not None:
                Path(block.file).parent.mkdir(parents=True, exist_ok=True)
                Path(block.file).write_text(block.body, encoding="utf-8")
            elif block.language == "python":
                printed = _python(block, names, page)
            elif block.language == "console":
                _console(block)
            elif block.language == "text" and "output" in block.words:
                compare(block.body, printed, exact="exact" in block.words)
        except MismatchError as problem:
            raise MismatchError(f"{page}:{block.line}: {problem}") from None
    return done


if __name__ == "__main__":
    sys.stdout.write(f"{run_page(Path(sys.argv[1]))} blocks\n")
