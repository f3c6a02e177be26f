"""Points through a server over PostgreSQL until they are durable: the server on one core, PostgreSQL and the clients on another.

python benchmarks/server_postgres.py
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import server as through

from autoresearch.ledger.local.ledger import LocalLedger
from tests import postgres_server

CLIENTS, REQUESTS, PER_REQUEST = 16, 40, 5000
DURABLE = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "512MB", "max_wal_size": "2GB"}


def main() -> None:
    postgres_server._SETTINGS.update(DURABLE)
    os.sched_setaffinity(0, through.CORES[1:2] or through.CORES)
    database = postgres_server.Server(postgres_server.programs()[0])
    try:
        url = database.url(database.database())
        opening = "LocalLedger.open(Path(sys.argv[1]))"
        code = through.SERVER.replace(opening, f"LocalLedger.connect({url!r}, Path(sys.argv[1]))")
        sent = CLIENTS * REQUESTS * PER_REQUEST
        with tempfile.TemporaryDirectory() as home:
            with through.serving(code, home) as server:
                through.opened(server)
                every = [through.bodies("msgpack", each, REQUESTS, PER_REQUEST) for each in range(CLIENTS)]
                took = through.send(server, "/v1/ingest", "application/msgpack", every)
                through.line(f"PostgreSQL, msgpack, {CLIENTS} clients", took, sent)
            with LocalLedger.connect(url, Path(home)) as ledger:
                receipts = [ledger.runs.receipt(run) for run in through.RUNS[:CLIENTS]]
            stored = sum(receipt.points_committed for receipt in receipts)
            intact = sum(receipt.intact for receipt in receipts)
            print(f"{stored:,} of {sent:,} points in the receipts, {intact} of {CLIENTS} runs intact")
    finally:
        database.remove()


if __name__ == "__main__":
    main()
