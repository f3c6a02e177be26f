"""The size and the manners of the source files."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, ROOT, Module, functions, length, modules, tracked

SOURCES = modules("autoresearch")
CODE = [module for folder in ("autoresearch", "tests", "examples") for module in modules(folder)]
MODULE_LINES, FUNCTION_LINES = 600, 40

# A broad handler stands only where the process would otherwise die of somebody else's mistake: file, how many, why.
BOUNDARIES: dict[str, tuple[int, str]] = {
    "autoresearch/cli/start.py": (1, "a user of the command line meets no traceback"),
    "autoresearch/loop/campaign.py": (1, "a worker's thread: the other workers end first, then it is raised"),
    "autoresearch/journal/values.py": (2, "a value of the user's may raise anything"),
    "autoresearch/journal/writer.py": (4, "training never stops because of what is logged"),
    "autoresearch/server/compat/faces.py": (1, "a client of another service meets an answer it can read"),
    "autoresearch/server/committer.py": (1, "the thread outlives whatever one batch does"),
    "autoresearch/track/console.py": (2, "print() never fails because of what is captured"),
    "autoresearch/track/live/code_state.py": (
        1,
        "a background thread: a run without its code is better than none",
    ),
    "autoresearch/track/live/keeper.py": (2, "a background thread: training goes on, and ends"),
    "autoresearch/track/media.py": (1, "code of a foreign object runs while it is encoded"),
    "autoresearch/track/tracebacks.py": (2, "code of a foreign exception runs, and its report must come"),
}


@pytest.mark.parametrize("module", CODE, ids=lambda module: module.where)
def test_a_module_has_at_most_600_lines(module: Module) -> None:
    assert module.lines <= MODULE_LINES


# A migration is a list of tables as they were on one day; it is written once and never changed.
FUNCTIONS = [module for module in SOURCES if "/migrations/versions/" not in module.where]


@pytest.mark.parametrize("module", FUNCTIONS, ids=lambda module: module.where)
def test_a_function_has_fewer_than_40_lines(module: Module) -> None:
    long = {node.name: length(node) for node in functions(module.tree) if length(node) >= FUNCTION_LINES}
    assert long == {}


def test_no_module_is_named_like_one_of_the_standard_library_or_of_a_peer() -> None:
    names = {path.name for path in PACKAGE.rglob("*.py")}
    assert names.isdisjoint({"http.py", "types.py", "mcp.py", "git.py", "agents.py"})


@pytest.mark.parametrize("folder", ["agents", "prompts"])
def test_a_data_folder_holds_no_python_module(folder: str) -> None:
    assert [path.name for path in (ROOT / folder).rglob("*.py")] == []
    assert any(path.is_file() for path in (ROOT / folder).rglob("*"))


def test_nothing_is_left_for_later() -> None:
    words = re.compile(r"\b(?:TODO|FIXME|XXX|HACK|NotImplementedError|(?i:placeholder|for now))\b")
    left = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in PACKAGE.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if words.search(line)
    ]
    assert left == []


def _is_broad(handler: ast.ExceptHandler) -> bool:
    caught = ast.walk(handler.type) if handler.type is not None else ()
    named = {node.id for node in caught if isinstance(node, ast.Name)}
    reraises = any(isinstance(node, ast.Raise) and node.exc is None for node in handler.body)
    return not reraises and (handler.type is None or bool(named & {"Exception", "BaseException"}))


def test_broad_handlers_stand_only_at_named_boundaries() -> None:
    found: Counter[str] = Counter()
    for module in SOURCES:
        handlers = (node for node in ast.walk(module.tree) if isinstance(node, ast.ExceptHandler))
        found[module.where] += sum(map(_is_broad, handlers))
    assert +found == Counter({where: count for where, (count, _) in BOUNDARIES.items()})


def test_no_file_names_a_machine_or_a_registry() -> None:
    here = {str(ROOT), str(Path.home())} - {"/"}
    # A server of ours hands out its own client, below /sdk/.
    option = r"(?:extra-)?index-url\b|find-links\b(?![^\n]*/sdk/)|trusted-host\b"
    hosts = re.compile(
        rf"--?{option}|files\.python" + r"hosted|(?<![\w.])(?:/root|/home/[a-z]\w*|/Users/\w+)/"
    )
    found = []
    for path in tracked():
        if path == Path(__file__).resolve():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{path.relative_to(ROOT)}: {hit.group()}" for hit in hosts.finditer(text)]
        found += [f"{path.relative_to(ROOT)}: {name}" for name in here if name in text]
    assert found == []
