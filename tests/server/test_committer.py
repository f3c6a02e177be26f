"""Group commit: many together, each answered for itself, in order, never more than there is room for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from autoresearch.errors import AutoresearchError, Conflict, SlowDown, StoreFull, Unavailable
from autoresearch.ledger.local.gathering import Part, position_of, store_together
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch
from autoresearch.server.committer import Answer, Committer
from tests.run_batches import rows
from tests.waiting import until

Store = Callable[[Sequence[Part]], list[Answer]]


class Gate:
    """A store that waits to be let through, and remembers its groups."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.open = threading.Event()
        self.reached = threading.Event()
        self.groups: list[int] = []

    def __call__(self, parts: Sequence[Part]) -> list[Answer]:
        self.reached.set()
        assert self.open.wait(60)
        self.groups.append(len(parts))
        return self.store(parts)


@contextmanager
def committing(store: Store, **limits: Any) -> Iterator[Committer]:
    committer = Committer(store, **limits)
    try:
        yield committer
    finally:
        committer.close()


def batch(sequence: int = 1, *, run: str | None = None, writer: str | None = None) -> Batch:
    made = rows({"loss": [float(sequence)]}, first=sequence)
    return Batch(run or new_id(), writer or new_id(), sequence, sequence, rows=[made])


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LocalLedger]:
    with LocalLedger.open(tmp_path) as made:
        yield made


def running(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


def test_what_comes_while_a_group_is_stored_becomes_one_group(ledger: LocalLedger) -> None:
    gate = Gate(partial(store_together, ledger.database))
    with committing(gate) as committer:

        async def work() -> list[Answer]:
            first = committer.submit("local", batch())
            await asyncio.to_thread(gate.reached.wait, 60)
            every = [first, *(committer.submit("local", batch()) for _ in range(20))]
            assert committer.waiting == 21
            gate.open.set()
            return [await each for each in every]

        assert running(work()) == [1] * 21
    assert gate.groups == [1, 20]


def test_batches_of_one_writer_are_stored_in_their_order(ledger: LocalLedger) -> None:
    run, writer = new_id(), new_id()
    with committing(partial(store_together, ledger.database), lanes=4) as committer:

        async def work() -> list[Answer]:
            every = [committer.submit("local", batch(n, run=run, writer=writer)) for n in range(1, 101)]
            return [await each for each in every]

        assert running(work()) == list(range(1, 101))
    assert position_of(ledger.database, "local", writer) == 100


def test_a_thread_that_is_at_work_on_a_run_holds_up_its_batches_and_no_others() -> None:
    slow, reached, held = new_id(), threading.Event(), threading.Event()
    stored: list[tuple[str, int]] = []

    def store(parts: Sequence[Part]) -> list[Answer]:
        if any(part.batch.run == slow for part in parts):
            reached.set()
            assert held.wait(60)
        stored.extend((part.batch.run, part.batch.first) for part in parts)
        return [part.batch.last for part in parts]

    with committing(store, lanes=2) as committer:

        async def work() -> list[Answer]:
            waiting = [committer.submit("local", batch(1, run=slow))]
            await asyncio.to_thread(reached.wait, 60)
            waiting += [committer.submit("local", batch(number, run=slow)) for number in range(2, 6)]
            others = [committer.submit("local", batch(number)) for number in range(1, 6)]
            assert [await each for each in others] == [1, 2, 3, 4, 5]
            assert not any(each.done() for each in waiting)
            held.set()
            return [await each for each in waiting + others]

        assert running(work()) == [1, 2, 3, 4, 5] * 2
    assert [number for run, number in stored if run == slow] == [1, 2, 3, 4, 5]
    assert len(stored) == 10


def test_organizations_share_a_transaction_and_nothing_else(ledger: LocalLedger) -> None:
    run, writer = new_id(), new_id()
    with committing(partial(store_together, ledger.database)) as committer:

        async def work() -> list[Answer]:
            taken = await committer.commit("one", [batch(1, run=run, writer=writer)])
            return taken + await committer.commit("two", [batch(5, run=run, writer=writer)])

        one, two = running(work())
    assert one == 1
    assert isinstance(two, Conflict)
    assert two.details == {"sequence": 0}


def test_whoever_comes_when_it_is_full_is_told_to_come_again(ledger: LocalLedger) -> None:
    gate = Gate(partial(store_together, ledger.database))
    with committing(gate, most_parts=3) as committer:

        async def work() -> list[Answer]:
            waiting = [committer.submit("local", batch()) for _ in range(3)]
            with pytest.raises(SlowDown) as refusal:
                committer.submit("local", batch())
            assert refusal.value.details == {"retry_after": 1}
            answers = asyncio.create_task(committer.commit("local", [batch()] * 2))
            # Behind the first step of the task: room may be made at once where the store is let through.
            asyncio.get_running_loop().call_soon(gate.open.set)
            return [await each for each in waiting] + await answers

        *stored, refused, other = running(work())
        assert stored == [1, 1, 1]
        assert isinstance(refused, SlowDown)
        assert refused is other
        assert running(committer.commit("local", [batch()])) == [1]


def test_bytes_that_wait_are_bounded_and_one_batch_always_fits(ledger: LocalLedger) -> None:
    gate = Gate(partial(store_together, ledger.database))
    large = Batch(new_id(), new_id(), 1, 1000, rows=[rows({"loss": [1.0] * 1000}, first=1)])
    with committing(gate, most_bytes=10_000) as committer:

        async def work() -> Answer:
            waiting = committer.submit("local", large)
            with pytest.raises(SlowDown):
                committer.submit("local", batch())
            gate.open.set()
            return await waiting

        assert running(work()) == 1000
        assert running(committer.commit("local", [batch()])) == [1]


def test_a_full_disk_answers_everybody_and_the_thread_lives_on(ledger: LocalLedger) -> None:
    full = threading.Event()
    full.set()

    def store(parts: Sequence[Part]) -> list[Answer]:
        if not full.is_set():
            return store_together(ledger.database, parts)
        with ledger.database.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        with ledger.database.write() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        try:
            return store_together(ledger.database, parts)
        finally:
            with ledger.database.write() as connection:
                connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")

    wide = Batch(
        new_id(), new_id(), 1, 50, rows=[rows({f"key {n}": [1.0] * 50 for n in range(200)}, first=1)]
    )
    with committing(store) as committer:

        async def work() -> list[list[Answer]]:
            return list(await asyncio.gather(*(committer.commit("local", [wide]) for _ in range(3))))

        answers = [answer for (answer,) in running(work())]
        assert all(isinstance(answer, StoreFull) for answer in answers), answers
        full.clear()
        assert running(committer.commit("local", [wide])) == [50]
    assert position_of(ledger.database, "local", wide.writer) == 50


def test_one_batch_that_nobody_can_store_spoils_no_other(
    ledger: LocalLedger, caplog: pytest.LogCaptureFixture
) -> None:
    poison = batch()

    def store(parts: Sequence[Part]) -> list[Answer]:
        if any(part.batch is poison for part in parts):
            raise RecursionError("a secret of the machine")
        return store_together(ledger.database, parts)

    gate = Gate(store)
    with committing(gate) as committer:

        async def work() -> list[Answer]:
            held = committer.submit("local", batch())
            await asyncio.to_thread(gate.reached.wait, 60)
            every = [held, *(committer.submit("local", each) for each in (batch(), poison, batch()))]
            gate.open.set()
            return [await each for each in every]

        one, two, bad, three = running(work())
        assert (one, two, three) == (1, 1, 1)
        assert type(bad) is AutoresearchError
        assert "secret" not in str(bad.envelope())
        assert "a secret of the machine" in caplog.text
        assert running(committer.commit("local", [batch()])) == [1]


def test_closing_stores_what_was_taken_in_and_refuses_the_rest(ledger: LocalLedger) -> None:
    gate = Gate(partial(store_together, ledger.database))
    committer = Committer(gate)

    async def work() -> list[Answer]:
        every = [committer.submit("local", batch()) for _ in range(5)]
        closing = asyncio.create_task(asyncio.to_thread(committer.close))
        await asyncio.to_thread(until, lambda: committer.closing)
        with pytest.raises(Unavailable, match="being stopped"):
            committer.submit("local", batch())
        gate.open.set()
        await closing
        return [await each for each in every]

    assert running(work()) == [1] * 5


def test_whoever_goes_away_takes_nothing_from_the_others(ledger: LocalLedger) -> None:
    gate = Gate(partial(store_together, ledger.database))
    gone = batch()
    with committing(gate) as committer:

        async def work() -> Answer:
            leaving, staying = committer.submit("local", gone), committer.submit("local", batch())
            leaving.cancel()
            gate.open.set()
            return await staying

        assert running(work()) == 1
    assert position_of(ledger.database, "local", gone.writer) == 1
