"""How a run ends when its process does, and what is kept of it in every case."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import autoresearch as ar
from tests.run_scripts import killed_after, only_run, points, ran, script, started, stored


@pytest.mark.parametrize(
    ("body", "state", "exit_code", "error"),
    [
        ("ar.log({'a': 1})", "finished", None, None),
        ("sys.exit()", "finished", 0, None),
        ("sys.exit(3)", "failed", 3, None),
        ("sys.exit('no data')", "failed", 1, "no data"),
        ("with run:\n    raise SystemExit(4)", "failed", 4, None),
        ("raise ValueError('boom')", "failed", 1, "ValueError: boom"),
        ("raise KeyboardInterrupt", "killed", 130, "KeyboardInterrupt"),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)", "killed", 143, "SIGTERM"),
        ("os.kill(os.getpid(), signal.SIGHUP); time.sleep(30)", "killed", 129, "SIGHUP"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "crashed", None, None),
        ("os._exit(0)", "crashed", None, None),
        ("with run:\n    raise ValueError('inside')", "failed", 1, "inside"),
        ("try:\n    sys.exit(5)\nexcept SystemExit:\n    pass", "finished", None, None),
    ],
)
def test_the_end_of_the_process_is_the_end_of_the_run(
    body: str, state: str, exit_code: int | None, error: str | None
) -> None:
    done = ran(script(f"ar.log({{'loss': 1.0}})\n{body}\n"))
    with stored() as runs:
        run = only_run(runs)
        assert (run.state, run.exit_code) == (state, exit_code), done.stderr
        assert points(runs, run.id, "loss") == [(0, 1.0)]
        assert runs.receipt(run.id, verify=True).intact
    if error:
        assert error in (run.error or "")


def test_a_signal_has_the_effect_on_the_process_that_it_has_without_us() -> None:
    done = ran(script("os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(30)"))
    assert done.returncode == -signal.SIGTERM


def test_an_interrupt_has_the_effect_on_the_process_that_it_has_without_us() -> None:
    assert ran("raise KeyboardInterrupt").returncode == ran(script("raise KeyboardInterrupt")).returncode


def test_a_handler_of_the_script_stays_in_its_place() -> None:
    body = """
        os.kill(os.getpid(), signal.SIGTERM)
        print("still here", flush=True)
        """
    code = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('mine', flush=True))\n" + script(
        body
    )
    done = ran(code)
    assert done.stdout.splitlines()[1:] == ["mine", "still here"]
    assert done.returncode == 0
    with stored() as runs:
        assert only_run(runs).state == "finished"


def test_an_uncaught_exception_is_printed_as_ever_and_kept() -> None:
    done = ran(script("def deep():\n    raise ValueError('boom')\ndeep()"))
    assert done.returncode == 1
    assert "ValueError: boom" in done.stderr
    assert "in deep" in done.stderr
    with stored() as runs:
        error = only_run(runs).error or ""
    assert "in deep" in error
    assert "boom" in error


def test_everything_is_put_back_when_a_run_ends() -> None:
    before = (sys.excepthook, sys.exit, sys.stdout, sys.stderr, signal.getsignal(signal.SIGTERM))
    ar.init(project="p", system_metrics=False, capture_code=False).finish()
    assert (sys.excepthook, sys.exit, sys.stdout, sys.stderr, signal.getsignal(signal.SIGTERM)) == before


def test_a_process_killed_in_the_middle_of_logging_loses_nothing_that_was_acknowledged() -> None:
    body = """
        for step in range(10**9):
            ar.log({"step": step, "half": step / 2})
            if step == 5000:
                print("there", flush=True)
        """
    killed_after(script(body), "there")
    with stored() as runs:
        run = only_run(runs)
        got = points(runs, run.id, "half")
        assert len(got) > 5000
        assert got == [(step, step / 2) for step in range(len(got))]
        receipt = runs.receipt(run.id, verify=True)
        assert receipt.intact
        assert receipt.lost == 0
        assert receipt.points_claimed is None
        assert run.state == "crashed"


def test_both_sides_of_a_fork_log_and_nothing_is_lost() -> None:
    body = """
        for step in range(500):
            ar.log({"before": step})
        child = os.fork()
        name = "parent" if child else "child"
        for step in range(2000):
            ar.log({name: step})
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        """
    done = ran(script(body))
    assert done.returncode == 0, done.stderr
    with stored() as runs:
        run = only_run(runs)
        assert run.state == "finished"
        assert len(points(runs, run.id, "before")) == 500
        for name in ("parent", "child"):
            assert [value for _, value in points(runs, run.id, name)] == list(range(2000))
        assert runs.receipt(run.id, verify=True).intact


def test_a_program_that_takes_the_place_of_the_script_leaves_the_run_to_be_found() -> None:
    done = ran(script("ar.log({'a': 1.0})\nos.execv('/bin/sh', ['sh', '-c', 'exit 0'])"))
    assert done.returncode == 0
    with stored() as runs:
        run = only_run(runs)
        assert run.state == "crashed"
        assert points(runs, run.id, "a") == [(0, 1.0)]


def test_several_processes_write_one_run_and_it_ends_with_the_last() -> None:
    first = ar.init(project="p", system_metrics=False, capture_console=False, capture_code=False)
    code = script("for step in range(300):\n    ar.log({f'rank{os.environ[\"RANK\"]}': step})")
    workers = [ran(code, AUTORESEARCH_RUN_ID=first.id, RANK=str(rank)) for rank in range(3)]
    assert [worker.returncode for worker in workers] == [0, 0, 0], workers[0].stderr
    with stored() as runs:
        assert only_run(runs).state == "running"
    first.finish()
    with stored() as runs:
        assert only_run(runs).state == "finished"
        for rank in range(3):
            assert len(points(runs, first.id, f"rank{rank}")) == 300


def test_what_a_dead_process_left_is_brought_in_by_the_next_run() -> None:
    killed_after(script("ar.log({'a': 1.0})\nprint('there', flush=True)\ntime.sleep(60)"), "there")
    ran(script("ar.log({'b': 1.0})"))
    with ar.Workspace.open(project="p") as workspace:
        found = workspace.runs.list()
    assert sorted(run.state for run in found) == ["crashed", "finished"]


def test_a_run_goes_on_in_memory_where_the_home_cannot_be_written(tmp_path: Path) -> None:
    # A file in the place of the folder refuses even root.
    (tmp_path / "home").write_text("not a folder")
    done = ran(
        script("for step in range(10):\n    ar.log({'a': step})\nar.finish()\nprint('done')"),
        AUTORESEARCH_HOME=str(tmp_path / "home"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "done"
    assert "RuntimeWarning" in done.stderr
    assert "AUTORESEARCH_HOME" in done.stderr


def test_what_the_script_prints_is_kept_line_by_line() -> None:
    code = script(
        """
        print("hello")
        print("to the error stream", file=sys.stderr)
        for i in range(3):
            print(f"\\rprogress {i}", end="")
        print()
        """
    ).replace(", capture_console=False", "")
    done = ran(code)
    assert "hello" in done.stdout
    assert "to the error stream" in done.stderr
    with stored() as runs:
        run = only_run(runs)
        said = [(line.name, line.text) for line in runs.lines(run.id).items]
    assert ("console/stdout", "hello") in said
    assert ("console/stderr", "to the error stream") in said
    assert ("console/stdout", "progress 2") in said
    assert ("console/stdout", "progress 0") not in said


def test_the_code_that_ran_is_kept_with_its_uncommitted_change(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    (tmp_path / "train.py").write_text("lr = 1\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    (tmp_path / "train.py").write_text("lr = 2\n")
    done = ran(script("ar.log({'a': 1})").replace(", capture_code=False", ""), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    with ar.Workspace.open(project="p") as workspace:
        run = only_run(workspace.ledger.runs)
        assert run.code is not None
        assert run.code.diff is not None
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
        assert (run.code.commit, run.code.branch) == (head.strip(), "main")
        assert b"+lr = 2" in workspace.ledger.snapshots.get(run.code.diff.digest)
        receipt = workspace.ledger.runs.receipt(run.id)
        assert (receipt.commit, receipt.diff_sha) == (run.code.commit, run.code.diff.digest)


def test_the_machine_is_measured_on_an_axis_of_its_own() -> None:
    body = """
        for step in range(3):
            ar.log({"a": step})
        limit = time.monotonic() + 30
        while len(run.get_metric_paths()) == 1 and time.monotonic() < limit:
            time.sleep(0.05)
        """
    code = script(body).replace("system_metrics=False", "system_metrics=True")
    done = ran(code)
    assert done.returncode == 0, done.stderr
    with stored() as runs:
        run = only_run(runs)
        names = {info.name for info in runs.catalog(run.id)}
        assert {"system/memory/percent", "system/process/threads"} <= names
        assert [step for step, _ in points(runs, run.id, "a")] == [0, 1, 2]
        assert [step for step, _ in points(runs, run.id, "system/memory/percent")] == [0]
        assert "system/memory/percent" not in run.latest


def test_points_are_readable_while_the_run_goes_on() -> None:
    code = script(
        """
        ar.log({"a": 1.0})
        run.flush()
        print("there", flush=True)
        sys.stdin.read()
        """
    )
    with started(code) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "there":
            pass
        with stored() as runs:
            run = only_run(runs)
            assert run.state == "running"
            assert points(runs, run.id, "a") == [(0, 1.0)]
        process.kill()


def test_a_disk_that_is_full_for_a_while_costs_warnings_and_no_point() -> None:
    # No file may grow beyond 200 kB until the limit is lifted: neither journal nor database can be written then.
    body = """
        import resource
        for step in range(100):
            ar.log({"a": step})
        run.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        for step in range(100, 200_000):
            ar.log({"a": step})
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        for step in range(200_000, 200_100):
            ar.log({"a": step})
        """
    done = ran(script(body))
    assert done.returncode == 0, done.stderr
    assert "RuntimeWarning" in done.stderr
    with stored() as runs:
        run = only_run(runs)
        assert run.state == "finished"
        assert points(runs, run.id, "a") == [(step, float(step)) for step in range(200_100)]
        assert runs.receipt(run.id, verify=True).intact
