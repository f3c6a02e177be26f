"""Write the tables of docs/reference/http.md from the table of operations.

python tools/http_page.py
"""

from __future__ import annotations

import re
from pathlib import Path

from autoresearch.protocol.operations import GROUPS
from autoresearch.protocol.rows import Operation

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "http.md"
_TABLE = re.compile(r"^<!-- operations: (?P<name>\w+) -->\n(?P<rows>(?:\|.*\n)*)", re.MULTILINE)


def row(operation: Operation) -> str:
    """One line of a table."""
    query = "".join(f" `{each.name}{'' if each.default is ... else '?'}`" for each in operation.query)
    path = operation.path.replace(":path}", "}")
    scope = operation.scope or "–"
    # A method answers when the whole answer is there, which a stream of events never is.
    method = "–" if operation.media == "text/event-stream" else f"`{operation.name}`"
    return f"| `{operation.method} {path}`{query} | {operation.about} | {scope} | {method} |\n"


def renewed(page: str) -> str:
    """The page with its tables as they should be."""

    def table(found: re.Match[str]) -> str:
        head = "| request, query | meaning | scope | method of the client |\n|---|---|---|---|\n"
        return f"<!-- operations: {found['name']} -->\n{head}{''.join(map(row, GROUPS[found['name']]))}"

    return _TABLE.sub(table, page)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
