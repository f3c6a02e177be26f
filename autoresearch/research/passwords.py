"""Which passwords are too easy to guess: told by their shape and by a few words, without a list of anybody's passwords."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["LONGEST", "SHORTEST", "weakness"]

SHORTEST = 12
LONGEST = 1024
_LEAST_SIGNS = 5
_LEAST_LEFT = 6
_SHORTEST_RUN = 4
_SHORTEST_WORD = 3

# What the passwords that are tried first are made of, in the small letters that remain when digits stand for no letter.
_WORDS = """
password passwort passw0rd motdepasse contrasena parola senha wachtwoord lozinka haslo secret geheim letmein welcome willkommen bienvenue
admin administrator root user guest login logon master access default changeme change test testing tester demo temp sample example
iloveyou loveyou iloveu forever always princess princesa sunshine rainbow flower butterfly angel angels baby lovely beautiful happy smile
monkey dragon tiger eagle shadow phoenix falcon panther wolf horse dolphin kitty cat dog puppy
football baseball basketball soccer hockey liverpool chelsea arsenal barcelona juventus yankees lakers cowboys steelers
superman batman spiderman starwars pokemon naruto minecraft matrix gandalf hello whatever trustno trustnoone nothing
computer internet samsung google facebook instagram apple microsoft windows linux android
michael jordan michelle jessica ashley charlie daniel thomas robert anthony andrew nicole jennifer hannah samantha
spring summer autumn winter january february march april june july august september october november december
monday tuesday wednesday thursday friday saturday sunday
autoresearch
"""
_COMMON = sorted(_WORDS.split(), key=len, reverse=True)
_ROWS = (
    "qwertzuiop",
    "qwertyuiop",
    "azertyuiop",
    "asdfghjkl",
    "yxcvbnm",
    "zxcvbnm",
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
)
_COLUMNS = (
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "qazwsxedcrfvtgbyhnujm",
    "1q2w3e4r5t6y7u8i9o0p",
    "a1b2c3d4e5f6g7h8i9j0",
)
_PATHS = tuple(path for row in (*_ROWS, *_COLUMNS) for path in (row, row[::-1]))
_LETTERS = str.maketrans("013457@$!|€", "oieastasiie")
_YEARS = re.compile(r"(?:19|20)\d\d")


def weakness(password: str, *, email: str = "", names: Iterable[str] = ()) -> str | None:
    """Why a password cannot be taken, as the end of a sentence that begins with "it"; None when it can.

    Args:
        password: As it was typed.
        email: The address it belongs to: its name must not be part of the password.
        names: Further words that an attacker would try, such as the organization's name.
    """
    plain = unicodedata.normalize("NFKC", password)
    if len(plain) < SHORTEST:
        return f"has fewer than {SHORTEST} characters"
    if len(plain) > LONGEST:
        return f"has more than {LONGEST:,} characters"
    if not plain.isprintable():
        return "has characters that cannot be seen"
    small = plain.casefold()
    if len(set(small)) < _LEAST_SIGNS:
        return f"has fewer than {_LEAST_SIGNS} different characters"
    if _repeats(small):
        return "repeats itself"
    name = email.casefold().partition("@")[0]
    if len(name) >= _SHORTEST_WORD and (name in small or name in _letters(small)):
        return "contains the name of the e-mail address"
    if _left(small, _own_words(email, names)) < _LEAST_LEFT:
        return "is made of well-known words, years or neighbouring keys, which are tried first"
    return None


def _own_words(email: str, names: Iterable[str]) -> list[str]:
    words = [part for one in (email, *names) for part in re.split(r"[\W_]+", one.casefold())]
    return sorted((word for word in words if len(word) >= _SHORTEST_WORD), key=len, reverse=True)


def _repeats(text: str) -> bool:
    """Whether it is one piece again and again, the last perhaps cut short."""
    return any(
        all(text[place] == text[place - size] for place in range(size, len(text)))
        for size in range(1, len(text) // 2 + 1)
    )


def _letters(text: str) -> str:
    return text.translate(_LETTERS)


def _left(small: str, own: list[str]) -> int:
    """How many characters remain when everything is taken away that is tried first."""
    rest = _YEARS.sub("\0", _without_paths(small))
    rest = re.sub(r"[\s._-]+", "", rest)
    # Both readings of a digit are tried: "dr4gon" is a word, and "2" in "summer2" is one of few endings.
    return min(len(_without_words(reading, own)) for reading in (rest, _letters(rest)))


def _without_words(text: str, own: list[str]) -> str:
    for word in (*own, *_COMMON):
        text = text.replace(word, "\0")
    return re.sub(r"\0|(?<!\w)[\d\W]+(?!\w)|[\d\W]+\Z", "", text)


def _without_paths(text: str) -> str:
    kept: list[str] = []
    place = 0
    while place < len(text):
        size = max(_run(text, place), 1)
        kept.append("\0" if size >= _SHORTEST_RUN else text[place])
        place += size if size >= _SHORTEST_RUN else 1
    return "".join(kept)


def _run(text: str, place: int) -> int:
    """How far a stretch along the keyboard, the alphabet or the digits goes from here, or one and the same character."""
    same = len(text) - place - len(text[place:].lstrip(text[place]))
    best = same
    for path in _PATHS:
        size = best + 1
        while place + size <= len(text) and text[place : place + size] in path:
            best = size
            size += 1
    return best
