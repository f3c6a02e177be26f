"""What is easier to see in the sources than to measure: secrets are compared in constant time, and refusals are made in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from autoresearch.ledger.access import tokens
from autoresearch.protocol import operations_people
from autoresearch.server.documented import Documented
from autoresearch.server.people import routes
from tests.house.source import Module, modules

SECRET = {"digest", "secret", "csrf", "csrf_token", "token", "cookie", "session", "device"}
SOURCES = [
    module
    for module in modules("autoresearch")
    if module.where.startswith(("autoresearch/ledger/access/", "autoresearch/server/"))
    and module.path.name in {path.name for path in module.path.parent.iterdir()}
]


def words(node: ast.AST) -> set[str]:
    """The names, attributes and keys of an expression."""
    found: set[str] = set()
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                found.add(name)
            case ast.Constant(value=str(name)):
                found.add(name)
    return found


def comparisons(module: Module) -> Iterator[ast.Compare]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            yield node


@pytest.mark.parametrize(
    "module",
    [one for one in SOURCES if "/access/" in one.where or one.path.name in {"auth.py", "cookies.py"}],
    ids=lambda module: module.where,
)
def test_no_secret_is_compared_by_an_operator(module: Module) -> None:
    plain = {ast.unparse(node) for node in comparisons(module) if words(node) & SECRET}
    # What kind it is, and how long, is no secret.
    assert {text for text in plain if ".kind" not in text and not text.startswith("len(")} == set()


def test_every_digest_is_compared_by_the_one_function_that_takes_its_time() -> None:
    tree = next(one.tree for one in SOURCES if one.path.name == "tokens.py")
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for name in ("same", "same_text"):
        (returned,) = [node for node in ast.walk(functions[name]) if isinstance(node, ast.Return)]
        assert isinstance(returned.value, ast.Call)
        assert ast.unparse(returned.value.func) == "hmac.compare_digest"


def test_every_table_of_secrets_is_looked_up_by_prefix_and_then_compared() -> None:
    found = []
    for module in SOURCES:
        for function in ast.walk(module.tree):
            if isinstance(function, ast.FunctionDef):
                called = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
                looks = any(word.arg == "prefix" for call in called for word in call.keywords) and any(
                    ast.unparse(call.func).endswith((".one", ".first")) for call in called
                )
                if looks:
                    found.append(function.name)
                    assert "tokens.same" in {ast.unparse(call.func) for call in called}, function.name
    assert len(found) == 6


def test_nothing_is_compared_with_nobodys_digest_but_as_if_it_were() -> None:
    token = tokens.make("ar")
    assert not tokens.same(None, token)
    assert not tokens.same("", token)
    assert not tokens.same("0" * 64, token)
    assert tokens.same(token.digest, token)
    assert repr(token).count(token.text) == 0


def test_a_secret_has_the_bits_that_it_should_have_and_reads_back() -> None:
    for kind, length in tokens._LENGTHS.items():
        made = {tokens.make(kind).text for _ in range(200)}
        assert len(made) == 200
        for text in made:
            assert len(text.rpartition("_")[2]) == length
            read = tokens.read(text)
            assert read is not None
            assert (read.kind, read.text) == (kind, text)
            assert tokens.read(text[:-1]) is None
            assert tokens.read(text + "a") is None


def test_every_row_of_people_has_a_route() -> None:
    names = {route.row.name for route in routes() if isinstance(route, Documented)}
    assert names == {row.name for row in operations_people.ROWS}
