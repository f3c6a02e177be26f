"""What is built is what was written: the wheel, alone, away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import hatch_build
from autoresearch import __version__
from tests.house.source import ROOT, tracked

BUILD_TIME = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Built:
    """The wheel and the source archive, and a virtual environment that holds the wheel alone."""

    wheel: Path
    archive: Path
    folder: Path

    def run(self, *command: str) -> str:
        """What a command of that environment prints, started far from the checkout."""
        environment = BUILD_TIME | {"HOME": str(self.folder), "AUTORESEARCH_HOME": str(self.folder / "store")}
        line = [str(self.folder / "venv" / "bin" / command[0]), *command[1:]]
        ran = subprocess.run(
            line, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


def _run(*command: str, cwd: Path = ROOT) -> None:
    ran = subprocess.run(command, cwd=cwd, env=BUILD_TIME, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def _build(source: Path, target: str, folder: Path) -> Path:
    folder.mkdir()
    _run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder), cwd=source)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The wheel installed by pip into an environment that borrows the dependencies of this one, but not the project."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = _build(ROOT, "wheel", folder / "dist")
    archive = _build(ROOT, "sdist", folder / "sdist")
    venv = folder / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", str(venv))
    python = str(venv / "bin" / "python")
    quiet = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")
    _run(sys.executable, "-m", "pip", "--python", python, "install", *quiet, str(wheel))
    # A path file inside a folder that was itself added by a path file is not read, so the checkout stays away.
    packages = next((venv / "lib").glob("python*/site-packages"))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Built(wheel, archive, folder)


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


def test_the_wheel_holds_one_package_and_nothing_else(built: Built) -> None:
    tops = {name.partition("/")[0] for name in _names(built.wheel)}
    assert tops == {"autoresearch", f"autoresearch-{__version__}.dist-info"}
    assert not [name for name in _names(built.wheel) if "__pycache__" in name or name.endswith(".pyc")]


def test_every_source_and_data_file_is_in_the_wheel(built: Built) -> None:
    names = _names(built.wheel)
    missing = []
    for path in tracked():
        where = path.relative_to(ROOT).as_posix()
        if where.startswith("autoresearch/web/"):
            continue  # sources of the dashboard, which is in the wheel as it is built
        inside = where if where.startswith("autoresearch/") else f"autoresearch/_shipped/{where}"
        if where.startswith(("autoresearch/", "agents/", "prompts/")) and inside not in names:
            missing.append(where)
    assert missing == []
    assert {"autoresearch/py.typed", f"autoresearch-{__version__}.dist-info/licenses/LICENSE"} <= names


def test_the_dashboard_is_in_the_wheel_as_it_is_built_from_the_present_sources(built: Built) -> None:
    names = _names(built.wheel)
    assert {name for name in names if name.startswith("autoresearch/web/")} == set()
    assert "autoresearch/_ui/index.html" in names
    digest = hatch_build.digest(ROOT / "autoresearch" / "web")
    with zipfile.ZipFile(built.wheel) as opened:
        assert opened.read("autoresearch/_ui/sources.sha256").decode().strip() == digest


def test_the_source_archive_builds_the_same_wheel(built: Built) -> None:
    unpacked = built.folder / "unpacked"
    with tarfile.open(built.archive) as opened:
        # The argument `filter` came with 3.11.4; 3.12 and newer warn where none is set.
        opened.extraction_filter = getattr(tarfile, "data_filter", None)
        opened.extractall(unpacked)
    again = _build(unpacked / f"autoresearch-{__version__}", "wheel", built.folder / "again")
    assert _names(again) == _names(built.wheel)


def test_the_installed_package_is_the_wheel_and_not_the_checkout(built: Built) -> None:
    where = built.run("python", "-c", "import autoresearch; print(autoresearch.__file__)")
    assert Path(where.strip()).is_relative_to(built.folder / "venv")
    assert str(ROOT) not in built.run("python", "-c", "import sys; print(*sys.path, sep='\\n')").splitlines()


def test_the_installed_command_tells_its_version_and_its_help(built: Built) -> None:
    assert __version__ in built.run("autoresearch", "--version")
    assert "experiment" in built.run("autoresearch", "--help")
    assert built.run("python", "-m", "autoresearch", "--version") == built.run("autoresearch", "--version")


def test_an_installed_package_finds_the_files_it_ships(built: Built) -> None:
    folders = built.run(
        "python", "-c", "from importlib.resources import files; print(files('autoresearch') / '_shipped')"
    )
    shipped = Path(folders.strip())
    for folder in ("agents", "prompts"):
        kept = [path.relative_to(ROOT) for path in tracked() if path.is_relative_to(ROOT / folder)]
        assert kept
        assert [path for path in kept if not (shipped / path).is_file()] == []


def test_an_installed_package_keeps_a_ledger(built: Built) -> None:
    code = (
        "import autoresearch as ar\n"
        "ar.goal(metric='loss', lower_is_better=True)\n"
        "made = ar.experiment(note='first')\n"
        "ar.decision(experiment_id=made['id'], status='keep', score=1.5)\n"
        "print(ar.context().markdown)\n"
    )
    assert "1.5" in built.run("python", "-c", code)


def test_the_extra_named_all_is_the_sum_of_the_others() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras: dict[str, list[str]] = project.get("optional-dependencies", {})
    named = {name: set(needs) for name, needs in extras.items() if name != "all"}
    assert set(extras.get("all", [])) == set().union(*named.values())
