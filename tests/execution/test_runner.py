from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from autoresearch.errors import TrialError
from autoresearch.execution import runner
from autoresearch.execution.runner import (
    Run,
    clean_environment,
    ended_when,
    run_command,
    stop_wanted,
    stoppable,
)
from tests.command_clock import out_of_time_once

PYTHON = sys.executable


def run_python(folder: Path, code: str, *, seconds: float | None = 30, **options: float) -> Run:
    script = folder / "script.py"
    script.write_text(textwrap.dedent(code))
    return run_command(
        [PYTHON, "-I", "-S", "-u", str(script)],
        folder,
        output=folder / "out.log",
        seconds=seconds,
        grace=float(options.get("grace", 2.0)),
        max_output=int(options.get("max_output", 1 << 20)),
        memory=int(options["memory"]) if "memory" in options else None,
        processes=int(options.get("processes", 512)),
    )


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def at_work_in(folder: Path) -> list[Path]:
    """The processes whose current folder this is: those of other tests that run beside this one are elsewhere."""
    return [place for place in Path("/proc").glob("[0-9]*/cwd") if leads_to(place, folder)]


def leads_to(place: Path, folder: Path) -> bool:
    try:
        return place.readlink() == folder
    except OSError:
        return False


def test_a_command_that_ends_gives_its_output_and_exit_code(tmp_path: Path) -> None:
    run = run_python(tmp_path, "import sys; print('hello'); print('oops', file=sys.stderr); sys.exit(3)")
    assert (run.exit_code, run.timed_out, run.ok) == (3, False, False)
    assert run.log_tail == "hello\noops\n"
    assert run.output_path.read_text() == "hello\noops\n"


def test_a_command_over_its_budget_is_ended_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_time_once(tmp_path / "far", monkeypatch)
    script = "echo begun; : > far; while :; do :; done"
    run = run_command(script, tmp_path, output=tmp_path / "o", seconds=60)
    assert run.timed_out
    assert run.exit_code == 128 + signal.SIGTERM
    assert run.log_tail == "begun\n"


def test_a_command_that_ignores_sigterm_is_killed_after_the_grace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_time_once(tmp_path / "far", monkeypatch)
    code = """
        import os, signal, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.close(1); os.close(2)
        open("far", "w").close()
        while True: signal.pause()
    """
    run = run_python(tmp_path, code, seconds=60, grace=0.2)
    assert run.timed_out
    assert run.exit_code == 128 + signal.SIGKILL


def test_sigterm_leaves_time_to_say_a_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out_of_time_once(tmp_path / "far", monkeypatch)
    script = "trap 'echo last word; exit 0' TERM; echo ready; : > far; while :; do :; done"
    run = run_command(script, tmp_path, output=tmp_path / "o", seconds=60, grace=30)
    assert run.timed_out
    assert run.log_tail == "ready\nlast word\n"


FORKING = """
    import os, signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    escape = {escape}
    ready, say = os.pipe()
    if os.fork() == 0:
        if escape:
            os.setsid()
            if os.fork(): os._exit(0)
        with open("child.pid", "w") as file: file.write(str(os.getpid()))
        os.write(say, b"x")
        while True: signal.pause()
    os.read(ready, 1)
    {then}
"""


@pytest.mark.parametrize("escape", [False, True], ids=["in the group", "as a daemon"])
@pytest.mark.parametrize(
    "then",
    ["open('far', 'w').close()\n    while True: signal.pause()", "print('done', flush=True); os._exit(0)"],
    ids=["as it goes on", "as it ends"],
)
def test_no_child_outlives_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, escape: bool, then: str
) -> None:
    if escape and not sys.platform.startswith("linux"):
        pytest.skip("processes that leave the group are only found where /proc is")
    out_of_time_once(tmp_path / "far", monkeypatch)
    run = run_python(tmp_path, FORKING.format(escape=escape, then=then), seconds=60, grace=0.1)
    child = int((tmp_path / "child.pid").read_text())
    assert run.timed_out == ("done" not in run.log_tail)
    assert not alive(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_campaign_ends_its_trial_first(tmp_path: Path, number: signal.Signals) -> None:
    os.mkfifo(tmp_path / "ready")
    (tmp_path / "trial.py").write_text(
        "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "with open('ready', 'w') as ready: ready.write(str(os.getpid()))\n"
        "while True: signal.pause()\n"
    )
    (tmp_path / "campaign.py").write_text(
        "import sys\nfrom pathlib import Path\nfrom autoresearch.execution.runner import run_command, stoppable\n"
        "here = Path.cwd()\n"
        "try:\n    with stoppable(): run_command([sys.executable, 'trial.py'], here, output=here / 'o', grace=0.1)\n"
        "except KeyboardInterrupt:\n    print('interrupted'); sys.exit(130)\n"
    )
    campaign = subprocess.Popen(
        [PYTHON, "campaign.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(runner.__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )
    trial = int((tmp_path / "ready").read_text())
    campaign.send_signal(number)
    said, _ = campaign.communicate(timeout=60)
    assert (said, campaign.returncode) == ("interrupted\n", 130)
    assert not alive(trial)


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="where a process works is seen where /proc is"
)
def test_a_ctrl_c_right_after_the_start_leaves_nothing_of_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "_Streams", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_command("exec sleep 600", tmp_path, output=tmp_path / "o")
    assert at_work_in(tmp_path) == []


def test_signals_mean_what_they_meant_after_a_campaign() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stoppable():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_endless_output_keeps_head_and_tail_in_a_bounded_file(tmp_path: Path) -> None:
    code = """
        print("first line")
        for _ in range(3000): print("x" * 1000)
        print("val_bpb: 1.5")
    """
    run = run_python(tmp_path, code, max_output=100_000)
    kept = run.output_path.read_bytes()
    assert len(kept) < 100_100
    assert kept.startswith(b"first line\n")
    assert kept.endswith(b"val_bpb: 1.5\n")
    assert b" bytes left out]" in kept
    assert run.output_bytes > 3_000_000
    assert len(run.log_tail) <= 4000


def test_output_within_the_limit_is_kept_whole(tmp_path: Path) -> None:
    run = run_python(tmp_path, "print('y' * 899, end='')", max_output=900)
    assert run.output_path.read_bytes() == b"y" * 899


def test_one_line_over_the_limit_loses_only_its_middle(tmp_path: Path) -> None:
    run = run_python(tmp_path, "print('a' * 1000 + 'b' * 1000, end='')", max_output=400)
    kept = run.output_path.read_bytes()
    assert kept == b"a" * 100 + b"\n[1600 bytes left out]\n" + b"b" * 300


def test_the_environment_of_a_trial_holds_no_key_of_the_caller() -> None:
    given = {"PATH": "/bin", "SECRET_API_KEY": "k", "LC_ALL": "C", "GIT_DIR": "/x", "PYTHONPATH": "/y"}
    kept = clean_environment({"SEED": "3"}, given)
    assert {name: kept.get(name) for name in (*given, "SEED")} == {
        "PATH": "/bin", "LC_ALL": "C", "SEED": "3", "SECRET_API_KEY": None, "GIT_DIR": None, "PYTHONPATH": None,
    }  # fmt: skip


def test_a_string_is_run_by_the_shell(tmp_path: Path) -> None:
    run = run_command("echo one && echo two", tmp_path, output=tmp_path / "o", seconds=30)
    assert run.log_tail == "one\ntwo\n"


@pytest.mark.parametrize("command", [["./missing"], [], [""], ["a\0b"]], ids=repr)
def test_a_command_that_cannot_be_started_is_one_clear_error(tmp_path: Path, command: list[str]) -> None:
    with pytest.raises(TrialError) as caught:
        run_command(command, tmp_path, output=tmp_path / "o", seconds=5)
    assert caught.value.hint


def test_a_budget_without_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrialError, match="no time"):
        run_command(["true"], tmp_path, output=tmp_path / "o", seconds=0)


def test_errors_are_kept_apart_where_a_file_is_named_for_them(tmp_path: Path) -> None:
    run = run_command(
        "echo answer; echo warning >&2", tmp_path, output=tmp_path / "o", errors=tmp_path / "e", seconds=30
    )
    assert run.log_tail == "answer\n"
    assert ((tmp_path / "o").read_text(), (tmp_path / "e").read_text()) == ("answer\n", "warning\n")


def test_endless_errors_do_not_hold_up_the_output(tmp_path: Path) -> None:
    code = "import sys\nfor _ in range(3000): print('x' * 999, file=sys.stderr)\nprint('answer')"
    (tmp_path / "script.py").write_text(code)
    said, errors = tmp_path / "o", tmp_path / "e"
    command = [PYTHON, "-I", "script.py"]
    run = run_command(command, tmp_path, output=said, errors=errors, seconds=30, max_output=10_000)
    assert run.ok
    assert run.log_tail == "answer\n"
    assert errors.stat().st_size < 10_100


def test_a_command_reads_the_file_it_is_given_as_input(tmp_path: Path) -> None:
    (tmp_path / "question").write_text("what now?")
    run = run_command("cat", tmp_path, output=tmp_path / "o", stdin=tmp_path / "question", seconds=30)
    assert run.log_tail == "what now?"


def test_a_command_reads_nothing_from_our_input(tmp_path: Path) -> None:
    assert run_python(tmp_path, "import sys; print(repr(sys.stdin.read()))").log_tail == "''\n"


def test_output_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):  # noqa: PTH110  a device, not a path of ours
        pytest.skip("there is no /dev/full here")
    with pytest.raises(TrialError, match="could not be written"):
        run_command(["echo", "text"], tmp_path, output=Path("/dev/full"), seconds=30)


LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="memory and processes are seen where /proc is"
)


@LINUX
def test_a_command_that_takes_too_much_memory_is_ended_and_said_to_be(tmp_path: Path) -> None:
    code = """
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        held = bytearray(300_000_000)
        print("ready", flush=True)
        while True: signal.pause()
    """
    run = run_python(tmp_path, code, memory=200_000_000, seconds=60)
    assert (run.ending, run.exit_code) == ("memory", 128 + signal.SIGKILL)
    assert re.match(r"held 0\.[23]\d* GB", run.reason)  # it may be seen while it still grows
    assert run.reason.endswith("GB of memory, more than the 0.2 GB it may")


@LINUX
def test_memory_that_processes_share_is_counted_once(tmp_path: Path) -> None:
    code = """
        import os, time
        held = bytearray(b"x" * 100_000_000)
        for _ in range(5):
            if os.fork() == 0:
                time.sleep(0.5)
                os._exit(0)
        for _ in range(5): os.wait()
        print("score: 1")
    """
    run = run_python(tmp_path, code, memory=300_000_000)
    assert (run.ending, run.log_tail) == ("exited", "score: 1\n")


# Each forks twice, up to twelve generations: without a bound there would be thousands. Those that hide fork no more, so that
# the first one does it again and again, also while it is being ended.
BOMB = """
    import os, signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for generation in range(2000 if {hide} else 12):
        if os.fork() == 0 and {escape}:
            os.setsid()
            if {hide}: os.execve({python!r}, [{python!r}, "-ISc", "import time; time.sleep(600)"], {{}})
    time.sleep(600)
"""


@LINUX
@pytest.mark.parametrize(
    ("escape", "hide"), [(False, False), (True, False), (True, True)], ids=["group", "sessions", "hidden"]
)
def test_a_program_that_forks_without_end_is_ended_with_all_it_started(
    tmp_path: Path, *, escape: bool, hide: bool
) -> None:
    limit = 5 if hide else 60
    code = BOMB.format(escape=escape, hide=hide, python=PYTHON)
    run = run_python(tmp_path, code, processes=limit, seconds=100)
    assert (run.ending, run.reason) == ("processes", f"had more than {limit} processes at once")
    assert run.seconds < 60
    assert at_work_in(tmp_path) == []


class Listening:
    """Ends the command once it has said a word."""

    def __init__(self, word: bytes) -> None:
        self._word = word
        self.said = b""

    def heard(self, data: bytes) -> None:
        self.said += data

    def over(self) -> str:
        return f"it said {self._word.decode()}" if self._word in self.said else ""


def test_a_watch_hears_the_output_and_ends_the_command(tmp_path: Path) -> None:
    watch = Listening(b"nan")
    script = "echo step 1; echo loss: nan; while :; do :; done"
    run = run_command(script, tmp_path, output=tmp_path / "o", seconds=60, watch=watch)
    assert (run.ending, run.reason, run.ok) == ("stopped", "it said nan", False)
    assert watch.said == b"step 1\nloss: nan\n"


def test_a_command_is_ended_when_its_thread_is_to_stop(tmp_path: Path) -> None:
    asked = iter([""] * 3)
    with ended_when(lambda: next(asked, "enough")):
        assert stop_wanted() == ""
        run = run_command("while :; do :; done", tmp_path, output=tmp_path / "o", seconds=60)
        assert (run.ending, run.reason) == ("stopped", "enough")
    assert stop_wanted() == ""
