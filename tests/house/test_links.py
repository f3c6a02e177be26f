"""The documentation hangs together: links lead somewhere, every page can be found, the changelog knows the version."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autoresearch import __version__
from tests.house.source import ROOT

PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|<(?:img|a)[^>]*\b(?:src|href)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def _text(page: Path) -> str:
    return _CODE.sub("", page.read_text(encoding="utf-8"))


def _links(page: Path) -> list[str]:
    return [first or second for first, second in _LINK.findall(_text(page))]


def _anchors(page: Path) -> set[str]:
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(_text(page)))
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    dead = []
    for link in _links(page):
        name, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)
    assert dead == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        names = (link.partition("#")[0] for link in _links(page))
        ahead += [(page.parent / name).resolve() for name in names if name and ":" not in name]
    assert {page.relative_to(ROOT).as_posix() for page in PAGES if page not in reached} == set()


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    entries = re.findall(
        r"^## \[?([^\]\s]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    released = [entry for entry in entries if entry.lower() != "unreleased"]
    assert released[0] == __version__


def test_design_notes_are_numbered_without_gaps_and_stay_short() -> None:
    notes = sorted((ROOT / "docs" / "design").glob("[0-9]*.md"))
    assert [note.name[:3] for note in notes] == [f"{number:03}" for number in range(1, len(notes) + 1)]
    assert {
        note.name: note.read_text(encoding="utf-8").count("\n")
        for note in notes
        if len(note.read_bytes()) > 6000
    } == {}
