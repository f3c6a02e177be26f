"""The official client on a server of ours: in this process, over standard input and output, over HTTP; both eras."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Implementation, TextContent

from autoresearch.mcp_server.making import make_server
from autoresearch.mcp_server.target import FolderBackend
from autoresearch.track.workspace import Workspace
from tests.ports import Port

__all__ = ["ERAS", "Asking", "Said", "in_process", "over_http", "over_stdio", "run", "serving_http"]

ERAS = ("auto", "legacy")
"""The era that both sides prefer, and the one with a handshake."""

PATIENCE = 60.0
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Said:
    """What one call answered."""

    result: CallToolResult

    @property
    def text(self) -> str:
        (only,) = self.result.content
        assert isinstance(only, TextContent)
        return only.text

    @property
    def data(self) -> Any:
        return self.result.structured_content

    @property
    def refused(self) -> bool:
        return bool(self.result.is_error)

    def __getitem__(self, key: str) -> Any:
        assert not self.refused, self.text
        return self.data[key]


class Asking:
    """A client that is connected."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def __call__(self, tool: str, /, **arguments: Any) -> Said:
        return Said(await self.client.call_tool(tool, arguments))


def run(work: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Run async work, for a bounded time."""

    async def bounded() -> _Answer:
        with anyio.fail_after(PATIENCE):
            return await work()

    return anyio.run(bounded)


_IDENTITY = Implementation(name="tester", version="1")


@asynccontextmanager
async def in_process(folder: Path, mode: str = "auto", *, raising: bool = True) -> AsyncIterator[Asking]:
    """A client in this process on the server of a folder."""
    backend = FolderBackend(lambda actor: Workspace.open(folder, actor=actor))
    server = make_server(lambda _ctx: backend, folder=True)
    try:
        async with Client(server, mode=mode, raise_exceptions=raising, client_info=_IDENTITY) as client:
            yield Asking(client)
    finally:
        backend.close()


@asynccontextmanager
async def over_http(
    url: str, mode: str = "auto", key: str | None = None, **headers: str
) -> AsyncIterator[Asking]:
    """A client on a server that listens, with a key when it wants one."""
    given = {**headers, **({"Authorization": f"Bearer {key}"} if key else {})}
    async with httpx2.AsyncClient(headers=given, timeout=PATIENCE) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode, client_info=_IDENTITY) as client:
            yield Asking(client)


@contextmanager
def serving_http(folder: Path) -> Iterator[str]:
    """``autoresearch mcp --http`` in a process of its own; its URL."""
    kept = Port()
    port = kept.number
    command = [sys.executable, "-m", "autoresearch", "mcp", "--http", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            # It says where it listens once it does.
            said = process.stderr.readline().decode()
            assert f"http://127.0.0.1:{port}/mcp" in said, said
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()
            process.wait(30)
            kept.give_back()


@asynccontextmanager
async def over_stdio(
    folder: Path,
    mode: str = "auto",
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> AsyncIterator[Asking]:
    """A client on a server of its own process, as agents start it."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "autoresearch", "mcp", *options],
        cwd=folder,
        env={**os.environ, **(environment or {})},
    )
    async with Client(parameters, mode=mode, client_info=_IDENTITY) as client:
        yield Asking(client)
