"""Configurations of other programs, edited as text: one entry comes or goes, and every other byte stays."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.drivers.installing import blocks, jsonc, tomls
from autoresearch.drivers.installing.showing import shown_diff
from autoresearch.errors import Conflict, InstallError, Invalid

PATH = ("mcpServers", "autoresearch")
ENTRY = {"command": "/usr/bin/python3", "args": ["-m", "autoresearch", "mcp"], "alwaysLoad": True}

JSON = [
    '{"a":1}',
    '{"a": 1, "b": 2}\n',
    '{ "a": 1\n}\n',
    '{\n  "a": 1\n}\n',
    '{\n  "a": 1, // why\n}\n',
    '{\n  "a": 1 // why\n}\n',
    '{\n  "a": 1 /* why */\n}\n',
    '{\r\n\t"a": 1\r\n}\r\n',
    '{\n    "mcpServers": {\n        "x": {"command": "y"}\n    }\n}\n',
    '{\n  "mcpServers": {"x": {}}\n}',
    '{"mcpServers":{"x":{}},"z":[1,2]}',
    "// head\n{\n  // nothing yet\n}\n// tail\n",
    '{\n  "a": [1, 2,],\n  /* between */\n}\n',
    "{\n  /* nothing yet */\n}\n",
    '{\n  "a": {\n    "b": 1\n  }\n  // tail\n}\n',
    '{\n  "url": "http://x/y", // a slash in a text\n  "mcpServers": {\n    "x": {} // mine\n  }\n}\n',
    "{}",
]


@pytest.mark.parametrize("text", JSON)
def test_an_entry_that_is_set_and_taken_out_gives_the_file_back(text: str) -> None:
    made = jsonc.with_member(text, PATH, ENTRY)
    assert jsonc.get(made, PATH) == ENTRY
    assert jsonc.parsed(made) != jsonc.parsed(text)
    assert jsonc.without_member(made, PATH) == text


@pytest.mark.parametrize("text", JSON)
def test_every_line_of_others_stays_when_an_entry_is_set(text: str) -> None:
    if "\n" not in text.strip():
        return
    made = jsonc.with_member(text, PATH, ENTRY).replace("\r\n", "\n").split("\n")
    before = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip() not in {"", "{}"}]
    lost = [line for line in before if line not in made]
    # A comma may come behind what was the last value.
    assert len(lost) <= 1
    assert [
        line for line in lost if not any(line.replace(",", "") == one.replace(",", "") for one in made)
    ] in (
        [],
        lost if '{"x": {}}' in text or '"a": 1\n}' in text else [],
    )


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
_objects = st.dictionaries(st.sampled_from(["a", "b", "mcpServers", "é\n"]), _values, max_size=4)
_gaps = st.sampled_from(["", " ", "\n  ", "\r\n", " // c\n", "/* , } */", "\n\n// x\n  "])


@st.composite
def _written(draw: st.DrawFn, value: Any) -> str:
    """A value as somebody might write it: any white space, comments, and a comma at the end."""
    if isinstance(value, dict):
        inner = [
            f"{json.dumps(name)}{draw(_gaps)}:{draw(_gaps)}{draw(_written(one))}"
            for name, one in value.items()
        ]
        opening, closing = "{", "}"
    elif isinstance(value, list):
        inner = [draw(_written(one)) for one in value]
        opening, closing = "[", "]"
    else:
        return json.dumps(value)
    text = ",".join(f"{draw(_gaps)}{one}{draw(_gaps)}" for one in inner)
    comma = draw(st.sampled_from(["", ","])) if inner else ""
    return opening + text + comma + draw(_gaps) + closing


@given(data=st.data(), value=_objects)
def test_however_a_file_is_written_only_the_one_entry_changes(
    data: st.DataObject, value: dict[str, Any]
) -> None:
    text = data.draw(_written(value))
    assert jsonc.parsed(text) == value
    servers = value.get("mcpServers", {})
    if not isinstance(servers, dict):
        with pytest.raises(Conflict):
            jsonc.with_member(text, PATH, ENTRY)
        return
    made = jsonc.with_member(text, PATH, ENTRY)
    assert jsonc.parsed(made) == {**value, "mcpServers": {**servers, "autoresearch": ENTRY}}
    # No comment of theirs is lost.
    assert made.count("//") >= text.count("//")
    assert made.count("/*") >= text.count("/*")
    left = jsonc.without_member(made, PATH)
    assert jsonc.parsed(left) in (value, {k: v for k, v in value.items() if k != "mcpServers"})
    assert left.count("//") >= text.count("//")
    assert left.count("/*") >= text.count("/*")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": }', "Line 1"),
        ('{\n"a": 1\n"b": 2}', "Line 3 is no valid JSON: a comma or } is missing"),
        ('{"a": 1', "comma or }"),
        ("{'a': 1}", "name in double quotes"),
        ('{"a" 1}', "colon"),
        ('{"a": 1} x', "after its end"),
        ("[1]", "no JSON object"),
        ("[" * 500, "nested too deep"),
        ('{"a": nul}', "begins no value"),
        ('{"a": "\\x"}', "Line 1"),
        ("{,}", "name in double quotes"),
        ('{"a": [1 2]}', "comma or ]"),
    ],
)
def test_what_is_no_json_is_refused_with_the_line(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        jsonc.with_member(text, PATH, ENTRY)


def test_a_name_that_stands_there_twice_is_not_edited() -> None:
    with pytest.raises(Conflict, match="2 times"):
        jsonc.with_member('{"mcpServers": {}, "mcpServers": {}}', PATH, ENTRY)


def test_a_value_within_an_entry_is_set_and_comments_beside_it_stay() -> None:
    text = '{"mcpServers": {"autoresearch": {\n  "command": "old", // mine\n  "env": {"A": "b"}\n}}}'
    made = jsonc.with_member(text, [*PATH, "command"], "new")
    assert made == text.replace('"old"', '"new"')


TOML = [
    "",
    'model = "x"',
    'model = "x"\n',
    '# top\nmodel = "x" # why\n\n[mcp_servers.other]\ncommand = "a"\n',
    '[mcp_servers.other]\ncommand = "a"\n\n# about the look\n[tui]\nx = 1\n',
    "[mcp_servers]\n\n[tui]\nx = 1\n",
    'mcp_servers = {other = {command = "a"}}\n',
    'mcp_servers.other.command = "a"\n',
    '[a]\nx = 1\n[mcp_servers.other]\ncommand = "a"\n[b]\ny = 1\n[mcp_servers.third]\ncommand = "c"\n# end',
    'model = "x"\r\n[tui]\r\nx = 1\r\n',
    '[mcp_servers.other.env]\nA = "b"\n',
    '[b]\nx = """\n[mcp_servers.autoresearch]\n"""\n',
]
TABLE = {"command": "/usr/bin/python3", "args": ["-m", "autoresearch", "mcp"], "required": True}
WHERE = ("mcp_servers", "autoresearch")


@pytest.mark.parametrize("text", TOML)
def test_a_table_that_is_set_and_taken_out_gives_the_file_back(text: str) -> None:
    made = tomls.with_table(text, WHERE, TABLE)
    assert tomllib.loads(made)["mcp_servers"]["autoresearch"] == TABLE
    assert tomls.without_table(made, WHERE) == text


@pytest.mark.parametrize("text", TOML)
def test_a_table_that_is_there_is_changed_in_its_place(text: str) -> None:
    made = tomls.with_table(text, WHERE, TABLE)
    again = tomls.with_table(made, WHERE, {**TABLE, "command": "/other/python", "cwd": "/x y"})
    assert tomllib.loads(again)["mcp_servers"]["autoresearch"]["cwd"] == "/x y"
    assert tomls.without_table(again, WHERE) == text


def test_comments_beside_a_table_stay_when_it_goes() -> None:
    text = '[mcp_servers.autoresearch]\ncommand = "x"\n\n[mcp_servers.autoresearch.env]\nA = "b"\n\n# about b\n[b]\nx = 1\n'
    assert tomls.without_table(text, WHERE) == "\n# about b\n[b]\nx = 1\n"


def test_what_is_no_toml_is_refused() -> None:
    with pytest.raises(Invalid, match="line 2"):
        tomls.with_table('a = 1\nb = "\n', WHERE, TABLE)
    with pytest.raises(Conflict, match="no table"):
        tomls.with_table("mcp_servers = 3\n", WHERE, TABLE)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=5),
        st.booleans()
        | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
        | st.integers(-9, 9),
        max_size=4,
    )
)
def test_any_values_come_back_out_of_a_table(values: dict[str, Any]) -> None:
    text = tomlkit.dumps({"other": {"a": 1}})
    made = tomls.with_table(text, WHERE, {"env": values, **TABLE})
    assert tomllib.loads(made)["mcp_servers"]["autoresearch"] == {"env": values, **TABLE}
    assert tomllib.loads(tomls.without_table(made, WHERE)) == {"other": {"a": 1}}


@pytest.mark.parametrize("text", ["", "# Mine\n", "# Mine", "# Mine\r\n\r\nText\r\n", "\n\n# Mine\n\n\n"])
def test_lines_of_ours_come_and_go_and_leave_the_rest(text: str) -> None:
    made = blocks.with_block(text)
    assert made.count(blocks.START) == 1
    assert blocks.with_block(made) == made
    assert (blocks.without_block(made) or "") == text


def test_lines_of_ours_are_renewed_where_they_stand() -> None:
    text = f"# A\n\n{blocks.START}\nold\n{blocks.END}\n\n# B\n"
    assert blocks.with_block(text) == f"# A\n\n{blocks.BLOCK}\n# B\n"
    assert blocks.without_block(text) == "# A\n\n# B\n"


@pytest.mark.parametrize(
    "text", [blocks.START, blocks.END, f"{blocks.END}\n{blocks.START}", 2 * blocks.BLOCK]
)
def test_a_mark_that_stands_alone_or_twice_is_left_to_its_user(text: str) -> None:
    for change in (blocks.with_block, blocks.without_block):
        with pytest.raises(InstallError, match="times"):
            change(text)


def test_a_diff_shows_what_is_ours_and_no_secret_of_others() -> None:
    before = json.dumps(
        {"mcpServers": {"x": {"env": {"GITHUB_TOKEN": "ghp_secret"}, "args": ["--key", "hidden"]}}}, indent=2
    )
    after = jsonc.with_member(before, PATH, {**ENTRY, "env": {"THING": "sk-mine", "REF": "${HOME}"}})
    shown = shown_diff("f", before, after)
    assert '+      "command": "/usr/bin/python3",' in shown
    assert '"REF": "${HOME}"' in shown
    for secret in ("ghp_secret", "hidden", "sk-mine"):
        assert secret not in shown


def test_a_file_on_one_line_is_shown_spread() -> None:
    before = json.dumps({"history": ["x" * 500], "mcpServers": {}})
    shown = shown_diff("f", before, jsonc.with_member(before, PATH, ENTRY), format="json")
    assert '+      "command": "/usr/bin/python3",' in shown
    assert "xxx" not in shown
    assert shown_diff("f", before, before) == ""
