"""Calls of the API; written by tools/client_source.py from the table of operations."""

from __future__ import annotations

from autoresearch.client.caller import AsyncCaller
from autoresearch.protocol.forms import (
    BlobOut,
    BlobsOut,
    DigestsOut,
    DigestsPost,
    FilePost,
    UploadOut,
    UploadPost,
)
from autoresearch.records.artifact import Version

__all__ = ["AsyncBlobsCalls"]


class AsyncBlobsCalls(AsyncCaller):
    """One method for each row of this group; each raises what ``call`` does."""

    async def missing_blobs(self, body: DigestsPost) -> DigestsOut:
        """Which of these digests this organization has yet to send; what only others have is among them."""
        answer: DigestsOut = await self.call("missing_blobs", {"body": body})
        return answer

    async def put_blob(self, content: bytes, *, digest: str | None = None) -> BlobOut:
        """Store the bytes of one blob; the server computes the digest itself."""
        answer: BlobOut = await self.call("put_blob", {"content": content, "digest": digest})
        return answer

    async def put_blobs(self, content: bytes) -> BlobsOut:
        """Store many small blobs: a MessagePack array of byte strings; all are stored when it answers."""
        answer: BlobsOut = await self.call("put_blobs", {"content": content})
        return answer

    async def get_blob(self, digest: str) -> bytes:
        """The bytes of a digest; a header `Range: bytes=first-last` asks for some of them."""
        answer: bytes = await self.call("get_blob", {"digest": digest})
        return answer

    async def begin_upload(self, body: UploadPost) -> UploadOut:
        """Begin to send a large blob in parts, or find the upload of it that was begun."""
        answer: UploadOut = await self.call("begin_upload", {"body": body})
        return answer

    async def get_upload(self, upload_id: str) -> UploadOut:
        """How far an upload is: the next part begins at `received`."""
        answer: UploadOut = await self.call("get_upload", {"upload_id": upload_id})
        return answer

    async def append_upload(self, upload_id: str, content: bytes, offset: int) -> UploadOut:
        """Add the part that begins at `offset`, at most 16 MiB; it is durable when this answers."""
        answer: UploadOut = await self.call(
            "append_upload", {"upload_id": upload_id, "content": content, "offset": offset}
        )
        return answer

    async def finish_upload(self, upload_id: str) -> BlobOut:
        """Make the blob of its parts; the server computes the digest itself."""
        answer: BlobOut = await self.call("finish_upload", {"upload_id": upload_id})
        return answer

    async def register_file(self, body: FilePost) -> Version:
        """Log a file that lies elsewhere as an artifact version: its address, digest and size; the bytes stay there."""
        answer: Version = await self.call("register_file", {"body": body})
        return answer

    async def upload_file(
        self,
        content: bytes,
        project: str,
        artifact: str,
        *,
        path: str | None = None,
        type: str = "file",
        description: str = "",
        produced_by: str | None = None,
        digest: str | None = None,
    ) -> Version:
        """Send one file and log it as an artifact version; identical bytes answer the version that has them."""
        answer: Version = await self.call(
            "upload_file",
            {
                "content": content,
                "project": project,
                "artifact": artifact,
                "path": path,
                "type": type,
                "description": description,
                "produced_by": produced_by,
                "digest": digest,
            },
        )
        return answer
