"""``autoresearch ui`` opens the link in the person's browser: the right one, once, or it says that there is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from autoresearch.ledger.local.ledger import LocalLedger
from tests.serving import listening
from tests.web import seeding
from tests.web.browser import program

SECONDS = 60


@pytest.fixture
def store(home: Path) -> Path:
    with LocalLedger.open(home / "here") as ledger:
        seeding.seeded(ledger, 3)
    return home / "here"


def _browser(folder: Path, then: str = "") -> Path:
    """A program that notes the address that it is given, and then does something."""
    made = folder / "browser.sh"
    made.write_text(f'#!/bin/sh\necho "$1" >> {folder}/opened\n{then}\n')
    made.chmod(0o755)
    return made


@contextmanager
def _ui(store: Path, *words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    command = [
        sys.executable,
        "-m",
        "autoresearch",
        "--home",
        str(store),
        "-p",
        seeding.PROJECT,
        "ui",
        *words,
    ]
    # What would be tried after the browser that is named.
    ours = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "TERM"}}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ours | environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=SECONDS)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline().strip()


def test_the_browser_of_the_person_shows_the_project_and_was_started_once(
    chromium: Browser, store: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "profile"
    flags = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --remote-debugging-port=0"
    starts = f'echo $$ > {tmp_path}/pid\nexec "{program()}" {flags} --user-data-dir={profile} "$1" > {tmp_path}/said 2>&1'
    with _ui(store, "--port", "0", BROWSER=str(_browser(tmp_path, starts))) as process:
        try:
            said = _line(process)
            # Its page has come in by the link, so that it has also said where it can be looked at.
            assert _line(process).startswith("The link was used")
            port = (profile / "DevToolsActivePort").read_text().split()[0]
            person: Any = chromium.browser_type.connect_over_cdp(f"http://127.0.0.1:{port}")
            page = person.contexts[0].pages[0]
            expect(page.get_by_role("heading", name=seeding.PROJECT)).to_be_visible(timeout=30_000)
            assert said == f"The dashboard is at {(tmp_path / 'opened').read_text().strip()}"
            person.close()
        finally:
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_no_browser_is_started_when_none_is_wanted(store: Path, tmp_path: Path) -> None:
    with _ui(store, "--no-open", "--port", "0", BROWSER=str(_browser(tmp_path))) as process:
        assert "#" in _line(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    assert not (tmp_path / "opened").exists()


def test_without_a_browser_it_is_said_that_the_link_is_to_be_opened(store: Path, tmp_path: Path) -> None:
    with _ui(store, "--port", "0", BROWSER=str(tmp_path / "none")) as process:
        assert "#" in _line(process)
        assert _line(process) == (
            "No browser could be started on this machine: open the link above yourself."
        )


def test_with_a_server_its_own_page_is_opened_and_the_command_ends(store: Path, tmp_path: Path) -> None:
    with listening(tmp_path / "served") as served:
        given = {"AUTORESEARCH_BASE_URL": served.url, "AUTORESEARCH_API_KEY": served.key}
        with _ui(store, BROWSER=str(_browser(tmp_path)), **given) as process:
            process.communicate(timeout=SECONDS)
            assert process.returncode == 0
    assert (tmp_path / "opened").read_text() == f"{served.url}/?project={seeding.PROJECT}\n"
