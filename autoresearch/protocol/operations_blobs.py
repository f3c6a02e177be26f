"""Rows about bytes: blobs by digest, uploads in parts, and files that are registered or sent on their own."""

from __future__ import annotations

from typing import Any

from autoresearch.protocol.forms import (
    BlobOut,
    BlobsOut,
    DigestsOut,
    DigestsPost,
    FilePost,
    UploadOut,
    UploadPost,
)
from autoresearch.protocol.rows import Operation, Query
from autoresearch.records.artifact import Version

__all__ = ["ROWS"]

_BYTES = "application/octet-stream"


def _row(name: str, method: str, path: str, answer: object, about: str, **more: Any) -> Operation:
    return Operation(name, method, path, "", "", answer, about, "write", body_as="body")._replace(**more)


ROWS = (
    _row(
        "missing_blobs",
        "POST",
        "/v1/blobs/missing",
        DigestsOut,
        "Which of these digests this organization has yet to send; what only others have is among them.",
        body=DigestsPost,
    ),
    _row(
        "put_blob",
        "POST",
        "/v1/blobs",
        BlobOut,
        "Store the bytes of one blob; the server computes the digest itself.",
        query=(Query("digest", str | None, None, "What the digest has to be."),),
        takes=_BYTES,
    ),
    _row(
        "put_blobs",
        "POST",
        "/v1/blobs/batch",
        BlobsOut,
        "Store many small blobs: a MessagePack array of byte strings; all are stored when it answers.",
        takes="application/msgpack",
    ),
    _row(
        "get_blob",
        "GET",
        "/v1/blobs/{digest}",
        bytes,
        "The bytes of a digest; a header `Range: bytes=first-last` asks for some of them.",
        scope="read",
        media=_BYTES,
    ),
    _row(
        "begin_upload",
        "POST",
        "/v1/blobs/uploads",
        UploadOut,
        "Begin to send a large blob in parts, or find the upload of it that was begun.",
        body=UploadPost,
    ),
    _row(
        "get_upload",
        "GET",
        "/v1/blobs/uploads/{upload_id}",
        UploadOut,
        "How far an upload is: the next part begins at `received`.",
    ),
    _row(
        "append_upload",
        "PATCH",
        "/v1/blobs/uploads/{upload_id}",
        UploadOut,
        "Add the part that begins at `offset`, at most 16 MiB; it is durable when this answers.",
        query=(Query("offset", int, ..., "Where the part begins: the `received` of the last answer."),),
        takes=_BYTES,
    ),
    _row(
        "finish_upload",
        "POST",
        "/v1/blobs/uploads/{upload_id}/finish",
        BlobOut,
        "Make the blob of its parts; the server computes the digest itself.",
    ),
    _row(
        "register_file",
        "POST",
        "/v1/files",
        Version,
        "Log a file that lies elsewhere as an artifact version: its address, digest and size; the bytes stay there.",
        body=FilePost,
    ),
    _row(
        "upload_file",
        "POST",
        "/v1/files/upload",
        Version,
        "Send one file and log it as an artifact version; identical bytes answer the version that has them.",
        query=(
            Query("project", str, ..., "The project."),
            Query("artifact", str, ..., "Name of the artifact."),
            Query(
                "path", str | None, None, "The file's name in the version; the artifact's name when left out."
            ),
            Query("type", str, "file", "Type of the artifact."),
            Query("description", str, "", "What it is."),
            Query("produced_by", str | None, None, "The experiment that made it."),
            Query("digest", str | None, None, "What the digest has to be."),
        ),
        takes=_BYTES,
    ),
)
