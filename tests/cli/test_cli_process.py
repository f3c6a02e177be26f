"""The program as a process of its own: entry points, signals, pipes, completion."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(sys.executable).with_name("autoresearch")


def test_the_module_and_the_installed_program_say_the_same(campaign: Path, program: Any) -> None:
    installed = subprocess.run([PROGRAM, "status", "--json"], capture_output=True, check=True)
    assert program("status", "--json").stdout == installed.stdout
    assert json.loads(installed.stdout)["project"]["name"] == "tiny"


def test_exit_codes_reach_the_shell(campaign: Path, program: Any) -> None:
    codes = [
        program(*words).returncode for words in (["status"], ["show"], ["show", "9"], ["checkout", "1", "."])
    ]
    assert codes == [0, 2, 3, 5]


def test_a_reader_that_leaves_early_ends_it_silently(campaign: Path, program: Any) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        ran = subprocess.run(
            [sys.executable, "-m", "autoresearch", "export"],
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_full_disk_under_standard_output_is_said_in_one_line(campaign: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with full.open("wb") as out:
        ran = subprocess.run(
            [sys.executable, "-m", "autoresearch", "status"], stdout=out, stderr=subprocess.PIPE, check=False
        )
    assert ran.returncode == 1
    assert ran.stderr.startswith(b"error: The system refused: No space left on device.")
    assert b"Traceback" not in ran.stderr


@pytest.mark.parametrize("form", ["plain", "json"])
def test_ctrl_c_ends_a_running_command_with_one_line(campaign: Path, tmp_path: Path, form: str) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    script = f"open({str(ready)!r}, 'w').close(); import time; time.sleep(600)"
    words = ["reproduce", "1", *(["--json"] if form == "json" else []), "--", sys.executable, "-c", script]
    with subprocess.Popen(
        [sys.executable, "-m", "autoresearch", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        with ready.open():  # returns once the trial runs
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    if form == "json":
        assert json.loads(err)["error"]["code"] == "interrupted"
    else:
        assert err == b"error: Interrupted.\n"


PLACES = [
    "autoresearch.cli.start.hoisted",
    "autoresearch.cli.root.form_of",
    "autoresearch.track.workspace.Workspace.open",
    "autoresearch.ledger.local.memory.search",
    "autoresearch.cli.paper.as_bytes",
]


@pytest.mark.parametrize("place", PLACES)
def test_ctrl_c_anywhere_is_one_line(
    campaign: Path, cli: Any, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(place, interrupted)
    said = cli("search", "rate")
    assert (said.code, said.out, said.err) == (130, "", "error: Interrupted.\n")


def _complete(program: Any, *words: str) -> list[str]:
    env = {
        "_AUTORESEARCH_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["autoresearch", *words]),
        "COMP_CWORD": str(len(words)),
    }
    ran = subprocess.run([PROGRAM], capture_output=True, text=True, check=True, env={**os.environ, **env})
    return ran.stdout.split()


def test_completion_knows_commands_options_and_experiments(campaign: Path, program: Any) -> None:
    assert _complete(program, "pro") == ["progress", "promote"]
    assert "--score" in _complete(program, "decide", "1", "keep", "--sc")
    assert _complete(program, "show", "") == ["3", "2", "1", "best", "last"]
    assert _complete(program, "show", "2") == ["2"]
    assert _complete(program, "experiment", "record", "--parent", "l") == ["last"]


def test_completion_says_nothing_where_there_is_no_store(repository: Path, program: Any, home: Path) -> None:
    assert _complete(program, "show", "") == ["best", "last"]
    assert not (home / ".autoresearch").exists()


def test_the_completion_script_can_be_shown(program: Any) -> None:
    ran = (
        program("--show-completion", "bash")
        if False
        else program("--show-completion", env={"SHELL": "/bin/bash"})
    )
    assert b"_AUTORESEARCH_COMPLETE" in ran.stdout or ran.returncode != 0


@pytest.mark.parametrize("word", [b"\xff\xfe", b"a\xffb"])
def test_words_that_are_no_text_are_refused_in_one_line(campaign: Path, word: bytes) -> None:
    ran = subprocess.run(
        [os.fsencode(sys.executable), b"-m", b"autoresearch", b"note", word], capture_output=True, check=False
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith(b"error: text was ")
    assert b"Traceback" not in ran.stderr


def test_a_standard_output_without_unicode_gets_ascii(campaign: Path, program: Any) -> None:
    env = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    program("note", "naïve")
    for words in (["context"], ["progress"], ["experiment", "list"], ["--help"]):
        ran = program(*words, env=env)
        assert (ran.returncode, ran.stderr) == (0, b"")
        assert words == ["context"] or ran.stdout.isascii()
