"""Installing into the programs of agents, on a real file system: what comes, what stays, and what is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest

from autoresearch import __version__
from autoresearch.drivers.installing import blocks
from autoresearch.drivers.installing.clients import Server, client_named, clients
from autoresearch.drivers.installing.planning import Wanted, installed, plan
from autoresearch.drivers.installing.skills import LIST, skill_files
from autoresearch.drivers.installing.writing import Edit
from autoresearch.errors import Busy, Conflict, InstallError, NotFound
from tests.house.source import ROOT

ALL = ("claude-code", "codex", "cursor", "gemini", "opencode", "vscode")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "my project"
    folder.mkdir()
    return folder


def wanted(root: Path, **changes: Any) -> Wanted:
    return Wanted(**{"scope": "user", "root": root, **changes})


def install(name: str, root: Path, **changes: Any) -> list[Path]:
    asked = wanted(root, **changes)
    return [change.path for change in plan(client_named(name), asked).apply(asked)]


def remove(name: str, root: Path, **changes: Any) -> list[Path]:
    return install(name, root, remove=True, **changes)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()
    }


def entry(name: str, root: Path, scope: str = "user") -> Any:
    client = client_named(name)
    text = client.config(scope, root).read_text()  # type: ignore[arg-type]
    data: Any = tomllib.loads(text) if client.format == "toml" else json.loads(text)
    for part in client.path:
        data = data[part]
    return data


def test_six_programs_can_be_installed_into() -> None:
    assert tuple(clients()) == ALL
    with pytest.raises(NotFound, match="emacs"):
        client_named("emacs")


@pytest.mark.parametrize("scope", ["user", "project"])
@pytest.mark.parametrize("name", ALL)
def test_an_installation_is_seen_and_taken_out_without_a_trace(
    name: str, scope: Any, root: Path, home: Path
) -> None:
    assert install(name, root, scope=scope, instructions=True)
    assert installed(client_named(name), scope, root)
    made = entry(name, root, scope)
    words = [*made["command"]] if isinstance(made["command"], list) else [made["command"], *made["args"]]
    assert words[:3] == [sys.executable, "-m", "autoresearch"]
    assert words[-1] == "mcp"
    assert not plan(client_named(name), wanted(root, scope=scope, instructions=True)).changes
    remove(name, root, scope=scope)
    assert not installed(client_named(name), scope, root)
    assert list(home.iterdir()) == []
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("name", ALL)
def test_a_server_of_the_team_is_named_without_its_key(
    name: str, root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTORESEARCH_API_KEY", "ar_secret")
    install(name, root, server=Server("https://research.example.org/mcp"))
    made = entry(name, root)
    assert "https://research.example.org/mcp" in made.values()
    assert "AUTORESEARCH_API_KEY" in json.dumps(made)
    assert not [name for name, data in files(home).items() if b"ar_secret" in data]
    # From the address back to a command of this machine.
    install(name, root)
    assert "https://research.example.org/mcp" not in entry(name, root).values()
    assert set(entry(name, root)) == set(client_named(name).wanted(Server()))


def test_options_of_the_command_line_go_with_the_command(root: Path) -> None:
    install("codex", root, server=Server(options=["--home", "/data/my store", "-p", "x"]))
    assert entry("codex", root)["args"] == [
        "-m",
        "autoresearch",
        "--home",
        "/data/my store",
        "-p",
        "x",
        "mcp",
    ]


def test_what_stands_beside_ours_stays_byte_for_byte(root: Path, home: Path) -> None:
    there = {
        ".claude.json": '{\n  "numStartups": 7, // mine\n  "mcpServers": {"x": {"command": "y"}}\n}\n',
        ".codex/config.toml": '# mine\nmodel = "m"\n\n[mcp_servers.x]\ncommand = "y"\n\n[tui]\n',
        ".gemini/settings.json": '{"theme":"dark"}',
        ".config/opencode/opencode.jsonc": '// mine\n{\n\t"model": "a/b",\n}\n',
        ".cursor/mcp.json": '{"mcpServers": {"x": {"url": "http://x"}}}',
        ".claude/CLAUDE.md": "# Mine\n\nText without an end",
    }
    for name, text in there.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    before = files(home)
    for name in ALL:
        install(name, root, instructions=True)
    assert not (home / ".config/opencode/opencode.json").exists()
    for name in ALL:
        remove(name, root)
    assert files(home) == before


def test_values_that_its_user_added_to_the_entry_stay(root: Path, home: Path) -> None:
    install("claude-code", root)
    config = home / ".claude.json"
    text = config.read_text().replace(
        '"alwaysLoad": true', '"alwaysLoad": true,\n      // mine\n      "env": {"A": "b"}'
    )
    config.write_text(text.replace(sys.executable, "/old/python"))
    install("claude-code", root)
    assert config.read_text() == text


@pytest.mark.parametrize(
    "theirs",
    [
        '{"command": "docker", "args": ["run", "their/image"]}',
        '{"command": ["x"], "args": 7}',
        "3",
        '{"url": 1}',
    ],
)
def test_a_server_of_our_name_that_is_not_ours_is_left(theirs: str, root: Path, home: Path) -> None:
    config = home / ".cursor" / "mcp.json"
    config.parent.mkdir()
    config.write_text(
        '{"mcpServers": {"autoresearch": {"command": "docker", "args": ["run", "their/image"]}}}'
    )
    before = files(home)
    with pytest.raises(Conflict, match="did not write"):
        plan(client_named("cursor"), wanted(root))
    assert not plan(client_named("cursor"), wanted(root, remove=True)).changes
    assert not installed(client_named("cursor"), "user", root)
    assert files(home) == before
    install("cursor", root, force=True)
    assert entry("cursor", root)["command"] == sys.executable


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("claude-code", ".claude.json", '{"mcpServers": {'),
        ("claude-code", ".claude.json", "[]"),
        ("claude-code", ".claude.json", '{"mcpServers": []}'),
        ("codex", ".codex/config.toml", "[mcp_servers\n"),
        ("codex", ".codex/config.toml", "mcp_servers = 3\n"),
        ("gemini", ".gemini/settings.json", "\x00"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named_and_nothing_is_written(
    name: str, file: str, text: str, root: Path, home: Path
) -> None:
    (home / file).parent.mkdir(exist_ok=True)
    (home / file).write_text(text)
    with pytest.raises((InstallError, Conflict), match=str(home / file)) as caught:
        install(name, root)
    assert caught.value.hint
    assert files(home) == {file: text.encode()}


def test_what_cannot_be_edited_comes_with_the_text_to_paste(root: Path, home: Path) -> None:
    (home / ".claude.json").write_text('{"mcpServers": {}, "mcpServers": {}}')
    with pytest.raises(Conflict, match="2 times") as caught:
        plan(client_named("claude-code"), wanted(root))
    assert f'"command": "{sys.executable}"' in caught.value.hint


def test_a_file_that_is_a_link_is_changed_where_it_leads(root: Path, home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles" / "claude.json"
    kept.parent.mkdir()
    kept.write_text("{}")
    kept.chmod(0o640)
    (home / ".claude.json").symlink_to(kept)
    install("claude-code", root)
    assert (home / ".claude.json").is_symlink()
    assert "autoresearch" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o640


def test_a_link_to_nothing_and_a_link_out_of_the_project_are_refused(root: Path, home: Path) -> None:
    (home / ".claude.json").symlink_to(home / "gone")
    with pytest.raises(InstallError, match="link to nothing"):
        plan(client_named("claude-code"), wanted(root))
    (home / ".cursor").mkdir()
    (home / ".cursor" / "mcp.json").symlink_to("mcp.json")
    with pytest.raises(InstallError, match=r"mcp\.json"):
        plan(client_named("cursor"), wanted(root))
    (home / "precious.json").write_text("{}")
    (root / ".mcp.json").symlink_to(home / "precious.json")
    with pytest.raises(InstallError, match="leads out of the project"):
        plan(client_named("claude-code"), wanted(root, scope="project"))
    (root / ".agents").symlink_to(home)
    with pytest.raises(InstallError, match="leads out of the project"):
        plan(client_named("codex"), wanted(root, scope="project"))


def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_refused(root: Path, home: Path) -> None:
    (home / ".claude.json").mkdir()
    with pytest.raises(InstallError, match="folder"):
        plan(client_named("claude-code"), wanted(root))
    (home / ".gemini").mkdir()
    os.mkfifo(home / ".gemini" / "settings.json")
    with pytest.raises(InstallError, match="no file of a usual size"):
        plan(client_named("gemini"), wanted(root))


def test_a_home_that_cannot_be_written_is_told_with_its_path(root: Path, home: Path) -> None:
    blocker = home / ".gemini"
    blocker.write_text("a file where a folder should be")
    with pytest.raises(InstallError, match="cannot be changed"):
        install("gemini", root)
    assert files(home) == {".gemini": b"a file where a folder should be"} | {
        name: data for name, data in files(home).items() if name.startswith(".agents/")
    }


def test_a_read_only_home_is_left_as_it_is(
    root: Path, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # For root permissions are no hindrance, so that the program runs as somebody else where that is possible.
    home.chmod(0o555)
    base = tmp_path_factory.getbasetemp()
    top = next((one for one in base.parents if one.name.startswith("pytest-of-")), base)
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from autoresearch.cli import main\n"
        "assert main(['agent', 'install', 'claude-code', '--dry-run']) == 0\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "sys.exit(main(['agent', 'install', 'claude-code', '--yes']))\n"
    )
    try:
        for folder in home.parents:
            if folder.is_relative_to(top):
                folder.chmod(folder.stat().st_mode | 0o055)
        ran = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
    finally:
        home.chmod(0o755)
    assert ran.returncode == 1, ran.stderr
    assert "cannot be changed" in ran.stderr
    assert files(home) == {}


def test_two_installations_at_once_both_count(root: Path, home: Path) -> None:
    (home / ".claude.json").write_text(json.dumps({f"k{n}": n for n in range(50)}, indent=2))
    barrier = threading.Barrier(8)
    failed: list[BaseException] = []

    def one(number: int) -> None:
        path = ("mcpServers", f"s{number}")
        from autoresearch.drivers.installing import jsonc

        barrier.wait(20)
        try:
            Edit(home / ".claude.json", lambda text: jsonc.with_member(text, path, {"n": number})).apply()
        except BaseException as error:  # noqa: BLE001  shown by the assertion
            failed.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    made = json.loads((home / ".claude.json").read_text())
    assert made["mcpServers"] == {f"s{n}": {"n": n} for n in range(8)}
    assert [one.name for one in home.iterdir()] == [".claude.json"]


def test_what_its_own_program_writes_meanwhile_is_not_lost(home: Path) -> None:
    file = home / "settings.json"
    file.write_text('{"a": 1}')
    writes = iter(['{"a": 2}', '{"a": 3}'])

    def change(text: str) -> str:
        # Between our reading and our writing; the first call is the preview's.
        if text != '{"a": 1}' or calls:
            for late in writes:
                file.write_text(late)
                break
        calls.append(text)
        return text.replace("}", ', "b": 1}')

    calls: list[str] = []
    assert Edit(file, change).apply()
    assert json.loads(file.read_text()) == {"a": 3, "b": 1}


def test_a_program_that_never_stops_writing_is_told(home: Path) -> None:
    file = home / "settings.json"
    file.write_text("0")
    count = iter(range(1, 1000))

    def change(text: str) -> str:
        file.write_text(str(next(count)))
        return f"{text} ours"

    with pytest.raises(Busy, match="another program"):
        Edit(file, change).apply()
    assert [one.name for one in home.iterdir()] == ["settings.json"]


def test_new_files_of_a_person_are_for_that_person_alone(root: Path, home: Path) -> None:
    install("claude-code", root)
    assert (home / ".claude.json").stat().st_mode & 0o777 == 0o600
    install("claude-code", root, scope="project")
    assert (root / ".mcp.json").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def test_the_skill_is_copied_with_a_list_of_what_was_written(root: Path, home: Path) -> None:
    install("codex", root)
    folder = home / ".agents" / "skills" / "autoresearch"
    assert dict(skill_files()) == {name: (folder / name).read_text() for name in skill_files()}
    listed = json.loads((folder / LIST).read_text())
    assert listed["version"] == __version__
    assert set(listed["files"]) == set(skill_files())


def test_a_file_of_the_skill_that_was_edited_stays_and_is_named(root: Path, home: Path) -> None:
    install("codex", root)
    skill = home / ".agents" / "skills" / "autoresearch" / "SKILL.md"
    skill.write_text("mine\n")
    asked = wanted(root)
    made = plan(client_named("codex"), asked)
    assert [note for note in made.notes if "was edited since it was written" in note]
    made.apply(asked)
    assert skill.read_text() == "mine\n"
    remove("codex", root)
    assert files(home / ".agents") == {"skills/autoresearch/SKILL.md": b"mine\n"}
    install("codex", root, force=True)
    assert skill.read_text() == skill_files()["SKILL.md"]


def test_an_older_skill_is_brought_up_to_date(root: Path, home: Path) -> None:
    import hashlib

    folder = home / ".agents" / "skills" / "autoresearch"
    folder.mkdir(parents=True)
    old = {"SKILL.md": "old\n", "gone.md": "no longer shipped\n"}
    for name, text in old.items():
        (folder / name).write_text(text)
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in old.items()}
    (folder / LIST).write_text(json.dumps({"version": "0.0.1", "files": digests}))
    install("codex", root)
    assert (folder / "SKILL.md").read_text() == skill_files()["SKILL.md"]
    assert not (folder / "gone.md").exists()


@pytest.mark.parametrize("name", ["../../../precious", "/etc/passwd"])
def test_a_list_that_names_files_elsewhere_is_refused(name: str, root: Path, home: Path) -> None:
    folder = home / ".agents" / "skills" / "autoresearch"
    folder.mkdir(parents=True)
    (folder / LIST).write_text(json.dumps({"files": {name: "x"}}))
    with pytest.raises(InstallError, match="names"):
        plan(client_named("codex"), wanted(root, remove=True, force=True))


def test_a_skill_that_is_a_link_is_left_to_whoever_made_it(root: Path, home: Path, tmp_path: Path) -> None:
    (home / ".agents" / "skills").mkdir(parents=True)
    (tmp_path / "checkout").mkdir()
    (home / ".agents" / "skills" / "autoresearch").symlink_to(tmp_path / "checkout")
    made = plan(client_named("codex"), wanted(root))
    assert [change.kind for change in made.changes] == ["config"]
    assert [note for note in made.notes if "is a link" in note]


def test_a_skill_that_others_read_stays_until_the_last_one_goes(root: Path, home: Path) -> None:
    for name in ("codex", "gemini"):
        install(name, root, instructions=True)
    made = plan(client_named("codex"), wanted(root, remove=True))
    assert [note for note in made.notes if note.endswith("stays for Gemini CLI.")]
    remove("codex", root)
    assert (home / ".agents" / "skills" / "autoresearch" / "SKILL.md").exists()
    remove("gemini", root)
    assert files(home) == {}


def test_instructions_are_written_on_request_alone(root: Path) -> None:
    install("codex", root, scope="project")
    assert not (root / "AGENTS.md").exists()
    install("codex", root, scope="project", instructions=True)
    assert (root / "AGENTS.md").read_text() == blocks.BLOCK
    (root / "AGENTS.md").write_text(f"# Mine\n\n{blocks.BLOCK}\nMore of mine.\n")
    remove("codex", root, scope="project")
    assert (root / "AGENTS.md").read_text() == "# Mine\n\nMore of mine.\n"


def test_a_program_without_a_file_of_instructions_says_so(root: Path) -> None:
    made = plan(client_named("cursor"), wanted(root, instructions=True))
    assert "Cursor reads no file of instructions for a user." in made.notes


def test_places_follow_the_variables_of_the_programs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    assert client_named("codex").config("user", root) == tmp_path / "CODEX_HOME" / "config.toml"
    assert client_named("claude-code").config("user", root) == tmp_path / "CLAUDE_CONFIG_DIR" / ".claude.json"
    assert (
        client_named("opencode").config("user", root) == tmp_path / "XDG_CONFIG_HOME/opencode/opencode.json"
    )


def test_a_byte_order_mark_stays_where_it_is(root: Path, home: Path) -> None:
    (home / ".claude.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    install("claude-code", root)
    assert (home / ".claude.json").read_bytes().startswith(b"\xef\xbb\xbf{")
    assert installed(client_named("claude-code"), "user", root)
    remove("claude-code", root)
    assert (home / ".claude.json").read_bytes() == b'\xef\xbb\xbf{"a": 1}'


def test_the_manifests_of_the_plugin_say_the_version_that_is_shipped() -> None:
    folder = ROOT / "agents" / "plugin"
    manifests = [".claude-plugin/plugin.json", ".codex-plugin/plugin.json", "gemini-extension.json"]
    assert {json.loads((folder / name).read_text())["version"] for name in manifests} == {__version__}


def test_the_skill_keeps_within_what_the_format_allows() -> None:
    text = skill_files()["SKILL.md"]
    head, body = text.removeprefix("---\n").split("\n---\n", 1)
    values = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line and line[0] != " ")
    assert values["name"] == "autoresearch"
    assert 100 < len(values["description"]) <= 1024
    assert len(values["compatibility"]) <= 500
    assert len(body.splitlines()) < 500
    for link in ("references/notes.md", "references/trouble.md"):
        assert link in body
        assert link in skill_files()


def test_the_skill_is_valid_by_the_reference_library_of_the_format() -> None:
    from skills_ref import validate

    assert validate(ROOT / "agents" / "plugin" / "skills" / "autoresearch") == []


def test_a_skill_that_was_installed_is_valid_too(root: Path, home: Path) -> None:
    from skills_ref import validate

    install("codex", root)
    assert validate(home / ".agents" / "skills" / "autoresearch") == []


def test_the_skill_names_tools_and_commands_that_there_are() -> None:
    from autoresearch.mcp_server.catalog import TOOLS
    from tests.house.cli_facts import commands

    text = "".join(skill_files().values())
    tools = set(TOOLS)
    verbs = {name.partition("_")[0] for name in tools}
    named = {word for word in re.findall(r"`([a-z]+_[a-z_]+)`", text) if word.partition("_")[0] in verbs}
    assert len(named) > 10
    assert named - tools == set()
    known = {name for name, _ in commands()}
    typed = {" ".join(words) for words in re.findall(r"`(autoresearch) ([a-z]+)", text)}
    assert len(typed) > 6
    assert typed - known == set()
