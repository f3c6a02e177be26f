"""Names that people can say and tell apart, for runs that were given none."""

from __future__ import annotations

import os

__all__ = ["new_name"]

_FIRST = (
    "amber", "bold", "brisk", "calm", "clear", "cool", "crisp", "deep", "dry", "eager", "early", "even", "fair", "fast",
    "fine", "firm", "fresh", "gentle", "glad", "grand", "green", "keen", "kind", "late", "light", "lively", "long", "loud",
    "lucky", "mellow", "mild", "neat", "new", "noble", "plain", "proud", "quick", "quiet", "rapid", "rare", "ripe", "round",
    "sharp", "silver", "slow", "smooth", "soft", "solid", "spare", "steady", "still", "sunny", "swift", "tall", "tame", "tidy",
    "true", "vivid", "warm", "wide", "wild", "wise", "young", "zesty",
)  # fmt: skip
_SECOND = (
    "alder", "ash", "badger", "beech", "birch", "bison", "brook", "cedar", "cliff", "cloud", "comet", "coral", "crane", "creek",
    "delta", "dune", "eagle", "elm", "ember", "falcon", "fern", "field", "finch", "fjord", "forest", "fox", "glade", "grove",
    "harbor", "hawk", "heron", "hill", "ibis", "island", "lake", "larch", "lark", "lynx", "maple", "marsh", "meadow", "mesa",
    "moss", "oak", "ocean", "orchid", "otter", "owl", "peak", "pine", "plover", "pond", "raven", "reef", "ridge", "river",
    "robin", "spruce", "stone", "swan", "tern", "valley", "willow", "wren",
)  # fmt: skip


def new_name() -> str:
    """A random name such as ``quiet-otter-3fa9``, one of 268 million."""
    noise = os.urandom(4)
    return f"{_FIRST[noise[0] % 64]}-{_SECOND[noise[1] % 64]}-{noise[2:].hex()}"
