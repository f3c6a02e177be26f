"""The same command has the same outcome wherever it runs: here, on a Ray cluster, in a job of Slurm."""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoresearch.errors import Invalid, TrialError
from autoresearch.execution.runner import Run, Watch, clean_environment
from autoresearch.loop.budget import Limits
from autoresearch.loop.campaign import run_campaign
from autoresearch.loop.executors import station
from autoresearch.loop.executors.base import Executor, Job, Resources
from autoresearch.loop.executors.choosing import make_executor
from autoresearch.loop.executors.local import LocalExecutor
from autoresearch.loop.executors.ray import RayExecutor
from autoresearch.loop.executors.shipping import Changes, applied, archived
from autoresearch.loop.executors.slurm import SlurmExecutor
from autoresearch.loop.offline import OfflineAgent
from autoresearch.loop.plan import Plan
from autoresearch.track.joining import run_environment
from autoresearch.track.workspace import Workspace
from tests.conftest import SOAK
from tests.loop.landscapes import COMMAND, Independent, git, make_repository

PLACES = ("local", "ray", "ray, files sent", "slurm")


class Listening:
    """A watch that remembers what it heard, and ends a command once it heard a word."""

    def __init__(self, word: bytes = b"") -> None:
        self.word, self.data = word, b""

    def heard(self, data: bytes) -> None:
        self.data += data

    def over(self) -> str:
        return "it said the word" if self.word and self.word in self.data else ""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Executor]]:
    """Two ways of using one Ray cluster of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("ray")))
        with RayExecutor(cpus=2) as seen, RayExecutor(send_files=True) as sent:
            yield {"ray": seen, "ray, files sent": sent}


@pytest.fixture(params=PLACES)
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param.startswith("ray"):
        found: Executor = request.getfixturevalue("cluster")[request.param]
        return found
    return LocalExecutor() if request.param == "local" else SlurmExecutor(cluster="local")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "trial" / "tree"
    made.mkdir(parents=True)
    (made / "kept.txt").write_text("kept")
    (made / "gone.txt").write_text("gone")
    return made


def ran(
    executor: Executor, folder: Path, code: str, watch: Listening | None = None, **options: object
) -> Run:
    given = {"seconds": 60.0, "environment": clean_environment({"SEED": "3"}), **options}
    given = {"command": (sys.executable, "-c", code), **given}
    job = Job(folder=folder, output=folder.parent / "out.log", **given)  # type: ignore[arg-type]
    return executor.run(job, watch)


def test_a_command_runs_in_the_folder_and_leaves_it_as_it_made_it(executor: Executor, folder: Path) -> None:
    code = (
        "import os, pathlib\n"
        "print('seed', os.environ['SEED'], sorted(p.name for p in pathlib.Path('.').iterdir()))\n"
        "pathlib.Path('gone.txt').unlink(); pathlib.Path('sub').mkdir()\n"
        "pathlib.Path('sub/made.txt').write_text('made'); pathlib.Path('link').symlink_to('kept.txt')\n"
        "raise SystemExit(3)"
    )
    watch = Listening()
    run = ran(executor, folder, code, watch)
    assert (run.exit_code, run.ending) == (3, "exited")
    assert run.log_tail == "seed 3 ['gone.txt', 'kept.txt']\n"
    assert watch.data.decode() == run.output_path.read_text() == run.log_tail
    assert sorted(path.name for path in folder.iterdir()) == ["kept.txt", "link", "sub"]
    assert (folder / "sub/made.txt").read_text() == "made"
    assert (folder / "link").readlink() == Path("kept.txt")


def test_a_command_that_is_out_of_time_is_ended(executor: Executor, folder: Path) -> None:
    # The shell, as it says its word long before Python would.
    command = ("/bin/sh", "-c", "echo on; exec sleep 600")
    run = ran(executor, folder, "", command=command, seconds=2.0)
    assert (run.ending, run.timed_out, run.log_tail) == ("timed_out", True, "on\n")


def test_the_watch_ends_a_command_with_its_reason(executor: Executor, folder: Path) -> None:
    watch = Listening(b"word")
    run = ran(executor, folder, "print('word', flush=True)\nwhile True: pass", watch)
    assert (run.ending, run.reason) == ("stopped", "it said the word")


def test_too_many_processes_end_a_command(executor: Executor, folder: Path) -> None:
    code = "import subprocess\nwhile True: subprocess.Popen(['sleep', '60'])"
    run = ran(executor, folder, code, resources=Resources(processes=5))
    assert run.ending == "processes"


def test_a_program_that_is_not_there_is_told(executor: Executor, folder: Path) -> None:
    job = Job(command=("/no/such/program",), folder=folder, output=folder.parent / "out.log")
    with pytest.raises(TrialError, match="could not be started"):
        executor.run(job)


def test_long_output_is_kept_at_both_ends(executor: Executor, folder: Path) -> None:
    run = ran(
        executor,
        folder,
        "print('first'); print('x' * 99 + '\\n', end='') ; [print('y' * 999) for _ in range(9000)]; print('last')",
    )
    text = run.output_path.read_text()
    assert text.startswith("first\n")
    assert text.endswith("last\n")
    assert run.output_bytes > 9_000_000 > len(text)


def test_what_a_command_logs_is_a_run_of_its_experiment(
    executor: Executor, folder: Path, tmp_path: Path
) -> None:
    with Workspace.open(folder, project="p", home=tmp_path / "store") as workspace:
        workspace.goal("loss")
        experiment = workspace.experiment("logs")
        code = "import autoresearch as ar\nwith ar.init() as run:\n    for step in range(5): run.log({'loss': 5.0 - step})"
        linked = run_environment(workspace, experiment.id)
        assert ran(executor, folder, code, environment=clean_environment(linked)).ok
        (run,) = workspace.runs.list(experiment=experiment.number)
        assert (run.state, run.latest) == ("finished", {"loss": 1.0})
        assert [point.value for point in workspace.runs.history(run, "loss")[0]] == [5.0, 4.0, 3.0, 2.0, 1.0]


def test_nothing_is_left_beside_the_folder(executor: Executor, folder: Path) -> None:
    assert ran(executor, folder, "pass").ok
    assert sorted(path.name for path in folder.parent.iterdir()) == ["out.log", "tree"]


def test_a_cluster_of_this_machine_refuses_what_it_can_never_run(
    cluster: dict[str, Executor], folder: Path
) -> None:
    with pytest.raises(TrialError, match="needs 99 CPU, and this Ray cluster has 2"):
        ran(cluster["ray"], folder, "pass", resources=Resources(cpus=99))


def test_a_command_that_waits_for_a_place_can_be_stopped(cluster: dict[str, Executor], folder: Path) -> None:
    import threading

    watch, busy = Listening(), Listening(b"")
    begun = threading.Event()
    busy.heard = lambda data: begun.set()  # type: ignore[method-assign]
    ending: list[Run] = []
    other = folder.parent.parent / "other" / "tree"
    other.mkdir(parents=True)
    code = "import time; print('on', flush=True); time.sleep(300)"
    thread = threading.Thread(
        target=lambda: ending.append(ran(cluster["ray"], other, code, busy, resources=Resources(cpus=2)))
    )
    thread.start()
    assert begun.wait(60)
    watch.data, watch.word = b"now", b"now"
    run = ran(cluster["ray"], folder, code, watch, resources=Resources(cpus=2))
    assert (run.ending, run.seconds, run.reason) == ("stopped", 0.0, "it said the word")
    busy.data, busy.word = b"now", b"now"
    thread.join(60)
    assert [one.ending for one in ending] == ["stopped"]


def test_the_processors_and_files_of_a_node_are_its_own(cluster: dict[str, Executor], folder: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ['HOME'])"
    assert ran(cluster["ray"], folder, code).log_tail.split()[0] == str(folder)
    where, home = ran(cluster["ray, files sent"], folder, code).log_tail.split()
    assert not Path(where).exists()
    assert home != os.environ["HOME"]


# --- a campaign -----------------------------------------------------------------------------------------------------

TRIALS = 20 if SOAK else 6


def told(home: Path, executor: Executor) -> list[tuple[object, ...]]:
    """What the ledger says after a campaign whose commands ran there."""
    folder = home / "user"
    make_repository(folder, TRIALS)
    with Workspace.open(folder, project="p", home=home / "store") as workspace:
        workspace.goal("loss")
        plan = Plan(command=COMMAND, tag="t", limits=Limits(experiments=TRIALS), prompt_tokens=0)
        result = run_campaign(workspace, Independent(), plan, executor=executor)
        assert result.stop == "experiments"
        experiments = [
            (
                e.number,
                e.note,
                e.state,
                e.score,
                e.reason,
                e.gain,
                e.on_frontier,
                e.config,
                e.files,
                e.log_tail,
            )
            for e in workspace.experiments()
        ]
        commits = git(folder, "log", "--format=%s", "autoresearch/t").splitlines()
        return [*experiments, tuple(sorted(result.outcomes.items())), tuple(commits)]


@pytest.mark.soak
@pytest.mark.parametrize("place", ["ray", "ray, files sent"])
def test_a_campaign_on_a_cluster_gives_the_same_ledger(
    cluster: dict[str, Executor], tmp_path: Path, place: str
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    expected = told(here, LocalExecutor())
    assert told(there, cluster[place]) == expected
    assert len(expected) == TRIALS + 3


class Losing(LocalExecutor):
    """Runs commands, and loses the machine after some of them when they have done their work."""

    def __init__(self, *losses: int, error: bool = True) -> None:
        self.losses, self.runs, self.lost = losses, 0, error

    def run(self, job: Job, watch: Watch | None = None) -> Run:
        done = super().run(job, watch)
        self.runs += 1
        if self.runs in self.losses:
            raise TrialError("The node was lost.", details={"lost": self.lost})
        return done


def scored(tmp_path: Path, executor: Executor) -> list[float | None]:
    """The scores of a campaign of two changes whose command leaves something in its folder."""
    folder = tmp_path / "user"
    folder.mkdir()
    code = "import pathlib\nassert not pathlib.Path('left').exists()\npathlib.Path('left').touch()\nLR = 1.0\nprint('loss:', abs(LR - 4))\n"
    (folder / "train.py").write_text(code)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    with Workspace.open(folder, project="p", home=tmp_path / "store") as workspace:
        workspace.goal("loss")
        plan = Plan(
            command=(sys.executable, "-S", "train.py"),
            tag="t",
            limits=Limits(experiments=2),
            baseline_runs=1,
            prompt_tokens=0,
        )
        run_campaign(workspace, OfflineAgent(), plan, executor=executor)
        return [experiment.score for experiment in workspace.experiments()]


def test_a_run_whose_machine_was_lost_is_run_again_from_the_recorded_code(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    losing = Losing(1, 3, 4)
    expected = scored(tmp_path / "here", LocalExecutor())
    assert None not in expected
    assert scored(tmp_path / "there", losing) == expected
    assert losing.runs == len(expected) + 3


@pytest.mark.parametrize("executor", [Losing(1, 2, 3, 4), Losing(1, error=False)])
def test_a_place_that_cannot_run_it_ends_the_campaign(tmp_path: Path, executor: Executor) -> None:
    with pytest.raises(TrialError, match="The node was lost"):
        scored(tmp_path, executor)


def test_a_ray_worker_that_is_killed_is_told_as_a_lost_machine(
    cluster: dict[str, Executor], folder: Path
) -> None:
    code = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nwhile True: pass"
    with pytest.raises(TrialError, match="was lost") as raised:
        ran(cluster["ray"], folder, code)
    assert raised.value.details == {"lost": True}


# --- which one ------------------------------------------------------------------------------------------------------


def test_an_executor_is_made_by_its_name() -> None:
    with (
        make_executor("local") as local,
        make_executor("slurm", {"partition": "gpu", "cluster": "local"}) as slurm,
    ):
        assert (local.name, slurm.name) == ("local", "slurm")


@pytest.mark.parametrize(
    ("name", "options"), [("kubernetes", {}), ("local", {"cpus": 2}), ("slurm", {"adress": "x"})]
)
def test_an_unknown_executor_or_option_is_refused(name: str, options: dict[str, object]) -> None:
    with pytest.raises(Invalid, match=r"no executor|has no option"):
        make_executor(name, options)


@pytest.mark.parametrize(("module", "name", "extra"), [("ray", "ray", "ray"), ("submitit", "slurm", "slurm")])
def test_what_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(TrialError, match="is not installed") as raised:
        make_executor(name)
    assert f"autoresearch[{extra}]" in raised.value.hint


# --- a folder on its way --------------------------------------------------------------------------------------------


def test_nothing_that_comes_back_leaves_the_folder(folder: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../escaped.txt"))
    with pytest.raises(TrialError, match="cannot be unpacked"):
        applied(Changes(out.getvalue(), ()), folder)
    with pytest.raises(TrialError, match="leads out of the folder"):
        applied(Changes(archived(folder, []), ("../out.log",)), folder)
    (folder / "away").symlink_to(folder.parent)
    with pytest.raises(TrialError, match="leads out of the folder"):
        applied(Changes(archived(folder, []), ("away/out.log",)), folder)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["tree"]


def test_a_station_that_nobody_asks_ends_its_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station, "LOST_AFTER", 0.2)
    one = station.Station()
    one.start(
        station.Order(
            command=(sys.executable, "-c", "while True: pass"),
            folder=str(folder),
            mark=str(folder / "kept.txt"),
            archive=None,
            seconds=60.0,
            memory=None,
            processes=100,
            environment=clean_environment(),
        )
    )
    with one._news:
        assert one._news.wait_for(lambda: one._done is not None, 60)
    done = one.poll(0)[1]
    assert done is not None
    assert (done.ending, done.reason) == ("stopped", "nobody asks for it any more")


def test_what_a_killed_station_started_is_ended_all_the_same(tmp_path: Path) -> None:
    code = (
        "import os, signal, subprocess, sys\n"
        "from autoresearch.loop.executors.guard import guarded\n"
        "with guarded('mark-of-this-test'):\n"
        "    one = subprocess.Popen(['/bin/sh', '-c', 'sleep 300 & echo $!; wait'], stdout=subprocess.PIPE,\n"
        "        start_new_session=True, env={'X': 'mark-of-this-test'})\n"
        "    print(one.stdout.readline().decode(), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -9
    try:
        sleeper = os.pidfd_open(int(done.stdout))
    except ProcessLookupError:
        return
    try:
        assert select.select([sleeper], [], [], 60)[0]
    finally:
        os.close(sleeper)


def test_a_machine_that_does_not_see_the_folder_says_so() -> None:
    one = station.Station()
    order = station.Order(
        command=("true",), folder="/no/such/folder", mark="/no/such/mark", archive=None, seconds=1.0,
        memory=None, processes=100, environment={},
    )  # fmt: skip
    one.start(order)
    done = one.poll(60)[1]
    assert done is not None
    assert "is not seen by the machine" in done.error
