"""Guessing passwords takes long, and nobody can keep an owner out by guessing."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from autoresearch.errors import SlowDown, Unauthorized
from autoresearch.ledger.access.service import Access
from autoresearch.ledger.access.signing import Opened, Visitor
from autoresearch.records.access import SignIn
from autoresearch.research.throttle import LIMITS, delay
from autoresearch.store import access_schema as tables

ADA, GOOD, WRONG = "ada@example.org", "violet otter plays chess", "wrong horse entirely no"


@pytest.fixture(autouse=True)
def ada(access: Access) -> Any:
    return access.create_user(ADA, GOOD, "lab")[0]


def sign_in(
    access: Access, password: str, address: str = "192.0.2.1", email: str = ADA, **more: Any
) -> Opened:
    request = SignIn.make(email=email, password=password)
    return access.signing.sign_in(request, Visitor(address=address, **more))


def guess(access: Access, address: str = "192.0.2.1", email: str = ADA, **more: Any) -> float:
    """Guess wrong; 0 when the guess was looked at, else the seconds to wait."""
    with pytest.raises((Unauthorized, SlowDown)) as caught:
        sign_in(access, WRONG, address, email, **more)
    return float(caught.value.details.get("retry_after", 0))


def guesses_within(access: Access, clock: Any, seconds: int, **how: Any) -> int:
    """How many wrong passwords somebody gets looked at who always comes as early as possible."""
    looked_at, end = 0, clock.now.timestamp() + seconds
    while clock.now.timestamp() < end:
        wait = guess(access, **how)
        if wait:
            clock.forward(seconds=wait)
        else:
            looked_at += 1
            assert looked_at < 1000, "nothing slows this down"
    return looked_at


def test_the_wait_doubles_up_to_a_bound() -> None:
    for count, limit in LIMITS.items():
        waits = [delay(count, failures).total_seconds() for failures in range(limit.free + 40)]
        assert waits[: limit.free + 3] == [0] * (limit.free + 1) + [1, 2]
        assert waits == sorted(waits)
        assert waits[-1] == limit.most
    assert delay("account", 10**9).total_seconds() == 60


def test_a_guesser_at_one_address_gets_a_few_hundred_guesses_a_day(
    access: Access, clock: Any, passwords: Any
) -> None:
    before = passwords.checked
    looked_at = guesses_within(access, clock, 24 * 3600)
    assert looked_at < 310
    assert passwords.checked - before == looked_at


def test_a_guess_that_comes_too_early_is_not_looked_at_and_does_not_prolong_the_wait(
    access: Access, clock: Any, passwords: Any
) -> None:
    for _ in range(6):
        assert guess(access) == 0
    before = passwords.checked
    assert {guess(access) for _ in range(50)} == {1}
    assert passwords.checked == before
    clock.forward(seconds=1)
    assert sign_in(access, GOOD)


def test_the_right_password_after_the_wait_gets_in_and_forgets_the_mistakes(
    access: Access, clock: Any
) -> None:
    waits = [guess(access) for _ in range(9)]
    wait = waits[-1]
    with pytest.raises(SlowDown):
        sign_in(access, GOOD)
    clock.forward(seconds=wait)
    sign_in(access, GOOD)
    assert [guess(access) for _ in range(5)] == [0] * 5


def test_an_owner_at_a_known_device_gets_in_whatever_others_do(access: Access, clock: Any) -> None:
    device = sign_in(access, GOOD).device
    for number in range(200):
        guess(access, f"198.51.{number}.9")
    assert guess(access, "192.0.2.1") > 0
    assert sign_in(access, GOOD, "192.0.2.1", device=device)
    assert sign_in(access, GOOD, "203.0.113.5", device=device)
    with pytest.raises(SlowDown):
        sign_in(access, GOOD, "203.0.113.5")


def test_a_device_of_somebody_else_is_nothing_special(access: Access, clock: Any) -> None:
    access.create_user("eve@example.org", GOOD, "rivals")
    device = sign_in(access, GOOD, email="eve@example.org").device
    assert guesses_within(access, clock, 3600, device=device) < 40
    guess(access)
    assert device
    other = "b" if device.endswith("a") else "a"
    for forged in ("", "x", "ard_aaaaaaaa_" + "a" * 56, device[:-1] + other):
        assert guess(access, device=forged) > 0


def test_a_known_device_does_not_guess_without_end_either(access: Access, clock: Any) -> None:
    device = sign_in(access, GOOD).device
    assert guesses_within(access, clock, 3600, device=device) < 80


def test_many_accounts_are_not_tried_from_one_address(access: Access, clock: Any) -> None:
    looked_at = 0
    for number in range(300):
        looked_at += guess(access, email=f"person{number}@example.org") == 0
    assert looked_at == LIMITS["address"].free + 1
    assert guess(access, "192.0.2.2", "another@example.org") == 0


def test_one_account_is_not_tried_from_many_addresses(access: Access, clock: Any) -> None:
    looked_at = sum(guess(access, f"198.51.100.{number}") == 0 for number in range(100))
    assert looked_at == LIMITS["account"].free + 1
    clock.forward(seconds=60)
    assert sign_in(access, GOOD, "203.0.113.1")


def test_neighbours_in_one_ipv6_network_are_one_address(access: Access) -> None:
    for number in range(6):
        assert guess(access, f"2001:db8:1:2::{number}") == 0
    assert guess(access, "2001:db8:1:2:ffff::1") > 0
    assert guess(access, "2001:db8:1:3::1") == 0
    assert guess(access, "::ffff:192.0.2.9") == 0
    assert guess(access, "not an address") == 0


def test_an_address_nobody_has_is_slowed_down_alike(access: Access) -> None:
    waits = [
        [guess(access, f"192.0.2.{n}", email) for _ in range(9)] for n, email in ((1, ADA), (2, "x@y.z"))
    ]
    assert waits[0] == waits[1]


def test_many_guesses_at_once_are_counted_before_they_are_checked(access: Access, passwords: Any) -> None:
    before, start = passwords.checked, threading.Barrier(16)

    def attempt() -> None:
        start.wait(60)
        guess(access)

    threads = [threading.Thread(target=attempt) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert passwords.checked - before <= LIMITS["pair"].free + 1


def test_what_was_typed_is_not_kept_and_old_counts_are_forgotten(access: Access, clock: Any) -> None:
    secret = "typed into the wrong field"
    guess(access, email=secret)
    with access.read() as work:
        rows = work.all(tables.sign_in_attempts, order="bucket")
    assert len(rows) == 3
    assert secret not in str(rows)
    clock.forward(hours=25)
    guess(access, "192.0.2.7")
    with access.read() as work:
        kept = work.all(tables.sign_in_attempts, order="bucket")
    assert {row["bucket"] for row in kept}.isdisjoint(row["bucket"] for row in rows)
