"""A campaign of ``autoresearch run`` and the page of it: what one does reaches the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from autoresearch.records.experiment import Actor
from autoresearch.server.door import Door
from tests.loop.landscapes import git
from tests.serving import listening
from tests.web.looking import opened, photographed

# The run of a change says through a pipe that it is there, and ends when it was given a line through another.
TRAIN = """\
import os
LR = 1.0
if LR != 1.0:
    open(os.path.expanduser("~/there"), "w").close()
    open(os.path.expanduser("~/go")).read()
print("loss:", abs(LR - 3) + 1)
"""
TOML = """\
[goal]
metric = "loss"
direction = "min"

[run]
command = ["PYTHON", "-S", "train.py"]
editable = ["train.py"]

[campaign]
baseline_runs = 1
max_experiments = 5
"""
SECONDS = 30_000


@pytest.fixture
def place(tmp_path: Path, home: Path) -> Path:
    folder = tmp_path / "lm"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "autoresearch.toml").write_text(TOML.replace("PYTHON", sys.executable))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    for name in ("there", "go"):
        os.mkfifo(home / name)
    return folder


@contextmanager
def running(place: Path) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "autoresearch", "run", "--agent", "offline"]
    process = subprocess.Popen(
        words, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def there(home: Path) -> None:
    """Until the run of a change is going on; a pipe is opened by both ends at once."""
    (home / "there").read_text()


def test_what_is_done_on_the_page_reaches_the_campaign_and_what_it_does_the_page(
    chromium: Browser, place: Path, home: Path
) -> None:
    with listening(home / ".autoresearch") as served, running(place) as process:
        there(home)
        served.state.door = Door(Actor(kind="human", name="ada"))
        with opened(chromium, f"{served.url}/?project=lm#{served.state.door.link}") as page:
            panel = page.get_by_role("region", name="Campaign 1")
            expect(panel).to_contain_text("offline")
            expect(panel).to_contain_text("measuring")
            expect(panel).to_contain_text("1 of 5")

            panel.get_by_role("button", name="Pause").click()
            expect(panel).to_contain_text("paused")
            (home / "go").write_text("go on")
            expect(panel).to_contain_text("No trial is open.", timeout=SECONDS)
            expect(panel).to_contain_text("1 of 5")
            page.get_by_label("A note").fill("Try a larger rate.")
            page.get_by_role("button", name="Leave the note").click()
            expect(page.get_by_text("Try a larger rate.")).to_be_visible()

            panel.get_by_role("button", name="Resume").click()
            there(home)
            expect(panel).to_contain_text("2 of 5", timeout=SECONDS)
            expect(page.get_by_text(re.compile(r"read by trial \d"))).to_be_visible(timeout=SECONDS)
            photographed(page, "campaign-under-way")

            panel.get_by_role("button", name="Stop").click()
            panel.get_by_role("button", name="sure?").click()
            expect(panel).to_contain_text("it was stopped", timeout=SECONDS)
            out, _ = process.communicate(timeout=60)
    assert process.returncode == 16
    assert "stopped" in out
