from __future__ import annotations

import sys
from pathlib import Path

import pytest

from autoresearch.errors import Invalid
from autoresearch.loop.executors.base import Executor, Job, Resources
from autoresearch.loop.executors.local import LocalExecutor


def test_a_job_runs_in_its_folder_with_its_environment_alone(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    code = "import os, pathlib; pathlib.Path('made').touch(); print(sorted(os.environ))"
    job = Job(
        command=(sys.executable, "-IS", "-c", code),
        folder=folder,
        output=tmp_path / "out.log",
        environment={"SEED": "3"},
        seconds=60,
    )
    executor: Executor = LocalExecutor()
    with executor:
        run = executor.run(job)
    assert run.ok
    assert run.log_tail == "['AUTORESEARCH_TRIAL', 'LC_CTYPE', 'SEED']\n"
    assert (folder / "made").exists()


def test_the_limits_of_a_job_are_kept(tmp_path: Path) -> None:
    job = Job(
        command=(sys.executable, "-IS", "-c", "while True: pass"),
        folder=tmp_path,
        output=tmp_path / "out.log",
        seconds=0.5,
    )
    assert LocalExecutor().run(job).timed_out


@pytest.mark.parametrize("values", [{"cpus": 0}, {"gpus": -1}, {"memory": 0}, {"processes": 0}], ids=repr)
def test_resources_that_no_machine_has_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(Invalid, match="cannot be run"):
        Resources(**values)
