"""Batches on their way to a server: what is sent arrives, and what is no batch is refused by name."""

from __future__ import annotations

import contextlib
import json
import math
import os
import struct
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.errors import Invalid
from autoresearch.protocol.points_json import batch_of, from_json, lines_of
from autoresearch.protocol.points_packing import pack
from autoresearch.protocol.points_wire import unpack
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch, Message, Rows, Text
from autoresearch.series.fitting import fitting
from tests.run_batches import rows

RUN = "01900000-0000-7000-8000-000000000000"
NOW = 1_760_000_000.0

numbers = st.floats(width=64)
names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=20)
steps = st.integers(-(2**63), 2**63 - 1)
times = st.floats(0, 2.5e11)
labels = st.dictionaries(names, names, max_size=3)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    at = first = draw(st.integers(1, 2**40))
    groups = []
    for own in draw(st.lists(st.sets(names, min_size=1, max_size=3), max_size=3)):
        count = draw(st.integers(0, 5))
        groups.append(
            Rows(
                tuple(own),
                tuple(sorted(draw(labels).items())),
                struct.pack(f"<{count}Q", *range(at, at + count)),
                struct.pack(f"<{count}q", *(draw(steps) for _ in range(count))),
                struct.pack(f"<{count}d", *(draw(times) for _ in range(count))),
                [struct.pack(f"<{count}d", *(draw(numbers) for _ in range(count))) for _ in own],
            )
        )
        at += count
    texts = []
    for entry in draw(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3)):
        pairs = tuple(sorted(draw(labels).items()))
        texts.append(Text(draw(names), pairs, at, draw(steps), draw(times), entry))
        at += 1
    messages = []
    for value in draw(st.lists(st.recursive(st.none() | st.integers() | st.text(), st.lists), max_size=2)):
        messages.append(Message(at, draw(times), {"op": "config", "values": {"x": value}}))
        at += 1
    gap = draw(st.integers(0, 3))
    faults = draw(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=2))
    return Batch(
        new_id(),
        new_id(),
        first,
        at - 1 + gap,
        rows=groups,
        texts=texts,
        messages=messages,
        lost_records=gap,
        lost_points=gap * 2,
        faults=faults,
    )


def plainly(thing: Any) -> Any:
    """Every field of a batch, for comparison."""
    if isinstance(thing, list | tuple):
        return [plainly(item) for item in thing]
    if isinstance(thing, Batch | Rows | Text | Message):
        return {name: plainly(getattr(thing, name)) for name in thing.__slots__}
    return thing


@given(st.lists(batches(), max_size=3))
def test_what_is_packed_is_unpacked_bit_for_bit(sent: list[Batch]) -> None:
    assert plainly(unpack(pack(sent))) == plainly(sent)


def test_long_lists_texts_and_columns_are_packed_too() -> None:
    wide = rows({f"key {n}": [float(n)] * 3 for n in range(70_000)}, first=1)
    wide.names, wide.values = wide.names[:40_000], wide.values[:40_000]
    long = rows({"loss": [0.5] * 20_000}, first=4)
    texts = [
        Text("console", (), 20_004 + n, n, NOW, "x" * size) for n, size in enumerate((31, 200, 300, 70_000))
    ]
    batch = Batch(RUN, "w", 1, 20_007, rows=[wide, long], texts=texts)
    assert plainly(unpack(pack([batch]))) == plainly([batch])


def test_packing_loads_nothing_but_cheap_parts_of_the_standard_library() -> None:
    code = (
        "import sys; from autoresearch.protocol.points_packing import pack\n"
        "from autoresearch.series.batch import Batch, Message\n"
        "pack([Batch('01900000-0000-7000-8000-000000000000', 'w', 1, 1, messages=[Message(1, 1.0, {'op': 'open'})])])\n"
        "print(sorted({'msgspec', 'numpy', 'typing', 'pathlib', 'dataclasses'} & sys.modules.keys()))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


def test_names_and_labels_that_no_server_can_hold_are_made_to_fit_and_stay_apart() -> None:
    long = ["a" * 3000, "a" * 2999 + "b", "é" * 800]
    assert len({fitting(name) for name in [*long, "short"]}) == 4
    sent = rows({name: [1.0] for name in long}, first=1, labels=(("k" * 3000, "v" * 3000), ("l", "w")))
    entry = Text("t" * 5000, (), 2, 0, NOW, "line")
    (back,) = unpack(pack([Batch(RUN, "w", 1, 2, rows=[sent], texts=[entry], faults=["f" * 9000] * 300)]))
    assert all(len(name.encode()) <= 1000 for name in back.rows[0].names)
    assert len(set(back.rows[0].names)) == 3
    assert back.rows[0].labels[0][0].startswith("kkk")
    assert back.texts[0].name == fitting("t" * 5000)


def test_text_without_a_form_in_utf8_is_packed_as_its_escape() -> None:
    entry = Text("console", (), 1, 0, NOW, "half \ud800 a pair")
    (back,) = unpack(pack([Batch(RUN, "w", 1, 1, texts=[entry])]))
    assert back.texts[0].text == "half \\ud800 a pair"


def packed(**changes: Any) -> bytes:
    """A small batch with some of its fields replaced."""
    batch = Batch(
        RUN,
        "w",
        1,
        4,
        rows=[rows({"loss": [0.5, 0.25]}, first=1)],
        texts=[Text("console", (), 3, 0, NOW, "line")],
        messages=[Message(4, NOW, {"op": "note", "text": "x"})],
    )
    for path, value in changes.items():
        place, _, field = path.partition("__")
        if field:
            setattr(getattr(batch, place)[0], field, value)
        else:
            setattr(batch, place, value)
    return pack([batch])


REFUSED: dict[str, tuple[bytes, str]] = {
    "no msgpack": (b"hello", "The body"),
    "nothing": (b"", "The body"),
    "half of it": (packed()[:-3], "The body"),
    "a stranger's map": (b"\x81\xa1x\x01", "The body"),
    "lists of lists": (b"\x91" * 100_000, r"\[0\]"),
    "no run": (packed(run="char-lm"), r"\[0\]\.run"),
    "no writer": (packed(writer=""), r"\[0\]\.writer"),
    "a writer with a line break": (packed(writer="a\nb"), r"\[0\]\.writer"),
    "numbered from 0": (packed(first=0), r"\[0\]\.first"),
    "beyond every count": (packed(last=2**60), r"\[0\]\.last"),
    "more records than numbers": (packed(last=3), r"\[0\]\.last"),
    "lost less than none": (packed(lost_records=-1), r"\[0\]\.lost_records"),
    "a column that is too short": (packed(rows__values=[b"12345678"]), r"\[0\]\.rows\[0\]\.values\[0\]"),
    "a column too many": (packed(rows__values=[b"1" * 16, b"1" * 16]), r"\[0\]\.rows\[0\]\.values"),
    "half a number": (packed(rows__steps=b"1" * 15), r"\[0\]\.rows\[0\]\.steps"),
    "no times": (packed(rows__times=b""), r"\[0\]\.rows\[0\]\.times"),
    "a time that is none": (
        packed(rows__times=struct.pack("<2d", 1.0, math.nan)),
        r"\[0\]\.rows\[0\]\.times",
    ),
    "numbers that fall": (packed(rows__sequences=struct.pack("<2Q", 2, 1)), r"\[0\]\.rows\[0\]\.sequences"),
    "numbers before the first": (
        packed(rows__sequences=struct.pack("<2Q", 0, 1)),
        r"\[0\]\.rows\[0\]\.sequences",
    ),
    "numbers after the last": (
        packed(rows__sequences=struct.pack("<2Q", 1, 5)),
        r"\[0\]\.rows\[0\]\.sequences",
    ),
    "rows without names": (packed(rows__names=(), rows__values=[]), r"\[0\]\.rows\[0\]\.names"),
    "a name twice": (
        packed(rows__names=("a", "a"), rows__values=[b"1" * 16] * 2),
        r"\[0\]\.rows\[0\]\.names",
    ),
    "a label twice": (packed(rows__labels=(("a", "1"), ("a", "2"))), r"\[0\]\.rows\[0\]\.labels"),
    "a text out of its range": (packed(texts__sequence=9), r"\[0\]\.texts\[0\]"),
    "a text without a time": (packed(texts__time=math.inf), r"\[0\]\.texts\[0\]"),
    "a message out of its range": (packed(messages__sequence=9), r"\[0\]\.messages\[0\]"),
    "a message without a time": (packed(messages__time=math.nan), r"\[0\]\.messages\[0\]"),
    "a message that is no text": (
        packed().replace(b'\xbb{"op": "note", "text": "x"}', b"\x81\xa1a\x01"),
        "messages",
    ),
    "a message that is no JSON": (packed().replace(b'"x"}', b'"x"]'), r"\[0\]\.messages\[0\]"),
    "a message as deep as a well": (
        packed(messages__body=json.loads('{"a":' * 300 + "1" + "}" * 300)),
        "messages",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_no_batch_is_refused_by_the_name_of_its_field(why: str) -> None:
    body, where = REFUSED[why]
    with pytest.raises(Invalid, match=where) as refusal:
        unpack(body)
    assert refusal.value.hint
    assert "`" not in refusal.value.message


def columnar(**changes: Any) -> dict[str, Any]:
    """A body by the column."""
    own = {
        "names": ["loss", "acc"],
        "steps": [1, 2],
        "times": [NOW, NOW + 1],
        "values": [[0.5, "NaN"], [1, 2]],
    }
    return {
        "run_id": RUN,
        "writer_id": "w",
        "sequence": 7,
        "columns": [{**own, "labels": {"split": "val"}}],
        **changes,
    }


def by_row(*points: Any, **changes: Any) -> dict[str, Any]:
    """A body by the row."""
    return {"run_id": RUN, "writer_id": "w", "sequence": 1, "points": list(points), **changes}


def sent(body: Any) -> list[Batch]:
    """What a JSON body means."""
    return from_json(json.dumps(body).encode(), NOW)


def test_columns_of_json_are_the_columns_of_a_batch() -> None:
    (batch,) = sent(columnar())
    (own,) = batch.rows
    assert (batch.run, batch.writer, batch.first, batch.last) == (RUN, "w", 7, 8)
    assert (own.names, own.labels) == (("loss", "acc"), (("split", "val"),))
    assert own.sequences == struct.pack("<2Q", 7, 8)
    assert own.steps == struct.pack("<2q", 1, 2)
    assert own.times == struct.pack("<2d", NOW, NOW + 1)
    assert own.values == [struct.pack("<2d", 0.5, math.nan), struct.pack("<2d", 1.0, 2.0)]


def test_rows_of_json_are_sorted_into_key_sets_and_keep_their_numbers() -> None:
    (batch,) = sent(
        by_row(
            {"step": 1, "metrics": {"loss": 1}},
            {"step": 1, "metrics": {"acc": "Infinity"}, "time": 5.0},
            {"step": 2, "metrics": {"loss": "-Infinity"}},
            {"step": 2, "metrics": {"loss": 4}, "labels": {"split": "val"}},
            texts=[{"name": "console", "step": 3, "text": "done"}],
        )
    )
    found = {(each.names, each.labels): each for each in batch.rows}
    plain = found[("loss",), ()]
    assert plain.sequences == struct.pack("<2Q", 1, 3)
    assert plain.values == [struct.pack("<2d", 1.0, -math.inf)]
    assert plain.times == struct.pack("<2d", NOW, NOW)
    assert found[("acc",), ()].times == struct.pack("<d", 5.0)
    assert found[("loss",), (("split", "val"),)].sequences == struct.pack("<Q", 4)
    assert (batch.texts[0].sequence, batch.texts[0].text, batch.last) == (5, "done", 5)


def test_the_bare_words_that_python_writes_are_numbers_and_stay_words_within_text() -> None:
    body = by_row({"step": 1, "metrics": {'say "NaN"': math.nan, "b": -math.inf, "c": 1.0}})
    (batch,) = sent(body)
    assert batch.rows[0].names == ('say "NaN"', "b", "c")
    assert batch.rows[0].values[0] == struct.pack("<d", math.nan)
    assert batch.rows[0].values[1] == struct.pack("<d", -math.inf)
    (line,) = lines_of(b'{"step":1,"metrics":{"a":NaN}}\n')
    assert line.metrics == {"a": "NaN"}


def test_the_same_body_without_a_writer_has_the_same_writer() -> None:
    points = by_row({"step": 1, "metrics": {"loss": 1}}, writer_id=None, sequence=None)
    first, again = sent([points, points]), sent([points, points])
    assert [batch.writer for batch in first] == [batch.writer for batch in again]
    assert first[0].writer != first[1].writer
    other = by_row({"step": 1, "metrics": {"loss": 2}}, writer_id=None, sequence=None)
    assert sent(other)[0].writer != sent(points)[0].writer


POINT: dict[str, Any] = {"step": 1, "metrics": {"loss": 1}}
REFUSED_JSON: dict[str, tuple[Any, str]] = {
    "no object": ([[]], r"^\[0\]"),
    "a stranger's field": (by_row(POINT, more=1), "^The body: .*more"),
    "no run": (by_row(POINT, run_id="x"), "^run_id"),
    "nothing in it": (by_row(), "^points"),
    "a writer without numbers": (by_row(POINT, sequence=None), "^sequence"),
    "numbers without a writer": (by_row(POINT, writer_id=None), "^writer_id"),
    "a writer of control characters": (by_row(POINT, writer_id="\x1b"), "^writer_id"),
    "a sequence that ends beyond every count": (by_row(POINT, POINT, sequence=2**48), "^sequence"),
    "no number": (by_row(POINT, {**POINT, "metrics": {"loss": None}}), r"^points\[1\]\.metrics"),
    "a truth": (by_row({**POINT, "metrics": {"loss": True}}), r"^points\[0\]\.metrics"),
    "a word": (by_row({**POINT, "metrics": {"loss": "nan"}}), r"^points\[0\]\.metrics"),
    "no metrics": (by_row({**POINT, "metrics": {}}), r"^points\[0\]\.metrics"),
    "no step": (by_row({"metrics": {"loss": 1}}), r"^points\[0\]: .*step"),
    "a step of 65 bits": (by_row({**POINT, "step": 2**63}), r"^points\[0\]\.step"),
    "milliseconds": (by_row({**POINT, "time": 1.76e12}), r"^points\[0\]\.time"),
    "an empty name": (by_row({**POINT, "metrics": {"": 1}}), r"^points\[0\]\.metrics"),
    "a name of two lines": (by_row(POINT, {**POINT, "metrics": {"a\nb": 1}}), r"^points\[1\]\.metrics"),
    "a name of a thousand": (by_row({**POINT, "metrics": {"é" * 501: 1}}), r"^points\[0\]\.metrics"),
    "labels of a book": (by_row({**POINT, "labels": {"a": "x" * 2000}}), r"^points\[0\]\.labels"),
    "a column too few": (
        columnar(columns=[{"names": ["a"], "steps": [1], "values": []}]),
        r"^columns\[0\]\.values",
    ),
    "a short column": (
        columnar(columns=[{"names": ["a"], "steps": [1], "values": [[]]}]),
        r"^columns\[0\]\.values\[0\]",
    ),
    "a time too many": (
        columnar(columns=[{"names": ["a"], "steps": [1], "values": [[1]], "times": [1, 2]}]),
        r"^columns\[0\]\.times",
    ),
    "a column twice": (
        columnar(columns=[{"names": ["a", "a"], "steps": [1], "values": [[1], [1]]}]),
        r"^columns\[0\]\.names",
    ),
    "a text with no name": (by_row(texts=[{"name": "", "step": 1, "text": ""}]), r"^texts\[0\]\.name"),
}


@pytest.mark.parametrize("why", REFUSED_JSON)
def test_json_that_says_something_else_is_refused_by_the_name_of_its_field(why: str) -> None:
    body, where = REFUSED_JSON[why]
    with pytest.raises(Invalid, match=where) as refusal:
        sent(body)
    assert refusal.value.hint


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'"\\ud800"',
        b"NaN",
        b'"' + b'\\"' * 500_000 + b"NaN",
        b"1" * 10_000,
    ],
    ids=["nothing", "no utf-8", "lists", "objects", "half a pair", "a word", "quotes", "a number"],
)
def test_hostile_json_is_refused_in_a_moment(body: bytes) -> None:
    with pytest.raises(Invalid):
        from_json(body, NOW)
    with pytest.raises(Invalid):
        lines_of(body or b"{")


def test_a_broken_line_is_named_by_its_number() -> None:
    good = b'{"step":1,"metrics":{"a":1}}'
    for bad in (b"{", b'{"step":1}', b'{"step":1,"metrics":{"a":NaN,"b":null}}', b"\xff"):
        with pytest.raises(Invalid) as refusal:
            lines_of(b"\n".join([good, b"", good, bad, good]))
        assert refusal.value.details["line"] == 3
    assert len(lines_of(good + b"\r\n\n" + good)) == 2


@given(
    st.lists(
        st.tuples(steps, times, st.dictionaries(names, numbers, min_size=1, max_size=3), labels), min_size=1
    )
)
def test_lines_become_the_batch_of_their_numbers(
    points: list[tuple[int, float, dict[str, float], dict[str, str]]],
) -> None:
    body = b"\n".join(
        json.dumps({"step": step, "time": at, "metrics": own, "labels": said}).encode()
        for step, at, own, said in points
    )
    lines = lines_of(body)
    batch = batch_of(lines, RUN, "w", 5, now=NOW, path=lambda place: f"line {place}")
    found = {}
    for each in batch.rows:
        for place, sequence in enumerate(memoryview(each.sequences).cast("Q")):
            got = [struct.unpack_from("<d", column, 8 * place)[0] for column in each.values]
            at = struct.unpack_from("<d", each.times, 8 * place)[0]
            step = struct.unpack_from("<q", each.steps, 8 * place)[0]
            found[sequence] = (step, at, [*zip(each.names, map(repr, got), strict=True)], each.labels)
    assert found == {
        5 + place: (
            step,
            at,
            [(name, repr(value)) for name, value in own.items()],
            tuple(sorted(said.items())),
        )
        for place, (step, at, own, said) in enumerate(points)
    }


@given(st.binary(max_size=200), st.data())
def test_random_and_damaged_bodies_are_batches_or_refused(noise: bytes, data: st.DataObject) -> None:
    good = data.draw(
        st.sampled_from([packed(), json.dumps(columnar()).encode(), json.dumps(by_row(POINT)).encode()])
    )
    at = data.draw(st.integers(0, len(good)))
    cut = data.draw(st.integers(0, 8))
    for body in (noise, good[:at] + noise[:8] + good[at + cut :]):
        for read in (unpack, lambda body: from_json(body, NOW), lines_of):
            with contextlib.suppress(Invalid):
                assert read(body) is not None
