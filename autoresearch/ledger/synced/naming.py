"""What a change names: bytes that have to travel first, and artifact versions whose numbers were provisional."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from autoresearch.errors import AutoresearchError
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.artifact import RefRequest, VersionRequest, version_number
from autoresearch.records.campaign import TrialUpdate
from autoresearch.records.experiment import ExperimentRequest

__all__ = ["blobs_of", "provisional", "renamed"]


def blobs_of(arguments: Mapping[str, Any], mirror: LocalLedger) -> set[str]:
    """Digests of all that a change's record names: the patch, the manifest and every file of it, the texts of a trial."""
    found: set[str] = set()
    alone = arguments.get("tree")
    for request in _requests(arguments.values()):
        if isinstance(request, ExperimentRequest) and request.diff is not None and not request.diff.truncated:
            found.add(request.diff.digest)
        if isinstance(request, ExperimentRequest | VersionRequest) and request.tree is not None:
            found |= _of_tree(request.tree, mirror)
        if isinstance(request, TrialUpdate):
            found.update(filter(None, (request.prompt, request.context, request.transcript)))
    return found | (_of_tree(alone, mirror) if isinstance(alone, str) else set())


def _of_tree(tree: str, mirror: LocalLedger) -> set[str]:
    try:
        entries = mirror.snapshots.tree(tree).entries
    except AutoresearchError:
        return {tree}  # not here, or damaged: the server answers what it thinks of that
    return {tree, *(entry.sha256 for entry in entries if entry.kind == "file" and entry.sha256)}


def provisional(arguments: Mapping[str, Any], mirror: LocalLedger) -> dict[str, str]:
    """For each version that a change names by its number, the tree that this machine knows under it."""
    found: dict[str, str] = {}
    for request in _requests(arguments.values()):
        for artifact, version in _named(request):
            try:
                found[f"{artifact}:{version}"] = mirror.artifacts.version(artifact, version).tree
            except AutoresearchError:
                continue  # the number is the server's own
    return found


def renamed(
    arguments: dict[str, Any], trees: Mapping[str, str], number_of: Callable[[str, str], int | None]
) -> dict[str, Any]:
    """The arguments with the server's numbers in the place of provisional ones.

    Args:
        arguments: Of the change.
        trees: Answer of :func:`provisional` when it was made.
        number_of: The server's number for a tree of an artifact, where it is known.
    """

    def agreed(artifact: str, version: str) -> str:
        tree = trees.get(f"{artifact}:{version}")
        number = number_of(artifact, tree) if tree is not None else None
        return version if number is None else f"v{number}"

    return {name: _renamed(value, agreed) for name, value in arguments.items()} if trees else arguments


def _renamed(value: Any, agreed: Callable[[str, str], str]) -> Any:
    if isinstance(value, tuple):
        return tuple(_renamed(item, agreed) for item in value)
    if isinstance(value, RefRequest):
        expected = value.expected and agreed(value.artifact, value.expected)
        return value.model_copy(
            update={"version": agreed(value.artifact, value.version), "expected": expected}
        )
    if isinstance(value, ExperimentRequest) and value.uses:
        pairs = (name.partition(":")[::2] for name in value.uses)
        return value.model_copy(
            update={"uses": tuple(f"{artifact}:{agreed(artifact, version)}" for artifact, version in pairs)}
        )
    return value


def _named(request: Any) -> Iterable[tuple[str, str]]:
    if isinstance(request, RefRequest):
        for version in (request.version, request.expected or ""):
            if version_number(version):
                yield request.artifact, version
    if isinstance(request, ExperimentRequest):
        for name in request.uses:
            artifact, _, version = name.partition(":")
            yield artifact, version


def _requests(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _requests(value)
        else:
            yield value
