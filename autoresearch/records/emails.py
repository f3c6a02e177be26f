"""E-mail addresses as people type them, brought to the one form in which they are stored and compared."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["clean_email"]

_LONGEST = 254
_LONGEST_NAME = 64
_SIGNS = frozenset("!#$%&'*+-/=?^_`{|}~.")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


def clean_email(value: str) -> str:
    """An address: white space around it removed, letters in their compatible and small form, the domain in ASCII.

    ``" Ada@Example.ORG "``, the same in full-width letters and ``"ada@example.org"`` are one address.

    Raises:
        ValueError: It is none, or it has a character that could pass for another or end a line.
    """
    plain = unicodedata.normalize("NFKC", value.strip()).casefold()
    # Folding can bring up what normalizing takes together; a second round changes nothing any more.
    plain = unicodedata.normalize("NFKC", plain)
    name, at, domain = plain.rpartition("@")
    if not at or len(plain) > _LONGEST or not _is_name(name):
        raise ValueError("must be an e-mail address, such as ada@example.org")
    return f"{name}@{_ascii(domain)}"


def _is_name(name: str) -> bool:
    if not 1 <= len(name) <= _LONGEST_NAME or name[0] == "." or name[-1] == "." or ".." in name:
        return False
    return all(sign in _SIGNS or unicodedata.category(sign)[0] in "LN" for sign in name)


def _ascii(domain: str) -> str:
    try:
        plain = domain.encode("idna").decode("ascii").lower() if not domain.isascii() else domain
    except UnicodeError:
        plain = ""
    labels = plain.split(".")
    if not plain or any(not _LABEL.match(label) for label in labels):
        raise ValueError("must be an e-mail address whose domain is one, such as ada@example.org")
    return plain
