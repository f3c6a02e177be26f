"""Write the tables of docs/mcp.md anew from the tools themselves."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from autoresearch.mcp_server.catalog import TOOLS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "mcp.md"
_KIND = {
    "read": "",
    "append": "adds",
    "change": "changes",
    "overwrite": "changes",
    "execute": "runs your command",
}


def tools_table() -> str:
    """A row for each tool: what it does, what it does to the world, and the command that does the same."""
    lines = ["| Tool | | | The same as |", "|---|---|---|---|"]
    for row in TOOLS.values():
        about = (inspect.getdoc(row.work) or "").partition("\n")[0].rstrip(".")
        lines.append(f"| `{row.name}` | {about} | {_KIND[row.effect]} | `autoresearch {row.command}` |")
    return "\n".join(lines) + "\n"


def renewed(page: str) -> str:
    """The page with its tables as they should be."""
    return re.sub(
        r"(<!-- tools -->\n).*?(?=\n\n|\Z)",
        lambda found: found[1] + tools_table().rstrip("\n"),
        page,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{PAGE.name} is written")
