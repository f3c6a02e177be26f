"""The project's own files, parsed once for the tests of this folder."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "autoresearch"
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file."""

    path: Path
    tree: ast.Module
    lines: int

    @property
    def where(self) -> str:
        """The path as a reader writes it."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def name(self) -> str:
        """The dotted name that imports it."""
        return self.where.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def public(self) -> bool:
        """Whether users may import it; files that Alembic loads by path are not meant for that."""
        parts = self.name.split(".")
        return not any(part.startswith("_") or not part.isidentifier() for part in parts) and (
            "migrations" not in parts
        )


@cache
def modules(folder: str) -> tuple[Module, ...]:
    """Every Python file below a folder of the project, in a fixed order."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(Module(path, ast.parse(text, str(path)), text.count("\n")))
    assert found, f"no Python file below {folder}"
    return tuple(found)


def functions(tree: ast.AST) -> Iterator[FUNCTION]:
    """Every function and method, nested ones included."""
    return (node for node in ast.walk(tree) if isinstance(node, FUNCTION))


def length(function: FUNCTION) -> int:
    """Lines of a function from ``def`` on, without its docstring."""
    end = function.end_lineno
    assert end is not None
    total = end - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None and first.end_lineno is not None:
        total -= first.end_lineno - first.lineno + 1
    return total


def tracked() -> list[Path]:
    """Files of the project that git knows, or would know after an add; without git, every file outside dot folders."""
    if (ROOT / ".git").exists():
        # Read only: the repository may belong to another user than the one who runs the tests.
        command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "-co", "--exclude-standard"]
        git = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        names = {os.fsdecode(name) for name in git.stdout.split(b"\0") if name}
    else:
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        names = {str(path) for path in found if not any(part.startswith(".") for part in path.parts)}
    return [ROOT / name for name in sorted(names) if (ROOT / name).is_file()]
