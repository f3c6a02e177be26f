"""An experiment as people post it: little is given, and all of it is kept."""

from __future__ import annotations

from tests.serving import Served

PATCH = "diff --git a/train.py b/train.py\n--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-WARMUP = 0\n+WARMUP = 200\n"


def test_a_posted_patch_comes_back_and_is_found_by_its_words(served: Served) -> None:
    with served.http() as http:
        post = {"project": "char-lm", "note": "too hot early", "diff": PATCH, "commit": "0" * 40}
        made = http.post("/v1/experiments", json=post).json()
        assert len(made["repro_key"]) == 64
        assert http.get(f"/v1/experiments/{made['id']}/diff").text == PATCH
        found = http.get("/v1/projects/char-lm/search", params={"text": "WARMUP"}).json()["items"]
        assert [match["experiment_id"] for match in found] == [made["id"]]
        again = http.post("/v1/experiments", json={**post, "id": made["id"]})
        assert (again.status_code, again.json()["number"]) == (200, made["number"])
