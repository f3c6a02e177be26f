"""Every test starts as on a new machine: an empty home, no git identity, no agent and no tracker configured."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.moto_server import Moto

SOAK = os.environ.get("AUTORESEARCH_SOAK") == "1"
FORBID_SKIPS = os.environ.get("AUTORESEARCH_FORBID_SKIPS") == "1"

_KEPT = {"AUTORESEARCH_SOAK", "AUTORESEARCH_FORBID_SKIPS"}
_FOREIGN = ("AUTORESEARCH_", "ARWANDB_", "WANDB_", "GIT_", "XDG_", "AWS_", "GOOGLE_", "AZURE_")
_AGENTS = (
    "AI_AGENT",
    "AGENT",
    "CLAUDECODE",
    "CLAUDE_CODE",
    "CODEX_THREAD_ID",
    "CODEX_SANDBOX",
    "GEMINI_CLI",
    "CURSOR_AGENT",
    "OPENCODE",
    "CLINE_ACTIVE",
    "PI_CODING_AGENT",
)
_TERMINAL = (
    "CI",
    "PYTHONUNBUFFERED",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "LINES",
    "DATA_GYM_CACHE_DIR",
)

_quiet = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
settings.register_profile("ci", derandomize=True, deadline=None, database=None, suppress_health_check=_quiet)
settings.register_profile(
    "soak", deadline=None, database=None, max_examples=2000, suppress_health_check=_quiet, print_blob=True
)
settings.load_profile("soak" if SOAK else "ci")


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - _KEPT:
            if name.startswith(_FOREIGN) or name in _AGENTS or name in _TERMINAL:
                patch.delenv(name)
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_TERMINAL_PROMPT", "0")
        patch.setenv("LC_ALL", "C.UTF-8")
        yield


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty home folder of this test; the embedded store lies in ``.autoresearch`` below it."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("AUTORESEARCH_HOME", str(folder / ".autoresearch"))
    # Encodings that happen to lie on this machine would make token counts differ from the next machine's.
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder / "encodings"))
    return folder


@pytest.fixture(scope="session")
def _moto() -> Iterator[Moto]:
    from tests.moto_server import moto_server

    with moto_server() as made:
        yield made


@pytest.fixture
def s3(_moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Moto:
    """A server that speaks S3, which the environment of this test points at."""
    from tests.moto_server import CREDENTIALS

    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", _moto.url)
    return _moto


@pytest.fixture
def soak() -> bool:
    """Whether to run in full what runs as a sample by default."""
    return SOAK


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if FORBID_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and skips are forbidden here: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if FORBID_SKIPS and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, and skips are forbidden here: {report.longrepr}"
    return report
