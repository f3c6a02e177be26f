"""Folders by their paths."""

from __future__ import annotations

from collections.abc import Callable

from autoresearch.ledger.base import Ledger, every
from autoresearch.records.folder import Folder, FolderContents, FolderEdit

__all__ = ["FolderTree"]


class FolderTree:
    """The folders of the organization, named by paths such as ``sweeps/lr``; ``/`` is the root.

    Args:
        ledger: Where they are remembered.
        refresh: Called before runs are listed, so that what processes left behind when they died is taken over first.
    """

    def __init__(self, ledger: Ledger, refresh: Callable[[], object] = lambda: None) -> None:
        self.ledger = ledger
        self.refresh = refresh

    def list(self) -> tuple[Folder, ...]:
        """All folders, in order of their paths."""
        found = every(lambda cursor: self.ledger.folders.folders(limit=1000, cursor=cursor))
        return tuple(sorted(found, key=lambda folder: folder.path_name))

    def find(self, path: str) -> Folder:
        """The folder at a path.

        Raises:
            Invalid: It is no path of a folder.
            NotFound: There is no such folder.
        """
        return self.ledger.folders.find(path)

    def contents(self, path: str = "/", *, limit: int = 100, cursor: str | None = None) -> FolderContents:
        """What lies immediately in a folder: its folders, and a page of its runs, of all projects, the newest first.

        Raises:
            Invalid: It is no path of a folder.
            NotFound: There is no such folder.
        """
        self.refresh()
        return self.ledger.folders.contents(self._at(path), limit=limit, cursor=cursor)

    def create(self, path: str) -> Folder:
        """The folder at a path, made with those above it where they are missing.

        Raises:
            Invalid: It is no path of a folder.
        """
        return self.ledger.folders.make(path)

    def rename(self, path: str, name: str) -> Folder:
        """Give a folder another name.

        Raises:
            Invalid: The name was refused.
            NotFound: There is no such folder.
            Conflict: There is a folder of this name beside it.
        """
        return self.ledger.folders.edit(FolderEdit.make(folder_id=self.find(path).id, name=name))

    def move(self, path: str, into: str) -> Folder:
        """Move a folder with everything in it into another, or by ``/`` to the root.

        Raises:
            NotFound: One of the folders is not there.
            Conflict: It would lie in itself, or beside a folder of its name.
        """
        parent = self._at(into)
        request = FolderEdit.make(folder_id=self.find(path).id, parent_id=parent, to_root=parent is None)
        return self.ledger.folders.edit(request)

    def remove(self, path: str) -> Folder:
        """Remove an empty folder; answers what it was.

        Raises:
            NotFound: There is no such folder.
            Conflict: Runs or folders lie in it.
        """
        found = self.find(path)
        self.ledger.folders.remove(found.id)
        return found

    def _at(self, path: str) -> str | None:
        return self.find(path).id if path.strip("/") else None
