"""The part of a ledger that puts runs in order: folders."""

from __future__ import annotations

import abc

from autoresearch.records.base import Page
from autoresearch.records.folder import Folder, FolderContents, FolderEdit, FolderRequest

__all__ = ["Folders"]


class Folders(abc.ABC):
    """Folders of the organization: each lies at the root or in another, and holds runs of any project.

    A run lies in one folder or at the root; ``runs.edit`` moves it. A name stands once beside its siblings, so that a
    path such as ``sweeps/lr`` names one folder.
    """

    @abc.abstractmethod
    def create(self, request: FolderRequest) -> Folder:
        """Make a folder.

        Raises:
            NotFound: The parent is not there.
            Conflict: It has a folder of this name, ``details["id"]``; or lies 32 deep; or the id is taken.
        """

    @abc.abstractmethod
    def make(self, path: str) -> Folder:
        """The folder at a path, made with those above it where they are missing.

        Raises:
            Invalid: It is no path.
        """

    @abc.abstractmethod
    def folder(self, folder_id: str) -> Folder:
        """One folder.

        Raises:
            NotFound: There is no such folder.
        """

    @abc.abstractmethod
    def find(self, path: str) -> Folder:
        """The folder at a path.

        Raises:
            Invalid: It is no path.
            NotFound: There is no such folder.
        """

    @abc.abstractmethod
    def folders(self, *, limit: int = 100, cursor: str | None = None) -> Page[Folder]:
        """All folders, in the order in which they were made."""

    @abc.abstractmethod
    def contents(
        self, folder_id: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> FolderContents:
        """What lies immediately in a folder, or at the root: its folders, and a page of its runs, the newest first.

        Raises:
            NotFound: There is no such folder.
        """

    @abc.abstractmethod
    def edit(self, request: FolderEdit) -> Folder:
        """Rename a folder, or move it with everything in it.

        Raises:
            NotFound: The folder, or the one to move it into, is not there.
            Conflict: It would lie in itself, or more than 32 deep, or beside a folder of its name.
        """

    @abc.abstractmethod
    def remove(self, folder_id: str) -> None:
        """Remove an empty folder.

        Raises:
            NotFound: There is no such folder.
            Conflict: Runs or folders lie in it.
        """
