"""A newcomer's first commands: what make offers, and what it says where something is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.house.source import ROOT


def _tools(folder: Path, *names: str) -> str:
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found, f"{name} is needed to run this test"
        (folder / name).symlink_to(found)
    return str(folder)


def _setup(path: str, folder: Path) -> subprocess.CompletedProcess[str]:
    copy = folder / "checkout"
    (copy / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "setup.sh", copy / "tools")
    return subprocess.run(
        ["bash", str(copy / "tools" / "setup.sh")],
        env={"PATH": path, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def _fake(folder: Path, name: str, body: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def test_make_without_a_target_lists_every_target() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    offered = set(re.findall(r"make ([\w-]+)", shown))
    assert {
        "demo",
        "ui",
        "screenshots",
        "test",
        "test-agents",
        "check",
        "bench",
        "soak",
        "clean",
        "help",
    } <= offered
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared is not None
    assert set(declared[1].split()) == offered


def test_a_machine_without_a_new_enough_python_is_told_so(tmp_path: Path) -> None:
    path = _tools(tmp_path / "bin", "bash", "dirname")
    _fake(tmp_path / "bin", "python3", "exit 1")
    ran = _setup(path, tmp_path)
    assert ran.returncode == 1
    assert "no Python 3.11 or newer" in ran.stderr
    assert "PYTHON_FOR_VENV" in ran.stderr


def test_a_python_that_cannot_make_environments_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = _tools(tmp_path / "bin", "bash", "dirname")
    _fake(tmp_path / "bin", "python3.12", 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac')
    ran = _setup(path, tmp_path)
    assert ran.returncode == 1
    assert "python3.12 cannot make virtual environments" in ran.stderr
    assert "python3-venv" in ran.stderr


def test_uv_is_used_where_there_is_one(tmp_path: Path) -> None:
    path = _tools(tmp_path / "bin", "bash", "dirname", "touch", "mkdir")
    log = tmp_path / "log"
    _fake(tmp_path / "bin", "uv", f'echo "$@" >> {log}; mkdir -p .venv/bin')
    ran = _setup(path, tmp_path)
    assert ran.returncode == 0, ran.stderr
    asked = log.read_text().splitlines()
    assert asked[0].startswith("venv ")
    assert "--editable .[all] --group dev" in asked[1]
    assert (tmp_path / "checkout" / ".venv" / ".autoresearch").exists()


def test_a_shim_that_only_prints_advice_is_passed_over(tmp_path: Path) -> None:
    path = _tools(tmp_path / "bin", "bash", "dirname", "touch", "mkdir", "rm")
    log = tmp_path / "log"
    _fake(tmp_path / "bin", "python3.13", "exit 127")
    _fake(tmp_path / "bin", "python3.11", f'echo "$@" >> {log}; exit 0')
    ran = _setup(path, tmp_path)
    assert "-m venv .venv" in log.read_text()
    assert "python3.13" not in ran.stderr


def test_ci_runs_the_two_commands_a_newcomer_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    commands = [line for line in script.read_text().splitlines() if line.startswith("make ")]
    assert commands == ["make check", "make test"]
    assert "AUTORESEARCH_FORBID_SKIPS=1" in script.read_text()
