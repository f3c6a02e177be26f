"""The object store: bytes by digest, whole or absent, checked on every read."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.errors import Invalid, NotFound, StoreCorrupt, StoreError, StoreFull, StoreReadOnly
from autoresearch.store.objects import ObjectProblem, Objects

BIG = bytes(range(256)) * 20_000


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def place(objects: Objects, digest: str) -> Path:
    return objects.root / digest[:2] / digest[2:]


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path / "objects")


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_bytes_come_back_under_their_sha256(objects: Objects) -> None:
    digest = objects.put(b"hello")

    assert digest == digest_of(b"hello")
    assert objects.get(digest) == b"hello"
    assert objects.size(digest) == 5


def test_opening_a_store_writes_nothing(objects: Objects) -> None:
    assert not objects.has(digest_of(b""))
    assert list(objects.digests()) == []
    assert list(objects.verify()) == []
    assert not objects.root.exists()


def test_objects_are_read_only_files_in_a_fan_of_folders(objects: Objects) -> None:
    digest = objects.put(b"x")

    assert stat.S_IMODE(place(objects, digest).stat().st_mode) & 0o222 == 0


@pytest.mark.parametrize("data", [b"", b"small", BIG], ids=["empty", "small", "big"])
def test_files_and_streams_are_stored_like_bytes(objects: Objects, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)

    assert objects.put_file(path) == objects.put_file(io.BytesIO(data)) == digest_of(data)
    assert objects.get(digest_of(data)) == data
    assert len(files_below(objects.root)) == 1


def test_a_stream_that_hands_out_little_at_a_time_is_read_to_its_end(objects: Objects) -> None:
    read, write = os.pipe()
    os.write(write, b"a" * 1000)
    with os.fdopen(read, "rb", buffering=0) as stream, ThreadPoolExecutor(1) as pool:
        stored = pool.submit(objects.put_file, stream)
        os.write(write, b"b" * 1000)
        os.close(write)
        digest = stored.result()

    assert objects.get(digest) == b"a" * 1000 + b"b" * 1000


def test_many_are_answered_in_order_with_repetitions(objects: Objects, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"two")

    digests = objects.put_many([b"one", path, b"one", io.BytesIO(BIG), io.BytesIO(BIG)])

    assert digests == [digest_of(data) for data in (b"one", b"two", b"one", BIG, BIG)]
    assert len(files_below(objects.root)) == 3


def test_more_than_one_round_of_syncs_stores_everything(objects: Objects) -> None:
    blobs = [str(number).encode() for number in range(1100)]

    digests = objects.put_many(blobs)

    assert sorted(digests) == list(objects.digests())
    assert objects.missing([*digests, digest_of(b"absent")]) == {digest_of(b"absent")}


def test_flipped_bits_are_found_on_read_and_named(objects: Objects) -> None:
    digest = objects.put(b"precious")
    place(objects, digest).chmod(0o644)
    place(objects, digest).write_bytes(b"precioux")

    with pytest.raises(StoreCorrupt, match=digest):
        objects.get(digest)
    assert [problem.name for problem in objects.verify()] == [digest]


def test_a_cut_object_is_mended_by_storing_it_again(objects: Objects) -> None:
    digest = objects.put(b"precious")
    place(objects, digest).unlink()
    place(objects, digest).write_bytes(b"prec")

    objects.put(b"precious")

    assert objects.get(digest) == b"precious"


def test_files_that_do_not_belong_are_named(objects: Objects) -> None:
    objects.put(b"x")
    (objects.root / "notes.txt").write_bytes(b"?")
    (objects.root / "ab").mkdir(exist_ok=True)
    (objects.root / "ab" / "short").write_bytes(b"?")

    assert set(objects.verify()) == {
        ObjectProblem("notes.txt", "is not part of the object store"),
        ObjectProblem("ab/short", "is not part of the object store"),
    }
    assert list(objects.digests()) == [digest_of(b"x")]


def test_a_missing_object_is_not_found(objects: Objects) -> None:
    absent = digest_of(b"absent")

    for ask in (objects.get, objects.size, objects.used_at):
        with pytest.raises(NotFound, match=absent):
            ask(absent)
    with pytest.raises(NotFound):
        objects.put_file(objects.root / "no-such-file")


@pytest.mark.parametrize("name", ["", "abc", "../../etc/passwd", "A" * 64, "0" * 63 + "\n", "0" * 65])
def test_what_is_no_digest_never_becomes_a_path(objects: Objects, name: str) -> None:
    with pytest.raises(Invalid):
        objects.get(name)
    with pytest.raises(Invalid):
        objects.remove(name)


def test_copying_writes_a_new_file_with_the_mode_asked_for(objects: Objects, tmp_path: Path) -> None:
    digest = objects.put(BIG)

    assert objects.copy_to(digest, tmp_path / "copy", 0o755) == len(BIG)
    assert (tmp_path / "copy").read_bytes() == BIG
    assert (tmp_path / "copy").stat().st_mode & 0o100


def test_copying_never_overwrites_and_leaves_nothing_of_a_corrupt_object(
    objects: Objects, tmp_path: Path
) -> None:
    digest = objects.put(b"good")
    (tmp_path / "taken").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("taken", "link"):
        with pytest.raises(StoreError):
            objects.copy_to(digest, tmp_path / name)
    place(objects, digest).chmod(0o644)
    place(objects, digest).write_bytes(b"evil")
    with pytest.raises(StoreCorrupt):
        objects.copy_to(digest, tmp_path / "copy")

    assert (tmp_path / "taken").read_bytes() == b"mine"
    assert not (tmp_path / "copy").exists()
    assert not (tmp_path / "elsewhere").exists()


def test_removing_says_whether_there_was_something(objects: Objects) -> None:
    digest = objects.put(b"x")

    assert objects.remove(digest)
    assert not objects.remove(digest)
    assert not objects.has(digest)


def test_storing_again_marks_an_object_as_used_now(objects: Objects) -> None:
    digest = objects.put(b"x")
    os.utime(place(objects, digest), (1000, 1000))
    assert objects.used_at(digest) == 1000

    objects.put(b"x")

    assert objects.used_at(digest) > 1_000_000


def test_stale_temporaries_are_swept_and_fresh_ones_are_not(objects: Objects) -> None:
    objects.put(b"x")
    old, fresh = objects.root / "tmp" / "1-old", objects.root / "tmp" / "1-fresh"
    old.write_bytes(b"half")
    fresh.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    os.utime(fresh, (5000, 5000))

    assert objects.stale(100, now=5050) == [old]
    assert objects.sweep(100, now=5050) == 1
    assert fresh.exists()
    assert not old.exists()
    assert list(objects.verify()) == []


def test_a_failing_source_leaves_no_temporary_behind(objects: Objects, tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 2 * 1024 * 1024:
                raise OSError(5, "Input/output error")
            return super().read(size)

    with pytest.raises(StoreError, match="cannot be read"):
        objects.put_many([b"first", Broken(BIG)])

    assert files_below(objects.root) == []


def test_threads_may_store_the_same_blobs_at_once(objects: Objects) -> None:
    blobs = [str(number).encode() for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: objects.put_many(blobs), range(8)))

    assert all(answer == answers[0] for answer in answers)
    assert list(objects.verify()) == []
    assert len(files_below(objects.root)) == 40


def test_a_writer_killed_at_any_moment_leaves_only_whole_objects(objects: Objects) -> None:
    script = textwrap.dedent(
        f"""
        import os
        from pathlib import Path
        from autoresearch.store.objects import Objects
        objects = Objects(Path({str(objects.root)!r}))
        number = 0
        while True:
            digests = objects.put_many([f"{{number}} {{part}}".encode() * 3000 for part in range(5)])
            os.write(1, ("\\n".join(digests) + "\\n").encode())
            number += 1
        """
    )
    acknowledged: set[str] = set()
    for rounds in (1, 3, 7, 20):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            acknowledged |= {process.stdout.readline().decode().strip() for _ in range(rounds * 5)}
            process.send_signal(signal.SIGKILL)
    assert list(objects.verify()) == []
    assert objects.missing(acknowledged) == set()


def test_a_read_only_store_says_so() -> None:
    # Not even root may make a folder there.
    with pytest.raises(StoreReadOnly, match="cannot be written"):
        Objects(Path("/sys/kernel/objects")).put(b"y")


def test_a_full_disk_is_said_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    mount = shutil.which("mount")
    mounted = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", room], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        refused_write(room / "objects")
        return
    try:
        objects = Objects(room / "objects")
        objects.put(b"fits")
        with pytest.raises(StoreFull, match="No space left"):
            objects.put_file(io.BytesIO(BIG))
        with pytest.raises(StoreFull):
            objects.put_many([os.urandom(1000_000) for _ in range(3)])
        assert objects.get(digest_of(b"fits")) == b"fits"
        assert list((objects.root / "tmp").iterdir()) == []
        assert list(objects.verify()) == []
    finally:
        subprocess.run(["umount", room], check=True)


def refused_write(root: Path) -> None:
    """Without the right to mount: a limit on file sizes stops a write in its middle as a full disk does."""
    script = textwrap.dedent(
        f"""
        import resource
        from pathlib import Path
        from autoresearch.errors import StoreError
        from autoresearch.store.objects import Objects
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        objects = Objects(Path({str(root)!r}))
        objects.put(b"fits")
        try:
            objects.put(b"-" * 1_000_000)
        except StoreError:
            print("refused")
        """
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    objects = Objects(root)
    assert done.stdout == "refused\n"
    assert objects.get(digest_of(b"fits")) == b"fits"
    assert list((root / "tmp").iterdir()) == []


def test_a_write_refused_in_its_middle_leaves_nothing(tmp_path: Path) -> None:
    refused_write(tmp_path / "objects")


@settings(max_examples=40, deadline=None)
@given(blobs=st.lists(st.binary(max_size=200), max_size=20))
def test_what_was_stored_is_what_is_listed(
    blobs: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    objects = Objects(tmp_path_factory.mktemp("objects"))

    digests = objects.put_many(blobs)

    assert [objects.get(digest) for digest in digests] == blobs
    assert list(objects.digests()) == sorted(set(digests))
