"""``autoresearch mcp --http``: the same over HTTP, to this machine alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.mcp_clients import ERAS, PATIENCE, in_process, over_http, run, serving_http

PING = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
TAKEN = {"Accept": "application/json, text/event-stream"}


def test_clients_of_both_eras_and_one_in_process_are_told_the_same(researched: Path) -> None:
    async def told(url: str, mode: str) -> tuple[list[str], str]:
        async with over_http(url, mode) as asking:
            names = [tool.name for tool in (await asking.client.list_tools()).tools]
            return names, (await asking("get_frontier")).text

    async def here() -> tuple[list[str], str]:
        async with in_process(researched) as asking:
            names = [tool.name for tool in (await asking.client.list_tools()).tools]
            return names, (await asking("get_frontier")).text

    with serving_http(researched) as url:
        answers = [run(lambda mode=mode: told(url, mode)) for mode in ERAS]  # type: ignore[misc]
    assert answers == [run(here)] * len(ERAS)


def test_a_page_that_rebinds_a_name_or_comes_from_elsewhere_is_refused(repository: Path) -> None:
    with serving_http(repository) as url:
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            answer = httpx.post(url, json=PING, headers={**TAKEN, **headers}, timeout=PATIENCE)
            assert answer.status_code in {403, 421}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "example.org"])
def test_an_address_that_others_reach_is_refused(repository: Path, host: str) -> None:
    command = [sys.executable, "-m", "autoresearch", "mcp", "--http", "--host", host]
    ran = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 2
    assert "autoresearch serve" in ran.stderr
