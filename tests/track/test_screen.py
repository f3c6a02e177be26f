from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from autoresearch.track.console import collapse
from autoresearch.track.screen import Screen

UP, ERASE, ERASE_ALL, BELOW = "\x1b[A", "\x1b[K", "\x1b[2K", "\x1b[J"


class Reader:
    def __init__(self, longest: int = 10_000) -> None:
        self.given: list[tuple[str, float]] = []
        self.screen = Screen(lambda text, at: self.given.append((text, at)), longest)

    def write(self, *pieces: str) -> Reader:
        for at, piece in enumerate(pieces):
            self.screen.write(piece, float(at))
        return self

    def flush(self, times: int = 1) -> Reader:
        for _ in range(times):
            self.screen.flush()
        return self

    @property
    def raw(self) -> list[str]:
        return [text for text, _ in self.given]

    @property
    def lines(self) -> list[str]:
        return [text for _, text, _ in collapse(("stdout", text, at) for text, at in self.given)]

    def closed(self) -> list[str]:
        self.screen.close()
        return self.lines


def test_lines_are_given_out_as_they_end_blank_ones_too() -> None:
    assert Reader().write("one\ntwo\n\n  three  \nfour").raw == ["one", "two", "", "  three  "]


def test_a_line_redrawn_with_carriage_returns_is_one_line_in_its_last_state() -> None:
    bar = [f"\r{percent:3d}%|{'#' * (percent // 10):10}|" for percent in range(0, 101, 5)]
    assert Reader().write(*bar, "\n", "done\n").raw == ["100%|##########|", "done"]


def test_a_carriage_return_before_the_end_of_a_line_takes_nothing_away() -> None:
    assert Reader().write("windows\r\nends\r\n").raw == ["windows", "ends"]


def test_what_a_shorter_text_leaves_of_a_longer_one_stays_unless_erased() -> None:
    assert Reader().write("\rabcdef\rxy\n").raw == ["xycdef"]
    assert Reader().write(f"\rabcdef\rxy{ERASE}\n").raw == ["xy"]
    assert Reader().write(f"\rabcdef{ERASE_ALL}\rxy\n").raw == ["xy"]
    assert Reader().write("\rabcdef\rxy    \n").raw == ["xy"]
    assert Reader().write("abc\x1b[1Kd\n").raw == ["   d"]


def test_backspaces_and_columns_move_the_cursor() -> None:
    assert Reader().write("12%\b\b\b13%\n").raw == ["13%"]
    assert Reader().write("abc\x1b[2DX\x1b[CY\x1b[1GZ\n").raw == ["ZXcY"]
    assert Reader().write("\b\bab\x1b[9Dx\x1b[3Cy\n").raw == ["xb  y"]


def test_colours_titles_and_bells_are_dropped() -> None:
    text = "\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://a/b\x1b\\link\x1b]8;;\x1b\\\x07 \x1b(Bend\x1b7\x00\x9b\n"
    assert Reader().write(text).raw == ["red link end"]


def test_tabs_and_text_in_any_script_stay() -> None:
    assert Reader().write("a\tb\u00a0ç 漢字 👩‍👩‍👧\n").raw == ["a\tb\u00a0ç 漢字 👩‍👩‍👧"]


def test_a_sequence_cut_in_two_by_the_writer_is_understood() -> None:
    whole = "x\x1b[1;31mred\x1b]0;title\x1b\\y\n"
    for cut in range(len(whole)):
        assert Reader().write(whole[:cut], whole[cut:]).raw == ["xredy"]


def test_an_escape_that_is_no_sequence_hides_nothing() -> None:
    assert Reader().write("a\x1b\x01b").closed() == ["ab"]
    assert Reader().write("a\x1b]never ends", "\nnext\n").raw == ["a]never ends", "next"]
    assert Reader().write("\x1b]" + "x" * 5000).closed() == ["]" + "x" * 5000]


def test_a_line_in_progress_is_given_out_by_flush_and_replaced_by_what_follows() -> None:
    reader = Reader().write("loading ...").flush()
    assert reader.raw == ["loading ..."]
    reader.flush(3)
    assert reader.raw == ["loading ..."]
    reader.write(" done\n")
    assert reader.raw == ["loading ...", "\rloading ... done"]
    assert reader.lines == ["loading ... done"]


def test_a_line_given_out_whole_is_not_given_again_at_its_end() -> None:
    assert Reader().write("whole").flush().write("\n").raw == ["whole"]


def test_a_bar_that_runs_for_an_hour_is_given_out_ever_more_rarely() -> None:
    reader = Reader()
    given_at = []
    for second in range(100):
        before = len(reader.raw)
        reader.write(f"\r{second}%").flush()
        if len(reader.raw) > before:
            given_at.append(second)
    assert given_at[:5] == [0, 2, 6, 14, 22]
    assert set(map(int.__sub__, given_at[4:], given_at[3:])) == {8}
    assert reader.write("\r100%\n").lines == ["100%"]


def test_a_bar_that_wipes_itself_away_leaves_the_line_that_follows() -> None:
    reader = Reader().write("\r50%|###   |").flush().write("\r           \r", "epoch 1\n")
    assert reader.lines == ["epoch 1"]


def test_nested_bars_are_a_line_each() -> None:
    reader = Reader()
    for outer in range(3):
        reader.write(f"\router {outer}")
        for inner in range(5):
            reader.write("\n", f"\rinner {inner}", UP)
        reader.flush()
    reader.write("\router 3", "\n\n")
    assert len(reader.raw) < 12
    assert reader.closed()[-2:] == ["inner 4", "outer 3"]


def test_a_live_table_ends_in_its_last_state() -> None:
    reader = Reader()
    frames = [[f"loss {1 / n:.2f}", f"step {n}"] for n in range(1, 50)]
    for number, rows in enumerate(frames):
        back = "" if number == 0 else f"\r{ERASE_ALL}" + f"{UP}{ERASE_ALL}" * (len(rows) - 1)
        reader.write(back + "\n".join(rows))
    reader.write("\n", "end\n")
    assert reader.raw == ["loss 1.00", "step 49", "end"]
    assert reader.closed() == ["loss 1.00", "step 49", "end", "loss 0.02"]


def test_a_line_that_scrolls_away_is_given_in_its_last_state() -> None:
    reader = Reader().write(f"first\n{UP}again\n" + "\n" * 70)
    assert reader.raw.count("first") == reader.raw.count("again") == 1


def test_erasing_below_clears_the_lines_there() -> None:
    assert Reader().write(f"a\nb\nc{UP}{UP}{BELOW}\rx").closed() == ["a", "b", "x"]


def test_clearing_the_screen_takes_back_nothing_that_was_said() -> None:
    assert Reader().write("said\n\x1b[2J\x1b[Hmore\n").lines == ["said", "more"]


def test_the_cursor_cannot_leave_the_lines_that_are_kept() -> None:
    reader = Reader().write("".join(f"{n}\n" for n in range(200)))
    reader.write("\x1b[99999A\rtop\x1b[99999B\x1b[999999999999Cfar", "\x1b[5Gx\n")
    assert reader.closed()[:200] == [str(n) for n in range(200)]
    assert len(reader.lines) <= 202
    assert all(len(line) < 100 for line in reader.lines)


def test_a_long_line_is_cut_and_says_so() -> None:
    assert Reader(10).write("0123456789\n0123456789A\n").raw == ["0123456789", "0123456789…"]
    assert Reader(10).write(*(["ab"] * 100_000), "\n").raw == ["ababababab…"]
    assert Reader(10).write("\x1b[500Cab\n", "ok\n").raw == ["", "ok"]


def test_the_time_of_a_line_is_that_of_its_last_change() -> None:
    reader = Reader().write("\r1", "\r2", "\n", "next", "\n", "\n")
    assert reader.given == [("2", 1.0), ("next", 3.0), ("", 5.0)]


_plain = st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.just("\n"), max_size=60)
_special = [
    "\n",
    "\r",
    "\b",
    "\t",
    "\x1b[K",
    "\x1b[2K",
    "\x1b[A",
    "\x1b[3C",
    "\x1b[1m",
    "\x1b]0;t\x07",
    "\x1b[J",
    "\x1b",
]
_drawn = st.lists(st.text("ab ", max_size=4) | st.sampled_from(_special), max_size=40).map("".join)


@given(_plain, st.lists(st.integers(0, 60), max_size=5))
def test_plain_text_comes_back_line_by_line_however_it_is_cut(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(text)]
    lines = Reader().write(*(text[a:b] for a, b in itertools.pairwise(edges))).closed()
    expected = text.split("\n")
    assert lines == (expected if expected[-1] else expected[:-1])


@given(_drawn, st.lists(st.integers(0, 160), max_size=5))
def test_what_is_drawn_does_not_depend_on_how_it_is_cut(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
    assert Reader().write(*pieces).closed() == Reader().write(text).closed()


@given(st.text("ab \r\b\n\t", max_size=40), st.sets(st.integers(0, 40)))
def test_flushing_in_between_does_not_change_what_is_left(text: str, flushes: set[int]) -> None:
    hasty = Reader()
    for at, char in enumerate(text):
        hasty.write(char)
        if at in flushes:
            hasty.flush()
    calm = Reader().write(text)
    assert [line.rstrip(" ") for line in hasty.closed()] == [line.rstrip(" ") for line in calm.closed()]
