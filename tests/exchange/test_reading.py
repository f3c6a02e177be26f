from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autoresearch.errors import Invalid
from autoresearch.exchange.reading import Log, read_log
from autoresearch.exchange.replaying import replay

HEAD = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"


def covered(log: Log) -> list[int]:
    return [n for part in (log.rows, log.rejected) for one in part for n in range(one.line, one.end + 1)]


def test_a_plain_log_is_read_as_written() -> None:
    log = read_log(HEAD + "bea057b\t0.986041\t43.9\tkeep\thalve the batch\n")
    (row,) = log.rows
    assert (row.line, row.id, row.commit) == (2, "bea057b", "bea057b")
    assert (row.verdict, row.score, row.metrics) == ("keep", 0.986041, {"memory_gb": 43.9})
    assert row.note == "halve the batch"
    assert (log.metric, log.direction, log.total) == ("val_bpb", "min", 1)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("keep", "keep"),
        ("✅ KEEP (new best)", "keep"),
        ("baseline", "keep"),
        ("discard", "drop"),
        ("Reverted", "drop"),
        ("no-improvement", "drop"),
        ("rejected", "drop"),
        ("CRASHED", "crash"),
        ("timed out", "crash"),
        ("oom", "crash"),
    ],
)
def test_a_status_has_many_spellings(status: str, verdict: str) -> None:
    (row,) = read_log(f"{HEAD}a\t1.5\t1\t{status}\tx\n").rows
    assert (row.verdict, row.status) == (verdict, status)


@pytest.mark.parametrize("status", ["ok", "not kept", "done", "", "0", "keeping_an_eye"])
def test_an_unknown_status_is_no_verdict(status: str) -> None:
    log = read_log(f"{HEAD}a\t1.5\t1\t{status}\tx\n")
    assert not log.rows
    assert log.rejected[0].line == 2


def test_a_boolean_kept_column_gives_the_verdict() -> None:
    log = read_log("id,accuracy,kept\n1,0.5,true\n2,0.4,False\n")
    assert [row.verdict for row in log.rows] == ["keep", "drop"]


@pytest.mark.parametrize("number", ["0.000000", "9.9", "nan", "-", "", "0.1"])
def test_a_crash_has_no_score_whatever_the_log_says(number: str) -> None:
    (row,) = read_log(f"{HEAD}a\t{number}\t0.0\tcrash\tx\n").rows
    assert row.score is None
    assert row.metrics == {}


@pytest.mark.parametrize(
    "number", ["0.000000", "nan", "N/A", "inf", "-inf", "skipped", "", "-", "1e999", "1_0", "٣"]
)
def test_a_keep_without_a_finite_score_is_rejected_and_never_the_best(number: str) -> None:
    log = read_log(f"{HEAD}a\t1.5\t1\tkeep\tx\nb\t{number}\t1\tkeep\ty\n")
    assert [line.line for line in log.rejected] == [3]
    assert replay(log)["best"] == {"line": 2, "score": 1.5}


def test_a_drop_without_a_score_is_a_drop_without_a_score() -> None:
    log = read_log(HEAD + "a\tN/A\t1\tdiscard\tx\nb\t0.0\t1\tdiscard\ty\n")
    assert [row.score for row in log.rows] == [None, None]


def test_zero_is_a_score_where_higher_is_better_or_where_it_is_said_to_be() -> None:
    assert read_log("commit\taccuracy\tstatus\na\t0.0\tkeep\n").rows[0].score == 0
    text = "commit\terrors\tstatus\na\t0\tkeep\n"
    assert not read_log(text).rows
    assert read_log(text, zeros=True).rows[0].score == 0
    assert read_log("commit\terrors\tstatus\na\t0e0\tkeep\n").rows[0].score == 0


def test_zeros_beside_skipped_were_not_measured() -> None:
    head = "commit\tval_bpb\tgap\tworst_test\tmemory_gb\tstatus\tdescription\n"
    first, second = read_log(
        head + "a\t2.6\t0.0\tskipped\t23.2\tdiscard\tx\nb\t2.5\t0.0\tsearch\t23\tkeep\ty\n"
    ).rows
    assert first.metrics == {"memory_gb": 23.2}
    assert second.metrics == {"gap": 0.0, "memory_gb": 23.0}


@pytest.mark.parametrize("separator", ["\t", "\\t", ",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_and_line_ends_do_not_matter(separator: str, end: str) -> None:
    lines = [["commit", "val_loss", "status", "description"], ["abc", "1.5", "keep", "a note"]]
    text = "".join(separator.join(cells) + end for cells in lines)
    (row,) = read_log("\ufeff" + text).rows
    assert (row.score, row.note, row.line) == (1.5, "a note", 2)
    assert read_log(text.encode("utf-16")).rows[0].key == row.key


def test_a_line_with_literal_backslash_t_is_read_among_tabs() -> None:
    log = read_log(HEAD + "a\t1.5\t1\tkeep\tx\nb\\t1.4\\t1\\tkeep\\ty\n")
    assert [row.score for row in log.rows] == [1.5, 1.4]


def test_a_file_with_old_line_ends_is_read() -> None:
    assert len(read_log("commit\tloss\tstatus\ra\t1\tkeep\rb\t2\tdrop\r").rows) == 2


def test_a_quoted_description_may_span_lines() -> None:
    log = read_log('commit,loss,status,note\na,1.5,keep,"one, ""two""\nthree"\nb,1.4,drop,x\n')
    first, second = log.rows
    assert (first.line, first.end, second.line) == (2, 3, 4)
    assert first.note == 'one, "two"\nthree'


def test_a_quote_that_never_closes_swallows_nothing() -> None:
    log = read_log(HEAD + 'a\t1.5\t1\tkeep\t"oops\nb\t1.4\t1\tkeep\tfine\nc\t1.3\t1\tkeep\tsay "x" twice"\n')
    assert [row.note for row in log.rows] == ['"oops', "fine", 'say "x" twice"']


def test_the_rest_of_a_broken_description_is_reported_with_the_line_it_belongs_to() -> None:
    log = read_log(HEAD + "a\t1.5\t1\tkeep\tbegins\n import os\n\nb\t1.4\t1\tdiscard\tx\n")
    assert [row.line for row in log.rows] == [2, 5]
    assert (log.rejected[0].line, "line 2" in log.rejected[0].reason) == (3, True)
    assert (log.total, log.statuses) == (3, {"keep": 1, "": 1, "discard": 1})


def test_tabs_inside_the_last_column_belong_to_it() -> None:
    (row,) = read_log(HEAD + "a\t1.5\t1\tkeep\tone\ttwo\n").rows
    assert row.note == "one two"


def test_a_row_with_a_column_missing_is_rejected_rather_than_shifted() -> None:
    log = read_log(HEAD + "a\t1.5\tkeep\tno memory\n")
    assert not log.rows
    assert "4 cells where the header has 5" in log.rejected[0].reason


def test_a_header_in_the_middle_may_change_the_columns() -> None:
    text = HEAD + "a\t1.5\t1\tkeep\tx\n" + HEAD + "commit\tval_bpb\tstatus\tdescription\nb\t1.4\tkeep\ty\n"
    log = read_log(text)
    assert [(row.line, row.score) for row in log.rows] == [(2, 1.5), (5, 1.4)]
    assert [line.line for line in log.rejected] == [3, 4]


def test_lines_before_the_header_are_reported() -> None:
    log = read_log("# my log\n\n" + HEAD + "a\t1.5\t1\tkeep\tx\n")
    assert [(line.line, line.reason) for line in log.rejected] == [(1, "stands before the header")]
    assert log.rows[0].line == 4


def test_a_long_form_log_names_its_metric() -> None:
    head = "commit\tmetric_name\tmetric_value\tstatus\tscore\n"
    log = read_log(head + "a\teval_score\t0.03\tkeep\t-0.03\n")
    assert (log.metric, log.direction, log.rows[0].score) == ("eval_score", "max", 0.03)
    two = head + "a\tloss\t0.03\tkeep\t1\nb\tacc\t0.5\tkeep\t1\n"
    with pytest.raises(Invalid, match="several metrics: loss, acc"):
        read_log(two)
    chosen = read_log(two, metric="acc")
    assert [row.line for row in chosen.rows] == [3]
    assert "measures 'loss'" in chosen.rejected[0].reason


def test_the_direction_is_told_by_the_kept_scores_where_the_name_is_silent() -> None:
    text = "commit\tquality\tstatus\na\t1\tkeep\nb\t9\tdrop\nc\t2\tkeep\nd\t3\tkeep\n"
    assert read_log(text).direction == "max"
    assert read_log(text, direction="min").direction == "min"
    assert read_log(text.replace("d\t3", "d\t-3").replace("c\t2", "c\t-2")).direction == "min"
    with pytest.raises(Invalid, match="minimized or maximized"):
        read_log("commit\tquality\tstatus\na\t1\tkeep\n")


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", {}, "it is empty"),
        ("hello\nworld\n", {}, "no header with a status column"),
        ("a\t0.98\tkeep\tx\n", {}, "no header with a status column"),
        (HEAD, {"metric": "nope"}, "no column 'nope'"),
        (HEAD, {"metric": "status"}, "no column 'status'"),
        (HEAD, {"segment_by": "nope"}, "no column 'nope'"),
        (HEAD, {"direction": "up"}, "'up' is not a direction"),
        ("commit\tstatus\na\tkeep\n", {}, "cannot be told"),
        ("x\tone\ttwo\tstatus\na\t1\t2\tkeep\n", {}, "cannot be told"),
        ("status," * 600, {}, "600 columns|601 columns"),
    ],
)
def test_what_cannot_be_told_is_one_clear_error(text: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(Invalid, match=said) as caught:
        read_log(text, **options)  # type: ignore[arg-type]  # a wrong direction is the point
    assert caught.value.hint


def test_the_tag_at_the_head_of_descriptions_can_segment() -> None:
    rows = "a\t3\t1\tkeep\t[one] x\nb\t2\t1\tkeep\ty\nc\t5\t1\tkeep\t[two] z\n"
    summary = replay(read_log(HEAD + rows, segment_by="description"))
    assert [part["label"] for part in summary["segments"]] == ["one", "two"]
    assert summary["keeps_not_improving"] == []
    assert summary["best"] == {"line": 4, "score": 5.0}
    assert replay(read_log(HEAD + rows))["keeps_not_improving"] == [4]


def test_equal_rows_have_keys_of_their_own_and_a_longer_file_keeps_them() -> None:
    rows = ["a\t1.5\t1\tkeep\tx\n", "a\t1.5\t1\tkeep\tx\n", "b\t1.4\t1\tkeep\ty\n"]
    short, full = read_log(HEAD + "".join(rows[:2])), read_log(HEAD + "".join(rows))
    keys = [row.key for row in full.rows]
    assert len(set(keys)) == 3
    assert [row.key for row in short.rows] == keys[:2]


def test_a_tie_and_a_better_drop_are_told_apart_from_a_worse_keep() -> None:
    scores = [
        ("2", "keep"),
        ("2", "keep"),
        ("3", "keep"),
        ("1", "discard"),
        ("1.5", "keep"),
        ("0.1", "crash"),
    ]
    text = HEAD + "".join(f"a\t{score}\t1\t{status}\tx\n" for score, status in scores)
    summary = replay(read_log(text))
    assert (summary["ties"], summary["keeps_not_improving"], summary["drops_that_beat_best"]) == (
        [3],
        [4],
        [5],
    )
    assert (summary["improving_keeps"], summary["best"]) == (1, {"line": 6, "score": 1.5})


CELLS = st.one_of(
    st.sampled_from(
        ["keep", "discard", "crash", "0", "0.0", "1.5", "nan", '"', '""', '"a', "commit", "status", "\r"]
    ),
    st.text(alphabet=st.characters(), max_size=12),
    st.floats().map(str),
)
LINES = st.one_of(
    st.lists(CELLS, max_size=7).flatmap(
        lambda cells: st.sampled_from(["\t", "\\t", ",", ";"]).map(lambda separator: separator.join(cells))
    ),
    st.tuples(CELLS, CELLS, st.sampled_from(["keep", "discard", "crash", "kept?"]), CELLS).map("\t".join),
    st.just("commit\tval_bpb\tstatus\tdescription"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n"]))
@example(['a\t1\tkeep\t"x', "", 'y"', "b\t1\tkeep\tz"], "\n")
def test_every_line_is_imported_or_rejected_exactly_once(lines: list[str], end: str) -> None:
    text = end.join(["commit\tval_bpb\tstatus\tdescription", *lines]) + end
    log = read_log(text, metric="val_bpb")
    at = covered(log)
    assert len(at) == len(set(at))
    physical = text.split("\n")
    filled = {n for n, line in enumerate(physical, start=1) if line.strip()} - {1}
    assert filled <= set(at)
    assert len(log.rows) + len(log.rejected) == log.total == sum(log.statuses.values())
    assert all(line.reason for line in log.rejected)
    for row in log.rows:
        assert row.score is None or (math.isfinite(row.score) and row.verdict != "crash")
        assert row.verdict != "keep" or row.score is not None
        assert "\0" not in row.note
        row.note.encode()
    assert len({row.key for row in log.rows}) == len(log.rows)


@settings(max_examples=100, deadline=None)
@given(st.lists(LINES, max_size=10), st.integers(0, 10))
def test_a_prefix_gives_the_same_rows_as_the_whole(lines: list[str], cut: int) -> None:
    # A quote left open at the cut closes in the rest; what is rejected then may become a row, never the reverse.
    lines = [line.replace('"', "'") for line in lines]
    head = "commit\tval_bpb\tstatus\tdescription\n"
    whole = read_log(head + "".join(line + "\n" for line in lines), metric="val_bpb")
    part = read_log(head + "".join(line + "\n" for line in lines[:cut]), metric="val_bpb")
    assert list(part.rows) == list(whole.rows[: len(part.rows)])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_to_the_last_line(data: bytes) -> None:
    log = read_log(b"commit\tval_bpb\tstatus\n" + data, metric="val_bpb")
    assert len(log.rows) + len(log.rejected) == log.total


def test_quotes_left_open_on_every_row_hide_no_row() -> None:
    log = read_log(HEAD + 'a\t1\t1\tkeep\t"x\n""y\n' * 3000)
    assert len(log.rows) == len(log.rejected) == 3000
    assert log.rows[-1].note == '"x'


def test_a_quote_that_closes_elsewhere_joins_no_lines() -> None:
    log = read_log('commit,loss,status,note\na,1.5,keep,"x\ny",1,2,3\n')
    assert [(row.line, row.end, row.note) for row in log.rows] == [(2, 2, '"x')]
    assert [line.line for line in log.rejected] == [3]
