"""``ledger.folders`` over the database: the tree, and the runs that lie in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoresearch.ledger.folders import Folders
from autoresearch.ledger.local import folder_tree, run_listing
from autoresearch.records.base import Page
from autoresearch.records.folder import Folder, FolderContents, FolderEdit, FolderRequest

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger

__all__ = ["LocalFolders"]


class LocalFolders(Folders):
    """See :class:`autoresearch.ledger.folders.Folders`."""

    def __init__(self, ledger: LocalLedger) -> None:
        self._ledger = ledger

    def create(self, request: FolderRequest) -> Folder:
        with self._ledger.write() as unit:
            folder_tree.create(unit, request)
            return folder_tree.one(unit, request.id)

    def make(self, path: str) -> Folder:
        with self._ledger.write() as unit:
            return folder_tree.one(unit, folder_tree.make(unit, path))

    def folder(self, folder_id: str) -> Folder:
        with self._ledger.read() as unit:
            return folder_tree.one(unit, folder_id)

    def find(self, path: str) -> Folder:
        with self._ledger.read() as unit:
            return folder_tree.find(unit, path)

    def folders(self, *, limit: int = 100, cursor: str | None = None) -> Page[Folder]:
        with self._ledger.read() as unit:
            return folder_tree.listed(unit, limit=limit, cursor=cursor)

    def contents(
        self, folder_id: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> FolderContents:
        with self._ledger.runs.reading() as unit:
            folder = None if folder_id is None else folder_tree.one(unit, folder_id)
            page = run_listing.in_folder(unit, folder_id, limit=limit, cursor=cursor)
            return FolderContents.model_construct(
                folder=folder,
                folders=folder_tree.inside(unit, folder_id),
                runs=page.items,
                next_cursor=page.next_cursor,
            )

    def edit(self, request: FolderEdit) -> Folder:
        with self._ledger.write() as unit:
            folder_tree.edit(unit, request)
            return folder_tree.one(unit, request.folder_id)

    def remove(self, folder_id: str) -> None:
        # A run whose opening was not applied yet may be meant for it.
        with self._ledger.runs.writing() as unit:
            folder_tree.remove(unit, folder_id)
