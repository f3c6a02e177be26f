"""E-mail addresses: one form for one person, and no room for tricks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.records.emails import clean_email


@pytest.mark.parametrize(
    "typed",
    [
        "ada@example.org",
        " Ada@Example.ORG\t",
        "ADA@EXAMPLE.ORG",
        "\uff41\uff44\uff41@example.org",
        "ada\uff20example\uff0eorg",
    ],
)
def test_one_address_has_one_form(typed: str) -> None:
    assert clean_email(typed) == "ada@example.org"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
        ("a.b+c@x-y.example", "a.b+c@x-y.example"),
        ("root@localhost", "root@localhost"),
        ("STRASSE@ß.example", "strasse@ss.example"),
    ],
)
def test_unusual_addresses_are_taken(typed: str, stored: str) -> None:
    assert clean_email(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "@",
        "ada",
        "ada@",
        "@example.org",
        "a da@example.org",
        "ada@exa mple.org",
        "ada@example.org\nbcc: eve@example.org",
        "ada\r\n@example.org",
        "ada\0@example.org",
        "ada@example.org\0",
        "a\u200bda@example.org",
        "ada\u202e@example.org",
        "a@da@example.org",
        '"ada"@example.org',
        "<ada@example.org>",
        "ada@[127.0.0.1]",
        ".ada@example.org",
        "ada.@example.org",
        "a..da@example.org",
        "ada@-example.org",
        "ada@example..org",
        "ada@exam_ple.org",
        "ada@" + "x" * 64 + ".org",
        "x" * 65 + "@example.org",
        "ada@" + "x.e" * 100,
        "ada/../eve@example.org\\",
        "\ud800@example.org",
        "ada@\ud800.org",
    ],
)
def test_what_could_pass_for_something_else_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="must be an e-mail address"):
        clean_email(typed)


@given(st.text(max_size=40) | st.from_regex(r"[^@]{1,20}@[^@]{1,20}", fullmatch=True))
def test_a_stored_address_is_its_own_stored_form(typed: str) -> None:
    try:
        stored = clean_email(typed)
    except ValueError:
        return
    assert clean_email(stored) == stored
    assert stored.count("@") == 1
    assert stored.isprintable()
    assert not set(stored) & set(' \t\r\n<>()"\\,;:[]')
