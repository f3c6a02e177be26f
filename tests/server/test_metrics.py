"""The points of a run over HTTP: whole in pages, or few with the extremes among them."""

from __future__ import annotations

from autoresearch.ledger.remote.ledger import RemoteLedger
from tests.run_batches import Writer
from tests.serving import Served


def test_points_come_whole_in_pages_or_sampled_with_their_extremes(served: Served) -> None:
    values = [float(step % 97) for step in range(5000)]
    values[1234] = 1e9
    with RemoteLedger(served.client()) as ledger:
        writer = Writer(ledger).open()
        writer.log({"loss": values, "lr": [0.1] * 5000})
    path = f"/v1/runs/{writer.run}/metrics"
    with served.http() as http:
        page = http.get(path, params={"keys": "loss", "limit": 3000}).json()
        rest = http.get(path, params={"keys": "loss", "limit": 3000, "cursor": page["next_cursor"]}).json()
        assert page["items"][0]["values"] + rest["items"][0]["values"] == values
        few = http.get(path, params={"keys": "loss", "samples": 50}).json()
        (curve,) = few["items"]
        assert (len(curve["values"]) <= 52, curve["total"], few["next_cursor"]) == (True, 5000, None)
        assert max(curve["values"]) == 1e9
        assert http.get(path, params={"samples": 50, "cursor": "1"}).status_code == 422
        bounded = http.get(path, params={"keys": "lr", "samples": 50, "min_step": 10, "max_step": 12}).json()
        assert bounded["items"][0]["steps"] == [10, 11, 12]
