"""The tests themselves: their names read as the specification, and each can fail."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import FUNCTION, ROOT, Module, functions, modules

FILES = [module for module in modules("tests") if module.path.name.startswith("test_")]
SLEEPS = {"time.sleep", "asyncio.sleep", "anyio.sleep", "sleep"}


@pytest.mark.parametrize("module", FILES, ids=lambda module: module.where)
def test_a_test_has_a_sentence_for_a_name(module: Module) -> None:
    names = [node.name for node in functions(module.tree) if node.name.startswith("test")]
    assert [name for name in names if len(name.split("_")) < 5] == []
    assert len(names) == len(set(names)), "a second test of the same name hides the first"


@pytest.mark.parametrize("module", FILES, ids=lambda module: module.where)
def test_tests_are_plain_functions(module: Module) -> None:
    classes = [node.name for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    assert [name for name in classes if name.startswith("Test")] == []


@pytest.mark.parametrize("module", modules("tests"), ids=lambda module: module.where)
def test_no_test_sleeps_or_watches_the_clock(module: Module) -> None:
    calls = (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    assert [call.lineno for call in calls if ast.unparse(call.func) in SLEEPS] == []


def _checks(tree: ast.AST) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            return True
        called = ast.unparse(node.func).rpartition(".")[2].lstrip("_") if isinstance(node, ast.Call) else ""
        if called in {"raises", "warns", "fail", "run_state_machine_as_test"}:
            return True
        if called.startswith(("assert", "check", "expect", "refuses", "verify")):
            return True
    return False


@pytest.mark.parametrize("module", FILES, ids=lambda module: module.where)
def test_every_test_asserts_something(module: Module) -> None:
    helpers = {node.name for node in functions(module.tree) if _checks(node)}
    empty = []
    for test in functions(module.tree):
        called = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
        if test.name.startswith("test_") and test.name not in helpers and not called & helpers:
            empty.append(test.name)
    assert empty == []


def test_test_files_have_names_of_their_own() -> None:
    names = [module.path.name for module in FILES]
    assert sorted(names) == sorted(set(names))
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def _pytest(folder: Path, **environment: str) -> str:
    shutil.copy(ROOT / "tests" / "conftest.py", folder)
    body = (
        "import pytest\n"
        "def test_with_a_missing_tool(): pytest.skip('no such tool')\n"
        "@pytest.mark.skipif(True, reason='elsewhere')\n"
        "def test_marked(): pass\n"
    )
    (folder / "test_skips.py").write_text(body)
    (folder / "test_skipped_file.py").write_text(
        "import pytest\npytest.importorskip('no_such_module_at_all')\n"
    )
    flags = ["-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", "--rootdir", str(folder)]
    command = [sys.executable, "-m", "pytest", *flags, str(folder)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTORESEARCH_")}
    return subprocess.run(command, env=kept | environment, capture_output=True, text=True, check=False).stdout


def test_a_skip_is_a_failure_where_skips_are_forbidden(tmp_path: Path) -> None:
    forbidden = _pytest(tmp_path, AUTORESEARCH_FORBID_SKIPS="1")
    assert "no such tool" in forbidden
    assert " skipped" not in forbidden.splitlines()[-1]
    assert "error" in forbidden.splitlines()[-1]


def test_a_skip_is_a_skip_where_nothing_forbids_it(tmp_path: Path) -> None:
    assert "3 skipped" in _pytest(tmp_path).splitlines()[-1]


def test_a_test_starts_with_an_empty_home_and_no_identity(home: Path) -> None:
    assert list(home.iterdir()) == []
    assert Path.home() == home
    assert not [name for name in os.environ if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER", "WANDB_"))]
    asked = subprocess.run(["git", "config", "--global", "user.name"], capture_output=True, check=False)
    assert asked.returncode != 0


def test_the_soak_marker_is_on_every_test_that_asks_for_it() -> None:
    unmarked = [
        test.name
        for module in FILES
        for test in functions(module.tree)
        if isinstance(test, FUNCTION)
        and "soak" in {argument.arg for argument in test.args.args}
        and "pytest.mark.soak" not in {ast.unparse(mark) for mark in test.decorator_list}
    ]
    assert unmarked == []
