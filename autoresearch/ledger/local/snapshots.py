"""``ledger.snapshots`` on this machine: blobs, trees, patches, and the checks over all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autoresearch.errors import AutoresearchError, NotFound, StoreCorrupt
from autoresearch.ledger.base import Snapshots
from autoresearch.records.base import utc_now
from autoresearch.records.tree import Tree, looks_like_manifest
from autoresearch.store import run_schema, schema
from autoresearch.store.blobs import GRACE_SECONDS, Stored
from autoresearch.store.dialects import plain
from autoresearch.store.points import Points

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger

__all__ = ["LocalSnapshots"]

# The object folder is shared by every organization of a store, so what it refers to is asked of all of them.
_TREES = sa.union(
    sa.select(schema.experiments.c.tree).where(schema.experiments.c.tree.is_not(None)),
    sa.select(schema.versions.c.tree),
)
_CODES = sa.select(run_schema.runs.c.code).where(run_schema.runs.c.code.is_not(None))
_MEDIA = sa.select(run_schema.media.c.digest).where(run_schema.media.c.digest.is_not(None)).distinct()
_WAITING = sa.select(run_schema.inbox.c.body)
_RUNS = sa.select(
    run_schema.runs.c.organization,
    run_schema.runs.c.id,
    run_schema.runs.c.project,
    run_schema.runs.c.number,
    run_schema.runs.c.name,
).order_by(run_schema.runs.c.organization, run_schema.runs.c.project, run_schema.runs.c.number)
_DIGEST = re.compile(r'"digest": ?"([0-9a-f]{64})"')
_DIFFS = sa.select(schema.experiments.c.diff).where(schema.experiments.c.diff.is_not(None))


class LocalSnapshots(Snapshots):
    """See :class:`autoresearch.ledger.base.Snapshots`."""

    def __init__(self, ledger: LocalLedger) -> None:
        self._ledger = ledger

    def put(self, data: bytes) -> str:
        return self._ledger.objects.put(data)

    def get(self, digest: str) -> bytes:
        return self._ledger.objects.get(digest)

    def tree(self, digest: str) -> Tree:
        return Tree.parse(self._ledger.objects.get(digest))

    def write_tree(self, digest: str, destination: Path) -> Tree:
        from autoresearch.capture.checkout import write_tree

        tree = self.tree(digest)
        write_tree(tree, self._ledger.objects, destination)
        return tree

    def patch(self, experiment_id: str) -> bytes:
        with self._ledger.read() as unit:
            row = unit.experiment(experiment_id)
        diff = row["diff"]
        if not diff:
            return b""
        if diff["truncated"]:
            raise NotFound(
                f"The patch of experiment {row['number']} was {diff['size']:,} bytes and over the cap: only its "
                f"digest {diff['digest']} was kept.",
                hint="Raise AUTORESEARCH_MAX_DIFF_BYTES for the next ones; its snapshot may have the files.",
            )
        return self._ledger.objects.get(diff["digest"])

    def verify(self) -> Iterator[str]:
        try:
            yield from (f"database: {said}" for said in self._ledger.database.check())
        except StoreCorrupt as error:
            yield f"database: {error.message}"
            return
        yield from (f"object {problem.name}: {problem.reason}" for problem in self._ledger.objects.verify())
        for digest, faults in self._references():
            yield from faults
            if digest and not self._ledger.objects.has(digest):
                yield f"object {digest} is missing, and the ledger refers to it"
        yield from self._damaged_runs()

    def _damaged_runs(self) -> Iterator[str]:
        """What the receipts of runs say is wrong, of all organizations."""
        with self._ledger.database.read() as connection:
            for organization, run_id, project, number, name in connection.execute(_RUNS).all():
                points = Points(plain(connection), organization)
                receipt = points.receipt(run_id, verify=True)
                faults = receipt.faults or (() if receipt.intact else ("points were lost on the way",))
                yield from (f"run {number} ({name}) of {project}: {fault}" for fault in faults)

    def collect(self, *, dry_run: bool = True) -> tuple[int, int]:
        objects = self._ledger.objects
        # Blobs are stored before the record that names them, so young ones may be about to be named.
        young = utc_now().timestamp() - GRACE_SECONDS
        with self._ledger.database.write(alone=True):
            wanted = self._wanted()
            doomed: list[Stored] = []
            for stored in objects.listed():
                if stored.digest in wanted:
                    continue
                if stored.used_at <= young:
                    doomed.append(stored)
                elif (tree := self._manifest(stored.digest)) is not None:
                    # A snapshot of an unchanged folder names its manifest again and touches nothing else.
                    wanted.update(entry.sha256 for entry in tree.files() if entry.sha256)
            doomed = [stored for stored in doomed if stored.digest not in wanted]
            if not dry_run:
                # A manifest that is there promises its blobs: it goes first, so that a kill leaves no broken promise.
                for stored in sorted(doomed, key=lambda stored: self._manifest(stored.digest) is None):
                    objects.remove(stored.digest)
                objects.sweep()
        return len(doomed), sum(stored.size for stored in doomed)

    def _manifest(self, digest: str) -> Tree | None:
        if not looks_like_manifest(next(self._ledger.objects.chunks(digest), b"")):
            return None
        try:
            return self.tree(digest)
        except AutoresearchError:
            return None

    def _wanted(self) -> set[str]:
        wanted = self._about_to_be_named()
        for digest, faults in self._references():
            if faults:
                # What a damaged manifest names cannot be told from orphans.
                raise StoreCorrupt(
                    f"Nothing was removed: {faults[0]}.", hint="`autoresearch fsck` names every fault."
                )
            wanted.add(digest)
        return wanted

    def _about_to_be_named(self) -> set[str]:
        """Digests in messages of runs that were received and not yet applied."""
        with self._ledger.database.read() as connection:
            return {
                digest for body in connection.execute(_WAITING).scalars() for digest in _DIGEST.findall(body)
            }

    def _references(self) -> Iterator[tuple[str, list[str]]]:
        """Every digest the ledger refers to, with what is wrong about the manifests among them."""
        with self._ledger.database.read() as connection:
            trees = connection.execute(_TREES).scalars().all()
            diffs = [diff for diff in connection.execute(_DIFFS).scalars() if not diff["truncated"]]
            codes = [code["diff"] for code in connection.execute(_CODES).scalars()]
            media = connection.execute(_MEDIA).scalars().all()
        diffs += [diff for diff in codes if diff is not None and not diff["truncated"]]
        yield from ((diff["digest"], []) for diff in diffs)
        yield from ((digest, []) for digest in media)
        for digest in trees:
            yield digest, []
            if not self._ledger.objects.has(digest):
                continue
            try:
                entries = self.tree(digest).entries
            except AutoresearchError as error:
                yield digest, [f"manifest {digest}: {error.message}"]
                continue
            yield from ((entry.sha256, []) for entry in entries if entry.kind == "file" and entry.sha256)
