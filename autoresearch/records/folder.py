"""Folders, in which runs of any project are put together, and annotations on runs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from autoresearch.errors import Invalid
from autoresearch.records.base import Id, JsonObject, Record, Request, Text, Time
from autoresearch.records.experiment import Actor
from autoresearch.records.run import Run
from autoresearch.records.words import MOST_DEEP, MOST_OF_A_NAME, clean_path, folder_name

__all__ = [
    "MOST_DEEP",
    "Annotation",
    "AnnotationRequest",
    "Folder",
    "FolderContents",
    "FolderEdit",
    "FolderName",
    "FolderRequest",
    "names_of_path",
]

FolderName = Annotated[str, Field(min_length=1, max_length=MOST_OF_A_NAME), AfterValidator(folder_name)]
"""One line of 1 to 200 characters without ``/``."""


class FolderRequest(Request):
    """Make a folder at the root, or in another folder."""

    id: Id
    name: FolderName
    parent_id: Id | None = None


class FolderEdit(Request):
    """Rename a folder, or move it with everything in it; what is None stays.

    Attributes:
        parent_id: The folder to move it into; ``to_root`` moves it out of all folders.
    """

    folder_id: Id
    name: FolderName | None = None
    parent_id: Id | None = None
    to_root: bool = False


class Folder(Record):
    """A folder of the organization. Its name is the only one of its kind beside its siblings.

    Attributes:
        parent_id: The folder that it lies in; None at the root.
        parent_id_path: All folders that it lies in, the outermost first.
        path_name: Names of these and its own, joined by ``/``.
        updated_at: When it was renamed or moved last.
    """

    id: Id
    name: FolderName
    parent_id: str | None
    parent_id_path: tuple[str, ...] = ()
    path_name: str
    actor: Actor
    recorded_at: Time
    updated_at: Time


class FolderContents(Record):
    """What lies immediately in a folder.

    Attributes:
        folder: The folder; None for the root.
        folders: Folders in it, in order of name.
        runs: A page of the runs in it, the newest first.
        next_cursor: Where the next page of runs begins; None at their end.
    """

    folder: Folder | None
    folders: tuple[Folder, ...]
    runs: tuple[Run, ...]
    next_cursor: str | None = None


class AnnotationRequest(Request):
    """Note something about a run at a moment of its life.

    Attributes:
        at: The moment that is meant; None means now.
    """

    id: Id
    run_id: Id
    text: Annotated[Text, Field(min_length=1)]
    metadata: JsonObject = Field(default_factory=dict)
    at: Time | None = None


class Annotation(Record):
    """A note on a run, with the moment that it is about."""

    id: Id
    run_id: Id
    text: Text
    metadata: dict[str, Any]
    at: Time
    actor: Actor
    recorded_at: Time


def names_of_path(path: str) -> tuple[str, ...]:
    """The names in a path such as ``sweeps/lr``; a ``/`` at its beginning or end means nothing.

    Raises:
        Invalid: It has no name, an empty one, one that is none, or more than 32.
    """
    try:
        return clean_path(path)
    except ValueError as error:
        raise Invalid(
            f"{path[:80]!r} is not the path of a folder: {error}.",
            hint="Give names of 1 to 200 characters, joined by '/', such as sweeps/lr.",
        ) from None
