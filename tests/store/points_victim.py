"""Writes and compacts a run without end, and says after each commit how far it is: to be killed in the middle."""

from __future__ import annotations

import math
import random
import sqlite3
import sys

from autoresearch.store.points import Points
from tests.store.points_model import Row, batch


def rows(first: int, count: int) -> list[Row]:
    """Records that follow from their sequence numbers; every tenth one is logged again later, some out of order."""
    made: list[Row] = []
    for number in range(first, first + count):
        step = number - 500 if number % 10 == 0 else number
        numbers = {"loss": math.sin(number), "acc": number / 7} if number % 3 else {"loss": math.sin(number)}
        made.append((step, 1e9 + number, numbers))
    return made


def size(first: int) -> int:
    """How many records the batch that begins here has."""
    return random.Random(first).choice([1, 30, 700, 3000])


def main(path: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None, timeout=60)
    connection.execute("PRAGMA synchronous=FULL")
    while True:
        connection.execute("BEGIN IMMEDIATE")
        points = Points(connection, "local")
        first = points.position("w") + 1
        each = batch(rows(first, size(first)), first=first)
        points.take(each)
        connection.execute("COMMIT")
        print(each.last, flush=True)
        connection.execute("BEGIN IMMEDIATE")
        points.compact("r", whole=True, most_points=2000)
        connection.execute("COMMIT")


if __name__ == "__main__":
    main(sys.argv[1])
