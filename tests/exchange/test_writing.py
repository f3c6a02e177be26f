from __future__ import annotations

import csv
import io
import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.exchange.reading import read_log
from autoresearch.exchange.writing import Result, to_csv, to_json, to_tsv

TEXT = st.text(alphabet=st.characters(), max_size=30)
RESULTS = st.lists(
    st.builds(
        Result,
        number=st.integers(1, 10**6),
        status=st.sampled_from(["keep", "drop", "crash"]),
        score=st.floats(allow_nan=False, allow_infinity=False),
        commit=st.none() | st.text("0123456789abcdef", min_size=40, max_size=40),
        note=TEXT | st.sampled_from(["a\tb\nc", '"', '"a', "=1+1", "\\t", "keep\tkeep"]),
        reason=TEXT,
        metrics=st.dictionaries(TEXT, st.none() | st.floats(), max_size=3),
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(RESULTS, st.sampled_from(["val_bpb", "accuracy", "score", "status"]), st.sampled_from(["min", "max"]))
def test_a_results_file_reads_back_with_the_same_verdicts_and_scores(
    results: list[Result], metric: str, direction: str
) -> None:
    text = to_tsv(results, metric=metric)
    assert text.count("\n") == len(results) + 1
    log = read_log(text, metric=text.split("\t")[1], direction="min" if direction == "min" else "max")
    assert not log.rejected
    expected = [(r.status, None if r.status == "crash" else r.score) for r in results]
    assert [(row.verdict, row.score) for row in log.rows] == expected


@settings(max_examples=150, deadline=None)
@given(RESULTS)
def test_a_csv_has_no_cell_a_spreadsheet_would_run_and_reads_back(results: list[Result]) -> None:
    text = to_csv(results, metric="val_bpb")
    table = list(csv.reader(io.StringIO(text, newline="")))
    assert len(table) == len(results) + 1
    assert len({len(cells) for cells in table}) == 1
    for cells in table:
        for cell in cells:
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert not cell.startswith("-") or math.isfinite(float(cell))
    log = read_log(text, metric="val_bpb", direction="max")
    expected = [(r.status, None if r.status == "crash" else r.score) for r in results]
    assert [(row.verdict, row.score) for row in log.rows] == expected


def test_the_results_file_has_the_shape_other_loops_write() -> None:
    results = [
        Result(
            number=1,
            status="keep",
            score=0.9979,
            commit="a" * 40,
            note="baseline",
            metrics={"memory_gb": 44.0},
        ),
        Result(number=2, status="crash", score=3.0, note="OOM\nat\tstep 1"),
        Result(number=3, status="drop", score=0.0, note=""),
        Result(number=4, status="recorded"),
    ]
    assert to_tsv(results, metric="val_bpb").splitlines() == [
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription",
        "aaaaaaa\t0.997900\t44.000000\tkeep\tbaseline",
        "exp2\t0.000000\t-\tcrash\tOOM at step 1",
        "exp3\t0e0\t-\tdiscard\t-",
        "exp4\t-\t-\trecorded\t-",
    ]


def test_the_json_document_is_strict_and_a_crash_has_no_score_in_it() -> None:
    results = [
        Result(number=1, status="crash", score=1.0, gain=2.0),
        Result(number=2, status="keep", score=2.0, metrics={"b": math.inf, "a": -0.0}, note="\ud800"),
    ]
    document = json.loads(to_json(results, metric="loss", direction="min", project="p"), parse_constant=int)
    assert document["schema_version"] == 1
    assert [one["score"] for one in document["experiments"]] == [None, 2.0]
    assert document["experiments"][0]["gain"] is None
    assert document["experiments"][1]["metrics"] == {"a": 0.0, "b": None}


def test_a_formula_in_a_note_is_only_text() -> None:
    text = to_csv([Result(number=1, status="keep", score=-1.0, note='=HYPERLINK("http://x")')], metric="=cmd")
    head, row = csv.reader(io.StringIO(text, newline=""))
    assert head[5] == "'=cmd"
    assert row[5] == "-1.0"
    assert row[9].startswith("'=HYPERLINK")
