"""Tables for notebooks."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from autoresearch.render.points import clean

__all__ = ["html_table"]

_MAX_ROWS = 500
_NUMBER = re.compile(r"[#+-]?\d[\d.,]*(?:e[+-]?\d+)?%?\Z")
_STYLE = "border-collapse:collapse;font-variant-numeric:tabular-nums"
_CELL = "padding:.25em .75em;border-bottom:1px solid rgba(128,128,128,.3)"


def html_table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "") -> str:
    """An HTML table; every text is escaped, numbers stand to the right, short rows are filled up.

    At most 500 rows are written; a last row says how many are left out.
    """
    body: list[str] = []
    left_out = 0
    for row in rows:
        if len(body) < _MAX_ROWS:
            cells = [*row, *[""] * len(headers)][: len(headers)]
            body.append("<tr>" + "".join(_cell(_text(cell)) for cell in cells) + "</tr>")
        else:
            left_out += 1
    if left_out:
        body.append(f'<tr><td colspan="{max(1, len(headers))}" style="{_CELL}">and {left_out} more</td></tr>')
    head = "".join(
        f'<th scope="col" style="{_CELL};text-align:left">{html.escape(clean(name))}</th>' for name in headers
    )
    said = f"<caption>{html.escape(clean(caption))}</caption>" if caption else ""
    return (
        f'<table style="{_STYLE}">{said}<thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
    )


def _text(cell: object) -> str:
    return "" if cell is None else clean(str(cell), 500)


def _cell(text: str) -> str:
    side = "right" if _NUMBER.match(text) else "left"
    return f'<td style="{_CELL};text-align:{side}">{html.escape(text)}</td>'
