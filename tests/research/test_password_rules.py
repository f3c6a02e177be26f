"""Which passwords are refused, and that good ones are not."""

from __future__ import annotations

import secrets

import pytest

from autoresearch.research.passwords import weakness


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password123!!",
        "P@ssw0rd2023!",
        "passwordpassword",
        "qwertyuiop123",
        "qwertzuiop12",
        "azertyuiop99",
        "aaaaaaaaaaaa",
        "aaaaaabbbbbb",
        "abcabcabcabc",
        "123456789012",
        "987654321098",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "a1b2c3d4e5f6",
        "letmein2024!!",
        "Summer2024!!!",
        "iloveyou12345",
        "sunshine sunshine 99",
        "dragonmonkey12",
        "administrator1",
        "autoresearch12",
        "Winter!2023#2024",
    ],
)
def test_what_is_tried_first_is_refused(password: str) -> None:
    assert weakness(password) is not None


@pytest.mark.parametrize(
    "password",
    [
        "violet otter plays chess",
        "horse-battery-purple-sofa",
        "blauer elefant tanzt",
        "kX9#mQ2$vL7p",
        "x7fj2kqp93mz",
        "日本語のパスワードは長いです",
        "my password is a poem about foxes",
    ],
)
def test_what_nobody_would_guess_is_taken(password: str) -> None:
    assert weakness(password, email="ada@example.org", names=["lab"]) is None


def test_random_passwords_are_taken() -> None:
    assert [one for one in (secrets.token_urlsafe(12) for _ in range(2000)) if weakness(one)] == []


@pytest.mark.parametrize(
    "password",
    ["ada.lovelace!71x", "ADA.LOVELACE-kq7", "my ada.lovelace x9", "@da.l0velace 7 kq"],
)
def test_a_password_does_not_contain_the_name_of_the_address(password: str) -> None:
    assert weakness(password, email="ada.lovelace@example.org") == "contains the name of the e-mail address"


def test_the_name_of_the_organization_and_of_the_domain_count_as_nothing() -> None:
    assert weakness("nimbuslabs-2024", names=["Nimbus Labs"])
    assert weakness("contoso-2024-contoso!", email="j@contoso.example")
    assert weakness("nimbuslabs-2024") is None


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("x7fj2kqp93m", "fewer than 12 characters"),
        ("", "fewer than 12 characters"),
        ("x7fj2kqp93mz" * 86, "more than 1,024 characters"),
        ("x7fj2kqp\n93mz", "cannot be seen"),
        ("x7fj2kqp\u200b93mz", "cannot be seen"),
    ],
)
def test_length_and_characters_are_bounded(password: str, said: str) -> None:
    assert said in str(weakness(password))
