"""What is public is decided, documented and cheap to import."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys

import pytest

from tests.house.source import FUNCTION, PACKAGE, Module, functions, modules

PUBLIC = [module for module in modules("autoresearch") if module.public]
PACKAGES = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def _defined(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, FUNCTION | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    # The name that type checkers know, set where importing `typing` would be most of the start-up.
    return {name for name in names - {"TYPE_CHECKING"} if not name.startswith("_")}


def _imported(tree: ast.Module) -> set[str]:
    imports = (node for node in tree.body if isinstance(node, ast.ImportFrom))
    return {alias.asname or alias.name for node in imports for alias in node.names}


def _declared(module: Module) -> list[str] | None:
    for node in module.tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        named = any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)
        if named and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            return list(ast.literal_eval(node.value))
    return None


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.name)
def test_all_lists_exactly_the_public_names_of_a_module(module: Module) -> None:
    declared, defined = _declared(module), _defined(module.tree)
    is_package = module.path.name == "__init__.py"
    if declared is None:
        assert is_package, "a public module needs __all__"
        assert not defined
        return
    assert len(declared) == len(set(declared))
    assert defined <= set(declared), "public names missing in __all__"
    if not is_package:
        assert set(declared) <= defined | _imported(module.tree), "__all__ names what is not defined here"
    if module.path.name != "__main__.py":
        loaded = importlib.import_module(module.name)
        assert [name for name in declared if not hasattr(loaded, name)] == []


def test_the_package_lists_what_it_offers_and_refuses_other_names() -> None:
    package = importlib.import_module("autoresearch")
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = package.no_such_name


def test_no_module_or_package_takes_the_place_of_a_call() -> None:
    # Importing anything of a package `context` would bind the name `autoresearch.context` to the package.
    package = importlib.import_module("autoresearch")
    beside = {path.stem for path in PACKAGE.glob("*.py")} | set(PACKAGES)
    assert beside & set(package.__all__) == set()


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys, json; before = set(sys.modules); {statement}; print(json.dumps(sorted(set(sys.modules) - before)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {str(name).partition(".")[0] for name in json.loads(ran.stdout)}


@pytest.mark.parametrize("name", ["", *PACKAGES])
def test_importing_a_package_loads_only_the_standard_library(name: str) -> None:
    loaded = _loaded_by(f"import autoresearch{'.' * bool(name)}{name}")
    assert loaded - set(sys.stdlib_module_names) == {"autoresearch"}


def _public_definitions(module: Module) -> list[tuple[str, ast.AST]]:
    names = set(_declared(module) or ())
    found: list[tuple[str, ast.AST]] = []
    for node in module.tree.body:
        if isinstance(node, FUNCTION | ast.ClassDef) and node.name in names:
            found.append((node.name, node))
    return found


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.name)
def test_every_public_name_has_a_docstring(module: Module) -> None:
    assert ast.get_docstring(module.tree), "the module itself"
    bare = [
        name
        for name, node in _public_definitions(module)
        if isinstance(node, FUNCTION | ast.ClassDef) and not ast.get_docstring(node)
    ]
    assert bare == []


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.name)
def test_every_signature_is_annotated(module: Module) -> None:
    bare = [node.name for node in functions(module.tree) if node.returns is None]
    assert bare == []
