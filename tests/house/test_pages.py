"""Whatever the documentation shows, is run: every page in a fresh repository and home."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autoresearch.ledger.remote.ledger import RemoteLedger
from autoresearch.records.goal import ProjectRequest
from tests.house import page_runner
from tests.house.page_runner import MismatchError, compare
from tests.house.source import ROOT
from tests.serving import listening

PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})
RUN = [
    page
    for page in PAGES
    if any(block.runs for block in page_runner.blocks(page.read_text(encoding="utf-8")))
]
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.suffix in {".py", ".sh"})
NEWCOMER = re.compile(
    r"(make [a-z]+|source \.venv/bin/activate|pip install|python -m pip install|uv |git (?:clone|init) |cd |#|PYTHON_FOR_VENV="
    r"|autoresearch (?:serve|admin|keys|run|agent) |autoresearch ui$|export AUTORESEARCH_)"
)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository of a person who has told git a name, with the commands of this environment on the path."""
    folder = tmp_path / "char-lm"
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=folder, check=True)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.org")
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    return folder


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=240)


@pytest.mark.parametrize("page", RUN, ids=_name)
def test_every_block_of_a_page_does_what_it_shows(page: Path, repository: Path) -> None:
    ran = _run([sys.executable, page_runner.__file__, str(page)], repository)
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert int(ran.stdout.split()[-2]) > 0


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_every_example_runs_and_says_something(
    example: Path, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = sys.executable if example.suffix == ".py" else "bash"
    with contextlib.ExitStack() as stack:
        if "AUTORESEARCH_BASE_URL" in example.read_text(encoding="utf-8"):
            served = stack.enter_context(listening(tmp_path / "served"))
            monkeypatch.setenv("AUTORESEARCH_BASE_URL", served.url)
            monkeypatch.setenv("AUTORESEARCH_API_KEY", served.key)
            with RemoteLedger(served.client()) as ledger:
                ledger.research.make_project(ProjectRequest(project="char-lm"))
        ran = _run([program, str(example)], repository)
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert ran.stdout.strip()


def test_there_are_pages_and_examples_to_run() -> None:
    assert {"README.md", "docs/tutorial.md", "docs/reference/python.md"} <= set(map(_name, RUN))
    assert EXAMPLES


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_blocks_that_are_not_run_hold_only_commands_of_a_newcomer(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for block in page_runner.blocks(page.read_text(encoding="utf-8")):
        assert block.language, f"{_name(page)}:{block.line} has no language"
        if block.language in {"sh", "bash", "shell"}:
            lines = [line for line in block.body.splitlines() if line.strip()]
            assert [line for line in lines if not NEWCOMER.match(line)] == []
            named = {found for line in lines for found in re.findall(r"^make ([a-z]+)", line)}
            assert named <= targets


def test_loose_comparison_forgives_numbers_and_nothing_else() -> None:
    compare("score 2.41\n...\nkept  experiment 12", "score 2.5\nnoise\nkept experiment 3")
    compare("commit 1a2b3c4d5e, then ... done", "commit ffffffffff, then all is done")
    with pytest.raises(MismatchError, match="not printed"):
        compare("kept experiment 12", "dropped experiment 12")
    with pytest.raises(MismatchError, match="not printed"):
        compare("second\nfirst", "first\nsecond")


def test_exact_comparison_forgives_nothing_but_the_ends() -> None:
    compare("score 2.41\n", "score 2.41", exact=True)
    with pytest.raises(MismatchError, match=r"2\.42"):
        compare("score 2.41", "score 2.42", exact=True)


def test_a_page_that_shows_something_false_fails_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n```console\n$ echo one\none\n$ exit 3  # exit 3\n```\n")
    assert page_runner.run_page(page) == 1
    page.write_text("# A page\n\n```console\n$ echo one\ntwo\n```\n")
    with pytest.raises(MismatchError, match=r"page\.md:4: "):
        page_runner.run_page(page)
    page.write_text("```console\n$ false\n```\n")
    with pytest.raises(MismatchError, match="ended with 1, not 0"):
        page_runner.run_page(page)


def test_blocks_of_a_page_share_names_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "```text file=a/b.txt\nhello\n```\n```python\nimport pathlib\nx = pathlib.Path('a/b.txt').read_text()\n```\n"
        "```python\nprint(x)\n```\n```text output exact\nhello\n```\n"
    )
    assert page_runner.run_page(page) == 3
