"""The client: a key, an address, and one method for every endpoint."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Self

import httpx

from autoresearch.client.calls import Calls
from autoresearch.client.credentials import Credentials, credentials_of
from autoresearch.client.errors import RequestError
from autoresearch.client.introducing import acting, bearing, headers_of
from autoresearch.client.keys import wanted_key
from autoresearch.client.retrying import Reply, Retries, answer_of, unreachable
from autoresearch.client.tokens import Tokens
from autoresearch.protocol.calls import Prepared, prepare
from autoresearch.protocol.forms import Ingested
from autoresearch.protocol.operations import OPERATIONS
from autoresearch.protocol.points_packing import pack
from autoresearch.records.access import IngestionKeyRequest
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch

__all__ = ["Client"]


class Client(Calls):
    """Calls the API over kept-alive connections; threads may share it.

    Args:
        auth: An API key, ``"local"`` for the credentials that ``autoresearch login`` stored, or a ``Credentials``.
        base_url: Origin of the server; else the credentials', AUTORESEARCH_BASE_URL, ``http://127.0.0.1:8090``.
        timeout: Seconds until a request without an answer fails.
        ingest_timeout: The same for requests that carry points or blobs.
        tries: How often a request is sent at most; only what may succeed later is sent again.
        transport: How requests are sent, in place of the network.

    Raises:
        AuthError: ``"local"`` was asked for and nothing usable is stored.
    """

    def __init__(
        self,
        auth: str | Credentials = "local",
        *,
        base_url: str | None = None,
        timeout: float = 10.0,
        ingest_timeout: float = 60.0,
        tries: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        credentials = credentials_of(auth, base_url)
        self.base_url = credentials.base_url
        self.ingest_timeout = ingest_timeout
        self._tries = tries
        self._tokens = Tokens()
        self._http = httpx.Client(
            base_url=credentials.base_url,
            headers=headers_of(credentials.key),
            timeout=timeout,
            transport=transport,
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=16, keepalive_expiry=30),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, name: str, given: Mapping[str, Any], *, timeout: float | None = None) -> Any:
        """Make a call of the table of operations.

        Args:
            name: The operation.
            given: Its arguments by name.
            timeout: Seconds, in place of the client's own.

        Raises:
            RequestError: The server refused, or could not be reached.
            ResponseError: Its answer is not what the API promises.
        """
        operation = OPERATIONS[name]
        if timeout is None and operation.takes:
            timeout = self.ingest_timeout
        return answer_of(operation, self.send(prepare(operation, given), timeout=timeout))

    def append(self, batch: Batch) -> int:
        """Append a batch of points to its run; answers the sequence number that is stored of its writer.

        It is sent with a key of that run alone, which is made at the first call and kept for as long as it is valid. A run that
        is not there yet begins with this client's own key.

        Args:
            batch: Points, texts and messages of one writer, each stored once however often they are sent.

        Raises:
            RequestError: The server refused, or could not be reached.
        """
        request = prepare(OPERATIONS["ingest"], {"content": pack([batch])})
        token = self._tokens.valid(batch.run) or self._minted(batch.run)
        reply = self.send(request, timeout=self.ingest_timeout, headers=bearing(token))
        if token is not None and reply.status in {401, 403}:
            self._tokens.forget(batch.run)
            token = self._minted(batch.run)
            reply = self.send(request, timeout=self.ingest_timeout, headers=bearing(token))
        answer: Ingested = answer_of(OPERATIONS["ingest"], reply)
        return answer.results[0].sequence

    def _minted(self, run: str) -> str | None:
        """A new ingestion key of a run; None when the run is not there yet."""
        try:
            made = self.create_ingestion_key(run, IngestionKeyRequest(name="client"))
        except RequestError as error:
            if error.status == 404:
                return None
            raise
        return self._tokens.keep(run, made)

    def send(
        self,
        request: Prepared,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request, again where that may help; answers the last reply, which may be an error.

        Args:
            request: What to send.
            timeout: Seconds, in place of the client's own.
            headers: Further ones.

        Raises:
            RequestError: There was no answer, or one that says to try again each time.
        """
        said = {**acting(), **(headers or {})}
        if request.content is not None:
            said["Content-Type"] = request.media_type
        if request.method in {"POST", "PATCH"}:
            said["Idempotency-Key"] = wanted_key() or new_id()
        retries = Retries(self._tries)
        while True:
            try:
                answer = self._http.request(
                    request.method,
                    request.path,
                    params=request.query,
                    content=request.content,
                    headers=said,
                    timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
                )
            except httpx.HTTPError as error:
                time.sleep(retries.pause(unreachable(self.base_url, str(error) or type(error).__name__)))
                continue
            reply = Reply(answer.status_code, answer.content, answer.headers)
            if not reply.transient:
                return reply
            time.sleep(retries.pause(reply.failure(), reply.headers))
