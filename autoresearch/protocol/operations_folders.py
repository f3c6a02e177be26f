"""Rows of folders and annotations."""

from __future__ import annotations

from autoresearch.protocol.rows import CURSOR, LIMIT, Operation, Query
from autoresearch.records.base import Page
from autoresearch.records.folder import (
    Annotation,
    AnnotationRequest,
    Folder,
    FolderContents,
    FolderEdit,
    FolderRequest,
)

__all__ = ["ROWS"]

_PATH = (Query("path", str, ..., "Names joined by /, such as sweeps/lr."),)

ROWS = (
    Operation(
        "create_folder",
        "POST",
        "/v1/folders",
        "folders",
        "create",
        Folder,
        "Make a folder at the root, or in another folder.",
        "write",
        FolderRequest,
    ),
    Operation(
        "list_folders",
        "GET",
        "/v1/folders",
        "folders",
        "folders",
        Page[Folder],
        "All folders, in the order in which they were made.",
        query=(LIMIT, CURSOR),
    ),
    Operation(
        "make_folder",
        "PUT",
        "/v1/folder",
        "folders",
        "make",
        Folder,
        "The folder at a path, made with those above it where they are missing.",
        "write",
        query=_PATH,
    ),
    Operation(
        "find_folder", "GET", "/v1/folder", "folders", "find", Folder, "The folder at a path.", query=_PATH
    ),
    Operation(
        "get_contents",
        "GET",
        "/v1/contents",
        "folders",
        "contents",
        FolderContents,
        "What lies immediately in a folder, or at the root: its folders, and a page of its runs.",
        query=(Query("folder_id", str | None, None, "The folder, else the root."), LIMIT, CURSOR),
    ),
    Operation(
        "get_folder",
        "GET",
        "/v1/folders/{folder_id}",
        "",
        "",
        FolderContents,
        "A folder, with what lies immediately in it.",
        query=(LIMIT, CURSOR),
    ),
    Operation(
        "describe_folder",
        "GET",
        "/v1/folders/{folder_id}/about",
        "folders",
        "folder",
        Folder,
        "A folder without what lies in it.",
    ),
    Operation(
        "edit_folder",
        "PATCH",
        "/v1/folders/{folder_id}",
        "folders",
        "edit",
        Folder,
        "Rename a folder, or move it with everything in it.",
        "write",
        FolderEdit,
    ),
    Operation(
        "remove_folder",
        "DELETE",
        "/v1/folders/{folder_id}",
        "folders",
        "remove",
        None,
        "Remove an empty folder.",
        "write",
    ),
    Operation(
        "add_annotation",
        "POST",
        "/v1/runs/{run_id}/annotations",
        "runs",
        "add_annotation",
        Annotation,
        "Note something about a run.",
        "write",
        AnnotationRequest,
    ),
    Operation(
        "list_annotations",
        "GET",
        "/v1/runs/{run_id}/annotations",
        "runs",
        "annotations",
        Page[Annotation],
        "Annotations of a run in the order in which they were made.",
        query=(
            Query("since", float | None, None, "Those of a moment from here on, seconds since 1970 UTC."),
            Query("until", float | None, None, "Those up to this moment, included."),
            LIMIT,
            CURSOR,
        ),
    ),
)
