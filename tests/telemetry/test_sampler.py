from __future__ import annotations

import itertools
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from autoresearch.telemetry import host as host_module
from autoresearch.telemetry.host import Host
from autoresearch.telemetry.keys import KEYS, unit
from autoresearch.telemetry.processes import Tree
from autoresearch.telemetry.rates import Rates
from autoresearch.telemetry.sampler import Sampler

Start = Callable[[str], "subprocess.Popen[str]"]


def _seconds() -> Callable[[], float]:
    return map(float, itertools.count()).__next__


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a Python process that does something, says one line, and waits for its input to end."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str) -> subprocess.Popen[str]:
        program = f"import sys\n{code}\nprint('ready', flush=True)\nsys.stdin.read()\n"
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_every_sampled_key_is_documented_and_every_value_is_finite(tmp_path: Path) -> None:
    sampler = Sampler(os.getpid(), paths=[str(tmp_path)], clock=_seconds())
    first, second = sampler.sample(), sampler.sample()
    assert {re.sub(r"/\d+/", "/{index}/", name) for name in second} <= set(KEYS)
    assert all(math.isfinite(value) and value >= 0 for value in [*first.values(), *second.values()])
    assert {"system/memory/percent", "system/memory/process_gb", "system/disk/percent"} <= set(first)
    assert 0 < second["system/memory/percent"] <= 100
    assert 0 <= second["system/disk/percent"] <= 100


def test_rates_are_left_out_of_the_first_sample() -> None:
    sampler = Sampler(os.getpid(), clock=_seconds())
    first, second = sampler.sample(), sampler.sample()
    rates = {name for name in KEYS if name.endswith("_s") or name == "system/cpu/percent_process"}
    assert not rates & set(first)
    assert "system/cpu/percent_process" in second


def test_processor_time_is_a_share_of_one_core() -> None:
    sampler = Sampler(os.getpid(), clock=_seconds())
    sampler.sample()
    spent = time.process_time()
    while time.process_time() < spent + 0.3:
        pass
    used = time.process_time() - spent
    share = sampler.sample()["system/cpu/percent_process"]
    # The kernel counts in hundredths of a second; other threads of the test process may have worked as well.
    assert 100 * used - 5 <= share <= 100 * used + 60


def test_a_child_counts_with_its_parent_also_after_it_ended(start: Start) -> None:
    sampler = Sampler(os.getpid(), clock=_seconds())
    alone = sampler.sample()
    child = start(
        "import time\nwhile time.process_time() < 0.3: pass\nkept = bytearray(60_000_000)\nfiles = [open('/dev/null') for _ in range(40)]"
    )
    together = sampler.sample()
    assert together["system/memory/process_gb"] > alone["system/memory/process_gb"] + 0.055
    assert together["system/process/threads"] >= alone["system/process/threads"] + 1
    assert together["system/process/open_files"] >= alone["system/process/open_files"] + 40
    assert together["system/cpu/percent_process"] >= 25
    child.communicate()
    assert "system/cpu/percent_process" in sampler.sample()


_NESTED = """
import subprocess
inner = "import sys; print('up', flush=True); sys.stdin.read()"
outer = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {inner!r}])"
child = subprocess.Popen([sys.executable, '-S', '-c', outer], stdout=subprocess.PIPE)
child.stdout.readline()
"""


def test_a_child_of_a_child_counts_as_well(start: Start) -> None:
    parent = start(_NESTED)
    assert Tree(parent.pid).read(0.0)["system/process/threads"] == 3


def test_the_list_of_the_kernel_is_that_of_psutil(start: Start) -> None:
    parent = start(_NESTED)
    expected = {child.pid for child in psutil.Process(parent.pid).children(recursive=True)}
    assert {each.pid for each in Tree(parent.pid)._descendants()} == expected
    assert len(expected) == 2


def test_a_child_that_nobody_waited_for_does_not_stop_the_sample(start: Start) -> None:
    child = start("")
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert Tree(os.getpid()).read(0.0)["system/process/threads"] >= 1


def test_a_process_that_is_gone_leaves_the_metrics_of_the_machine(start: Start) -> None:
    child = start("")
    sampler = Sampler(child.pid, clock=_seconds())
    assert "system/process/threads" in sampler.sample()
    child.communicate()
    left = sampler.sample()
    assert "system/memory/percent" in left
    assert not {"system/process/threads", "system/memory/process_gb"} & set(left)
    assert "system/memory/percent" in Sampler(child.pid).sample()


def test_waiting_for_a_disk_is_not_being_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = [(10.0, 5.0, 100.0, 40.0, 3.0), (30.0, 5.0, 130.0, 90.0, 3.0)]
    kind = namedtuple("kind", ["user", "system", "idle", "iowait", "guest"])  # noqa: PYI024 (as psutil makes them)
    times = (kind(*row) for row in recorded)
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(times))
    host = Host(os.getpid(), ())
    assert host.cpu(0.0) == {}
    assert host.cpu(1.0) == {"system/cpu/percent": 20.0}


def test_a_limit_below_the_memory_of_the_machine_is_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "memory_limit", lambda _pid: (2_000_000_000, 500_000_000))
    host = Host(os.getpid(), ())
    assert host.memory(0.0) == {"system/memory/percent": 25.0, "system/memory/used_gb": 0.5}
    monkeypatch.setattr(host_module, "memory_limit", lambda _pid: (2**62, 1))
    assert host.memory(0.0)["system/memory/used_gb"] > 0.001


def test_a_path_that_is_missing_is_passed_over(tmp_path: Path) -> None:
    there = Sampler(os.getpid(), paths=[str(tmp_path / "gone"), str(tmp_path)]).sample()
    assert "system/disk/percent" in there
    assert "system/disk/percent" not in Sampler(os.getpid(), paths=[str(tmp_path / "gone")]).sample()


def test_a_fork_starts_its_sources_afresh() -> None:
    code = """
import os
from autoresearch.telemetry.sampler import Sampler
sampler = Sampler(os.getpid())
sampler.sample()
child = os.fork()
again = sampler.sample()
print("child" if child == 0 else "parent", sorted(name for name in again if "percent_process" in name), flush=True)
if child:
    os.waitpid(child, 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert sorted(done.stdout.splitlines()) == ["child []", "parent ['system/cpu/percent_process']"]


def test_a_counter_that_goes_back_gives_no_rate() -> None:
    rates = Rates()
    assert rates.since_last("a", 10, 0.0) is None
    assert rates.since_last("a", 30, 2.0) == 10
    assert rates.since_last("a", 5, 3.0) is None
    assert rates.since_last("a", 6, 4.0) == 1
    assert rates.since_last("a", 7, 4.0) is None
    assert rates.since_last("b", 7, 5.0) is None


def test_a_unit_is_found_for_any_gpu() -> None:
    assert unit("system/gpu/13/power_w") == "W"
    assert unit("system/memory/used_gb") == "GB"
    assert unit("system/process/threads") == ""
    assert unit("loss") == ""


def test_sampling_is_not_loaded_with_the_library() -> None:
    code = "import autoresearch, autoresearch.telemetry, sys; sys.exit(sum(m in sys.modules for m in ('psutil', 'pynvml')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
