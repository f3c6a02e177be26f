"""Whatever is logged in whatever order, and whenever the tail is compacted, it reads back bit for bit."""

from __future__ import annotations

import itertools
import math
import struct
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.store.points import Points
from autoresearch.store.points_sections import Head, pieces, sections
from tests.store.points_model import Model, batch, compacted, database, store, writing

SIGNALING = struct.unpack("<d", bytes.fromhex("010000000000f07f"))[0]
VALUES = st.one_of(
    st.floats(width=32),
    st.floats(),
    st.sampled_from([math.nan, -math.nan, SIGNALING, math.inf, -math.inf, -0.0, 5e-324, 1.5]),
)
TIMES = st.floats(min_value=0, max_value=4e9)
STEPS = st.one_of(st.integers(0, 40), st.integers(-(2**63), 2**63 - 1))
NUMBERS = st.dictionaries(st.sampled_from(["loss", "acc", "lr"]), VALUES, min_size=1)
ROWS = st.lists(st.tuples(STEPS, TIMES, NUMBERS), max_size=12)
MOVES = st.lists(
    st.tuples(st.sampled_from("abc"), ROWS, st.sampled_from(["", "compact", "part"])), max_size=8
)


@settings(max_examples=60)
@given(moves=MOVES)
def test_random_batches_of_several_writers_read_back_as_a_dictionary_says(
    moves: list[tuple[str, list[tuple[int, float, dict[str, float]]], str]], tmp_path_factory: object
) -> None:
    connection = database(Path(tmp_path_factory.mktemp("points")) / "p.db")  # type: ignore[attr-defined]
    model, positions = Model(), dict.fromkeys("abc", 0)
    for writer, rows, after in moves:
        if rows:
            store(connection, batch(rows, first=positions[writer] + 1, writer=writer))
            positions[writer] += len(rows)
            model.log(rows)
        if after == "compact":
            compacted(connection)
        elif after == "part":
            with writing(connection) as points:
                points.compact("r", whole=True, most_points=10)
        model.check(connection)
    connection.close()


@settings(max_examples=25)
@given(
    starts=st.lists(
        st.tuples(st.integers(0, 40_000), st.integers(1, 9000), st.integers(-3, 5)), min_size=1, max_size=6
    ),
    whole=st.booleans(),
)
def test_long_stretches_that_fall_into_each_other_read_back(
    starts: list[tuple[int, int, int]], whole: bool, tmp_path_factory: object
) -> None:
    connection = database(Path(tmp_path_factory.mktemp("points")) / "p.db")  # type: ignore[attr-defined]
    model, position = Model(), 0
    for number, (start, count, stride) in enumerate(starts):
        rows = [
            (start + stride * i, 1e9 + i, {"loss": i + number / 7, "acc": float(i)}) for i in range(count)
        ]
        store(connection, batch(rows, first=position + 1))
        position += count
        model.log(rows)
        if whole:
            compacted(connection)
    model.check(connection)
    compacted(connection, most=20_000)
    model.check(connection)
    assert connection.execute("SELECT max(n) FROM chunks").fetchone()[0] <= 4096
    connection.close()


@given(
    gaps=st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 4096)), max_size=6),
    tail=st.sets(st.integers(0, 60_000), min_size=1, max_size=50),
)
def test_sections_take_every_point_of_the_tail_once_and_only_chunks_it_needs(
    gaps: list[tuple[int, int]], tail: set[int]
) -> None:
    import numpy as np

    heads, step = [], 0
    for axis, (gap, count) in enumerate(gaps):
        heads.append(Head(step + gap, step + gap + count - 1, axis, count))
        step += gap + count
    steps = np.array(sorted(tail))
    plan = sections(heads, steps, heads[-1].first_step if heads else None)
    assert [point for section in plan for point in range(len(steps))[section.tail]] == list(range(len(steps)))
    bounds = []
    for section in plan:
        taken = heads[section.heads]
        covered = [
            *(head.first_step for head in taken),
            *(head.last_step for head in taken),
            *steps[section.tail].tolist(),
        ]
        bounds.append((min(covered), max(covered)))
        if section.last:
            assert section is plan[-1]
            assert section.heads.stop == len(heads)
    left = [
        head for at, head in enumerate(heads) if not any(at in range(len(heads))[part.heads] for part in plan)
    ]
    ranges = sorted([*bounds, *((head.first_step, head.last_step) for head in left)])
    assert all(one[1] < other[0] for one, other in itertools.pairwise(ranges))


@given(count=st.integers(1, 40_000), full=st.booleans())
def test_pieces_cover_all_points_and_leave_none_small_in_the_middle(count: int, full: bool) -> None:
    cut = list(pieces(count, full=full))
    assert [cut[0][0], cut[-1][1]] == [0, count]
    assert all(one[1] == other[0] for one, other in itertools.pairwise(cut))
    sizes = [end - start for start, end in cut]
    assert max(sizes) <= 4096
    if full:
        assert set(sizes[:-1]) <= {4096}
    elif count > 4096:
        assert min(sizes) >= 2048


def test_a_run_that_was_removed_leaves_nothing(tmp_path: Path) -> None:
    connection = database(tmp_path / "p.db")
    rows = [(i, float(i), {"loss": float(i)}) for i in range(10)]
    store(connection, batch(rows), batch(rows, run="other", writer="v"))
    compacted(connection)
    with writing(connection) as points:
        points.remove("r")
    assert Points(connection, "local").catalog(["r"]) == []
    for table in ("frames", "chunks", "summaries", "axes", "texts", "series", "inbox", "writers"):
        assert connection.execute(f"SELECT count(*) FROM {table} WHERE run_id = 'r'").fetchone() == (0,)
    assert len(Points(connection, "local").catalog(["other"])) == 1
