from __future__ import annotations

from pathlib import Path

import pytest

from autoresearch.telemetry.cgroup import memory_limit


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "cgroup").mkdir()
    return tmp_path


def _read(machine: Path) -> tuple[int, int] | None:
    return memory_limit(7, root=str(machine / "cgroup"), proc=str(machine / "proc"))


def _member(machine: Path, lines: str) -> None:
    (machine / "proc" / "7" / "cgroup").write_text(lines)


def _group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_what_can_be_dropped_is_not_used(machine: Path) -> None:
    _member(machine, "0::/job/step\n")
    _group(
        machine / "cgroup" / "job" / "step",
        memory__max="8000\n",
        memory__current="3000\n",
        memory__stat="anon 1500\ninactive_file 1000\nactive_file 5\n",
    )
    assert _read(machine) == (8000, 2000)


def test_the_tightest_group_above_counts(machine: Path) -> None:
    _member(machine, "0::/job/step\n")
    _group(machine / "cgroup" / "job" / "step", memory__max="max\n", memory__current="10\n")
    _group(machine / "cgroup" / "job", memory__max="500\n", memory__current="120\n")
    _group(machine / "cgroup", memory__max="900\n", memory__current="130\n")
    assert _read(machine) == (500, 120)


def test_a_container_that_sees_its_own_group_as_the_root_is_understood(machine: Path) -> None:
    _member(machine, "0::/../../elsewhere\n")
    _group(machine / "cgroup", memory__max="900\n", memory__current="130\n")
    assert _read(machine) == (900, 130)


def test_the_first_version_of_control_groups_is_read_as_well(machine: Path) -> None:
    _member(machine, "5:cpu,cpuacct:/a\n4:memory:/docker/b:c\n0::/\n")
    _group(
        machine / "cgroup" / "memory" / "docker" / "b:c",
        memory__limit_in_bytes="700\n",
        memory__usage_in_bytes="300\n",
        memory__stat="cache 9\ntotal_inactive_file 100\n",
    )
    assert _read(machine) == (700, 200)


@pytest.mark.parametrize("text", ["", "nonsense", "0::", "4:memory", "\x00\xff:::"])
def test_a_membership_that_says_nothing_gives_no_limit(machine: Path, text: str) -> None:
    _member(machine, text)
    assert _read(machine) is None


def test_files_that_cannot_be_read_give_no_limit(machine: Path) -> None:
    assert _read(machine) is None
    _member(machine, "0::/job\n")
    _group(machine / "cgroup" / "job", memory__max="12x\n", memory__current="10\n")
    (machine / "cgroup" / "memory.max").mkdir()
    assert _read(machine) is None
