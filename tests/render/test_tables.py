from __future__ import annotations

from xml.etree import ElementTree

from autoresearch.render.tables import html_table


def test_cells_are_escaped_and_numbers_stand_right() -> None:
    text = html_table(("a", "<b>"), [("#1", "0.5"), ("<script>", None), ("x\x1b[31m",)], caption="T & U")
    root = ElementTree.fromstring(text)
    assert [cell.text or "" for cell in root.iter("td")] == ["#1", "0.5", "<script>", "", "x [31m", ""]
    assert [cell.text for cell in root.iter("th")] == ["a", "<b>"]
    assert root.findtext("caption") == "T & U"
    assert "text-align:right" in next(root.iter("td")).get("style", "")


def test_a_long_table_says_what_it_leaves_out() -> None:
    text = html_table(("n",), ((n,) for n in range(1000)))
    cells = [cell.text for cell in ElementTree.fromstring(text).iter("td")]
    assert (len(cells), cells[-1]) == (501, "and 500 more")


def test_a_table_without_rows_is_its_header() -> None:
    assert len(list(ElementTree.fromstring(html_table(("a",), [])).iter("tr"))) == 1
