"""The ledger of a server as one thing, and what of it the table of operations does not give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pydantic import TypeAdapter

from autoresearch.briefs.facts import Facts
from autoresearch.client.synchronous import Client
from autoresearch.errors import Forbidden
from autoresearch.ledger.base import Artifacts, Campaigns, Folders, Ledger, Memory, Research, Runs, Snapshots
from autoresearch.ledger.local.ingest import check
from autoresearch.ledger.remote.objects import RemoteObjects
from autoresearch.ledger.remote.parts import over_http, raised_here
from autoresearch.protocol.forms import (
    ExperimentPost,
    Ingested,
    JudgedPost,
    JudgedRequest,
    Position,
    TreePost,
)
from autoresearch.protocol.points_packing import pack
from autoresearch.records.comparing import CompareQuery
from autoresearch.records.experiment import DecisionRequest, Experiment, ExperimentRequest
from autoresearch.records.tree import Tree
from autoresearch.series.batch import Batch
from autoresearch.series.curve import History
from autoresearch.series.several import Compared

__all__ = ["RemoteLedger", "RemoteMemory", "RemoteResearch", "RemoteRuns", "RemoteSnapshots"]

_FACTS = TypeAdapter(Facts)
_Research: Any = over_http(Research, "research")
_Memory: Any = over_http(Memory, "memory")
_Artifacts: Any = over_http(Artifacts, "artifacts")
_Runs: Any = over_http(Runs, "runs")
_Folders: Any = over_http(Folders, "folders")
_Campaigns: Any = over_http(Campaigns, "campaigns")


class RemoteResearch(_Research):  # type: ignore[misc]
    """See :class:`autoresearch.ledger.base.Research`."""

    def record(self, request: ExperimentRequest) -> Experiment:
        """Record a tried change."""
        post = ExperimentPost.model_construct(**dict(request))
        made: Experiment = raised_here(self._call, "post_experiment", {"body": post})
        return made

    def record_judged(self, batch: Sequence[tuple[ExperimentRequest, DecisionRequest]]) -> int:
        """Record experiments with their verdicts, all or none."""
        posts = tuple(JudgedPost(experiment=experiment, decision=decision) for experiment, decision in batch)
        new: int = raised_here(self._call, "record_judged", {"body": JudgedRequest(batch=posts)})
        return new

    def set_tree(self, experiment_id: str, tree: str) -> Experiment:
        """Give an experiment that was recorded without a snapshot the digest of one."""
        raised_here(self._call, "set_tree", {"experiment_id": experiment_id, "body": TreePost(digest=tree)})
        made: Experiment = self.experiment(experiment_id)
        return made


class RemoteMemory(_Memory):  # type: ignore[misc]
    """See :class:`autoresearch.ledger.base.Memory`."""

    def facts(self, project: str, *, limit: int = 5) -> Facts:
        """What the brief may say, in bounded lists."""
        return _FACTS.validate_python(
            raised_here(self._call, "get_facts", {"project": project, "limit": limit})
        )


class RemoteRuns(_Runs):  # type: ignore[misc]
    """See :class:`autoresearch.ledger.base.Runs`."""

    def ingest(self, batch: Batch) -> int:
        """Store a batch of one writer, once however often it is sent."""
        check(batch)
        answer: Ingested = raised_here(self._call, "ingest", {"content": pack([batch])})
        return answer.results[0].sequence

    def history(self, run_id: str, names: Sequence[str] = (), **window: Any) -> History:
        """Every point of some metrics, of all when no name is given, in pages."""
        given = {"run_id": run_id, "names": tuple(names), **window}
        found: History = raised_here(self._call, "get_metrics", given)
        return found

    def compare(self, query: CompareQuery) -> Compared:
        """Points of several series in one order."""
        given = {name: getattr(query, name) for name in CompareQuery.model_fields}
        given["series"] = [series.model_dump_json() for series in query.series]
        # In a URL nothing at all would be the default.
        given["sort"] = query.sort or ("",)
        found: Compared = raised_here(self._call, "compare_metrics", given)
        return found

    def position(self, writer: str) -> int:
        """The last sequence number that is stored of a writer; 0 when nothing is."""
        answer: Position = raised_here(self._call, "ingest_position", {"writer_id": writer})
        return answer.sequence


class RemoteSnapshots(Snapshots):
    """See :class:`autoresearch.ledger.base.Snapshots`."""

    def __init__(self, client: Client, objects: RemoteObjects) -> None:
        self._client = client
        self._objects = objects

    def put(self, data: bytes) -> str:
        """Store bytes; answers their sha256."""
        return self._objects.put(data)

    def get(self, digest: str) -> bytes:
        """Stored bytes, verified."""
        return self._objects.get(digest)

    def tree(self, digest: str) -> Tree:
        """A stored manifest."""
        return Tree.parse(self._objects.get(digest))

    def write_tree(self, digest: str, destination: Path) -> Tree:
        """Give the exact tree back in a new folder."""
        from autoresearch.capture.checkout import write_tree

        tree = self.tree(digest)
        write_tree(tree, self._objects, destination)
        return tree

    def patch(self, experiment_id: str) -> bytes:
        """The stored patch of an experiment, byte for byte; empty when it had none."""
        found: bytes = raised_here(self._client.call, "get_diff", {"experiment_id": experiment_id})
        return found

    def verify(self) -> Iterator[str]:
        """Refused: a store is checked where it lies."""
        _only_there("verify")

    def collect(self, *, dry_run: bool = True) -> tuple[int, int]:  # noqa: ARG002  the interface's signature
        """Refused: a store is cleaned where it lies."""
        _only_there("collect")


def _only_there(what: str) -> NoReturn:
    command = {"verify": "autoresearch admin verify", "collect": "autoresearch admin gc"}[what]
    raise Forbidden(
        "The whole store is checked and cleaned on the server's own machine.",
        hint=f"Run `{command}` there.",
    )


class RemoteLedger(Ledger):
    """The ledger of one organization on a server.

    Args:
        client: Calls the server; closed with the ledger.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        objects = RemoteObjects(client)
        self.objects = objects
        self.research = RemoteResearch(client.call)
        self.memory = RemoteMemory(client.call)
        self.artifacts = _Artifacts(client.call)
        self.snapshots = RemoteSnapshots(client, objects)
        self.runs = RemoteRuns(client.call)
        self.folders = _Folders(client.call)
        self.campaigns = _Campaigns(client.call)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
