"""Points of runs as CSV, JSON lines and Parquet: nothing is lost on the way, and nothing half written stays."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.exchange.aligning import Key, align, key_of, title_of
from autoresearch.exchange.files import whole_file
from autoresearch.exchange.points import Format, Source, write_points
from autoresearch.series.curve import Curve

ANY = st.floats(allow_nan=True, allow_infinity=True)
STEPS = st.integers(-(2**40), 2**40)


def _curve(name: str, points: dict[int, float], **labels: str) -> Curve:
    steps = np.array(sorted(points), np.int64)
    values = np.array([points[step] for step in steps.tolist()], np.float64)
    return Curve("run", name, labels, steps, steps.astype(np.float64) / 2, values)


def _keys(curves: Sequence[Curve]) -> list[Key]:
    return [key_of(curve.name, curve.labels) for curve in curves]


def _written(form: Format, metrics: Sequence[Key], *sources: Source) -> bytes:
    out = io.BytesIO()
    write_points(out, form, metrics, sources)
    return out.getvalue()


def _number(text: Any) -> float | None:
    return None if text in {"", None} else float(text)


def _from_csv(data: bytes) -> list[dict[str, Any]]:
    return [
        {name: _number(cell) for name, cell in row.items()}
        for row in csv.DictReader(io.StringIO(data.decode()))
    ]


def _from_jsonl(data: bytes) -> list[dict[str, Any]]:
    return [
        {name: _number(value) for name, value in json.loads(line).items()}
        for line in data.decode().splitlines()
    ]


def _from_parquet(data: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(data)).to_pylist()
    return rows


READERS = {"csv": _from_csv, "jsonl": _from_jsonl, "parquet": _from_parquet}


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that can be compared: what is absent left out, NaN as a word."""
    return [
        {
            name: "NaN" if isinstance(value, float) and math.isnan(value) else value
            for name, value in row.items()
            if value is not None
        }
        for row in rows
    ]


@pytest.mark.parametrize("form", READERS)
@given(
    data=st.lists(st.dictionaries(STEPS, ANY, max_size=12), min_size=1, max_size=3),
    cut=st.integers(-(2**40), 2**40),
)
def test_every_point_is_read_back_as_it_was(form: Format, data: list[dict[int, float]], cut: int) -> None:
    names = [f"m{number}" for number in range(len(data))]
    pages = [
        [
            _curve(name, {s: v for s, v in points.items() if (s < cut) is early})
            for name, points in zip(names, data, strict=True)
        ]
        for early in (True, False)
    ]
    rows = READERS[form](_written(form, _keys(pages[0]), Source(1, "a", pages)))
    expected = [
        {
            "step": step,
            "time": step * 0.5,
            **{n: points[step] for n, points in zip(names, data, strict=True) if step in points},
        }
        for step in sorted({step for points in data for step in points})
    ]
    assert _plain(rows) == _plain(expected)


@pytest.mark.parametrize("form", READERS)
def test_several_runs_have_a_column_that_tells_them_apart(form: Format) -> None:
    curve, other = _curve("loss", {1: 2.0}), _curve("lr", {1: 0.1})
    data = _written(form, _keys([curve, other]), Source(3, "one", [[curve]]), Source(4, "two", [[other]]))
    if form == "csv":
        assert data.decode() == "run,name,step,time,loss,lr\r\n3,one,1,0.5,2.0,\r\n4,two,1,0.5,,0.1\r\n"
    elif form == "jsonl":
        assert json.loads(data.splitlines()[0]) == {
            "run": 3,
            "name": "one",
            "step": 1,
            "time": 0.5,
            "loss": 2.0,
        }
    else:
        table = pq.read_table(io.BytesIO(data))
        assert table.column_names == ["run", "name", "step", "time", "loss", "lr"]
        assert table.to_pylist()[1] == {
            "run": 4,
            "name": "two",
            "step": 1,
            "time": 0.5,
            "loss": None,
            "lr": 0.1,
        }


def test_what_is_not_finite_is_spelled_out() -> None:
    curve = _curve("x", {1: math.nan, 2: math.inf, 3: -math.inf, 4: -0.0, 5: 0.1 + 0.2})
    lines = _written("csv", _keys([curve]), Source(1, "a", [[curve]])).decode().split("\r\n")
    assert [line.split(",")[2] for line in lines[1:-1]] == [
        "NaN",
        "Infinity",
        "-Infinity",
        "-0.0",
        "0.30000000000000004",
    ]
    parsed = [
        json.loads(line) for line in _written("jsonl", _keys([curve]), Source(1, "a", [[curve]])).splitlines()
    ]
    assert [row["x"] for row in parsed[:3]] == ["NaN", "Infinity", "-Infinity"]


def test_a_formula_in_a_name_does_not_run_in_a_spreadsheet() -> None:
    curve = _curve("=HYPERLINK(1)\n", {1: 1.0})
    rows = list(
        csv.reader(
            io.StringIO(
                _written(
                    "csv", _keys([curve]), Source(1, "@cmd", [[curve]]), Source(2, "+1\tx", [[curve]])
                ).decode()
            )
        )
    )
    assert rows[0] == ["run", "name", "step", "time", "'=HYPERLINK(1)"]
    assert [row[1] for row in rows[1:]] == ["'@cmd", "'+1 x"]


@pytest.mark.parametrize("form", READERS)
def test_metrics_that_would_share_a_column_get_their_own(form: Format) -> None:
    curves = [
        _curve("step", {1: 1.0}),
        _curve("a{b=c}", {1: 2.0}),
        _curve("a", {1: 3.0}, b="c"),
        _curve("time", {1: 4.0}),
    ]
    row = READERS[form](_written(form, _keys(curves), Source(1, "x", [curves])))[0]
    assert row == {
        "step": 1,
        "time": 0.5,
        "step_metric": 1.0,
        "a{b=c}": 2.0,
        "a{b=c}_2": 3.0,
        "time_metric": 4.0,
    }


@pytest.mark.parametrize("form", READERS)
def test_a_series_that_began_after_the_columns_were_told_is_left_out(form: Format) -> None:
    told, late = _curve("loss", {1: 1.0}), _curve("late", {1: 9.0})
    rows = READERS[form](_written(form, _keys([told]), Source(1, "x", [[told, late]])))
    assert rows == [{"step": 1, "time": 0.5, "loss": 1.0}]


def test_pages_are_asked_for_one_after_the_other() -> None:
    out = io.BytesIO()
    sizes = []

    def pages() -> Iterator[list[Curve]]:
        for page in range(3):
            sizes.append(len(out.getvalue()))
            yield [_curve("loss", {page * 10 + step: 1.0 for step in range(10)})]

    assert write_points(out, "csv", [("loss", ())], [Source(1, "a", pages())]) == 30
    assert sizes == sorted(set(sizes)), "each page is written before the next is fetched"


def test_small_pages_become_few_row_groups() -> None:
    pages = [[_curve("loss", {page * 100 + step: 1.0 for step in range(100)})] for page in range(50)]
    data = _written("parquet", [("loss", ())], Source(1, "a", pages))
    assert pq.ParquetFile(io.BytesIO(data)).metadata.num_row_groups == 1
    assert pq.read_metadata(io.BytesIO(data)).num_rows == 5000


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(Invalid, match="'xlsx'") as refused:
        _written("xlsx", [])  # type: ignore[arg-type]
    assert "csv" in refused.value.hint


def test_without_pyarrow_the_error_says_what_to_install() -> None:
    code = (
        "import sys, io; sys.modules['pyarrow'] = None\n"
        "from autoresearch.exchange.points import write_points\n"
        "from autoresearch.errors import Invalid\n"
        "try: write_points(io.BytesIO(), 'parquet', [], [])\n"
        "except Invalid as error: print(error.hint)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'autoresearch[parquet]'" in ran.stdout


def test_curves_over_other_steps_are_put_side_by_side() -> None:
    table = align([_curve("a", {1: 1.0, 3: math.nan}), _curve("b", {2: 5.0, 3: 6.0})])
    assert table.steps.tolist() == [1, 2, 3]
    assert table.present.tolist() == [[True, False, True], [False, True, True]]
    assert table.values[1].tolist()[1:] == [5.0, 6.0]
    assert np.isnan(table.values[0]).tolist() == [False, True, True]
    assert align([]).steps.tolist() == []


def test_a_title_names_the_labels_in_order() -> None:
    assert title_of(key_of("loss", {"split": "val", "fold": "2"})) == "loss{fold=2,split=val}"


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "points.csv"

    def stopped() -> None:
        with whole_file(place) as out:
            out.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stopped()
    assert list(tmp_path.iterdir()) == []
    with whole_file(place) as out:
        out.write(b"whole")
    assert place.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [place]


def test_a_file_that_is_there_stays_unless_it_may_go(tmp_path: Path) -> None:
    place = tmp_path / "points.csv"
    place.write_bytes(b"old")
    with pytest.raises(Conflict), whole_file(place) as out:
        out.write(b"new")
    with pytest.raises(Conflict), whole_file(tmp_path / "late.csv") as out:
        (tmp_path / "late.csv").write_bytes(b"somebody was faster")
    assert (tmp_path / "late.csv").read_bytes() == b"somebody was faster"
    assert place.read_bytes() == b"old"
    with whole_file(place, replace=True) as out:
        out.write(b"new")
    assert place.read_bytes() == b"new"


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no folder"), whole_file(tmp_path / "nowhere" / "x.csv"):
        pass
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Invalid, match="cannot be written"), whole_file(tmp_path / "file" / "x.csv"):
        pass
    long = "x" * os.pathconf(tmp_path, "PC_NAME_MAX")
    with whole_file(tmp_path / long) as out:
        out.write(b"a name as long as can be")
    assert (tmp_path / long).stat().st_size
