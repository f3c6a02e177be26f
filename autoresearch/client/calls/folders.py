"""Calls of the API; written by tools/client_source.py from the table of operations."""

from __future__ import annotations

from autoresearch.client.caller import Caller
from autoresearch.records.base import Page
from autoresearch.records.folder import (
    Annotation,
    AnnotationRequest,
    Folder,
    FolderContents,
    FolderEdit,
    FolderRequest,
)

__all__ = ["FoldersCalls"]


class FoldersCalls(Caller):
    """One method for each row of this group; each raises what ``call`` does."""

    def create_folder(self, request: FolderRequest) -> Folder:
        """Make a folder at the root, or in another folder."""
        answer: Folder = self.call("create_folder", {"request": request})
        return answer

    def list_folders(self, *, limit: int = 100, cursor: str | None = None) -> Page[Folder]:
        """All folders, in the order in which they were made."""
        answer: Page[Folder] = self.call("list_folders", {"limit": limit, "cursor": cursor})
        return answer

    def make_folder(self, path: str) -> Folder:
        """The folder at a path, made with those above it where they are missing."""
        answer: Folder = self.call("make_folder", {"path": path})
        return answer

    def find_folder(self, path: str) -> Folder:
        """The folder at a path."""
        answer: Folder = self.call("find_folder", {"path": path})
        return answer

    def get_contents(
        self, *, folder_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> FolderContents:
        """What lies immediately in a folder, or at the root: its folders, and a page of its runs."""
        answer: FolderContents = self.call(
            "get_contents", {"folder_id": folder_id, "limit": limit, "cursor": cursor}
        )
        return answer

    def get_folder(self, folder_id: str, *, limit: int = 100, cursor: str | None = None) -> FolderContents:
        """A folder, with what lies immediately in it."""
        answer: FolderContents = self.call(
            "get_folder", {"folder_id": folder_id, "limit": limit, "cursor": cursor}
        )
        return answer

    def describe_folder(self, folder_id: str) -> Folder:
        """A folder without what lies in it."""
        answer: Folder = self.call("describe_folder", {"folder_id": folder_id})
        return answer

    def edit_folder(self, request: FolderEdit) -> Folder:
        """Rename a folder, or move it with everything in it."""
        answer: Folder = self.call("edit_folder", {"request": request})
        return answer

    def remove_folder(self, folder_id: str) -> None:
        """Remove an empty folder."""
        self.call("remove_folder", {"folder_id": folder_id})

    def add_annotation(self, request: AnnotationRequest) -> Annotation:
        """Note something about a run."""
        answer: Annotation = self.call("add_annotation", {"request": request})
        return answer

    def list_annotations(
        self,
        run_id: str,
        *,
        since: float | None = None,
        until: float | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Annotation]:
        """Annotations of a run in the order in which they were made."""
        answer: Page[Annotation] = self.call(
            "list_annotations",
            {"run_id": run_id, "since": since, "until": until, "limit": limit, "cursor": cursor},
        )
        return answer
