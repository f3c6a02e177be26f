"""Shipped files are found in a checkout and in a wheel, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from autoresearch import shipped
from autoresearch.errors import NotFound


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = folder / "autoresearch"
    package.mkdir()
    monkeypatch.setattr(shipped, "files", lambda name: folder / name)
    return package


def test_a_checkout_gives_the_folder_at_its_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "a.md").write_text("live\n", encoding="utf-8")
    assert shipped.read("prompts", "a.md") == "live\n"


def test_a_wheel_gives_the_folder_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = install(tmp_path, monkeypatch)
    (package / "_shipped" / "prompts").mkdir(parents=True)
    (package / "_shipped" / "prompts" / "a.md").write_text("packed\n", encoding="utf-8")
    (tmp_path / "prompts").mkdir()
    assert shipped.read("prompts", "a.md") == "packed\n"


def test_a_broken_wheel_does_not_read_what_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)
    (tmp_path / "prompts").mkdir()
    with pytest.raises(NotFound, match="carries no 'prompts' folder"):
        shipped.root("prompts")


@pytest.mark.parametrize(
    "name", ["missing.md", "../pyproject.toml", "a/../../x", "/etc/passwd", "", ".", "..\\x"]
)
def test_a_name_that_is_not_a_shipped_file_is_not_found(name: str) -> None:
    with pytest.raises(NotFound):
        shipped.read("prompts", name)


def test_an_undefined_name_in_a_template_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        shipped.templates().from_string("{{ nothing }}").render()


def test_a_missing_template_is_an_error() -> None:
    with pytest.raises(jinja2.TemplateNotFound):
        shipped.templates().get_template("missing.md.j2")
