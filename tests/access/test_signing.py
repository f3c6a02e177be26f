"""Signing in and out, passwords and links: what opens a session, and that nothing else does."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from autoresearch.errors import (
    AutoresearchError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    SlowDown,
    Unauthorized,
)
from autoresearch.ledger.access import sessions, tokens
from autoresearch.ledger.access.caller import Caller
from autoresearch.ledger.access.passwords import Passwords
from autoresearch.ledger.access.service import Access
from autoresearch.ledger.access.signing import Opened, Visitor
from autoresearch.records.access import (
    InvitationRequest,
    KeyRequest,
    OrganizationRequest,
    PasswordChange,
    PasswordReset,
    SetUp,
    SignIn,
    SignUp,
)
from autoresearch.store import access_schema as tables

ADA, GRACE = "ada@example.org", "grace@example.org"
GOOD, BETTER, WRONG = "violet otter plays chess", "nine quiet lamps above", "wrong horse entirely no"
HOME, ELSEWHERE = Visitor(address="192.0.2.1", agent="Firefox"), Visitor(address="198.51.100.7")


@pytest.fixture
def ada(access: Access) -> Any:
    return access.create_user(ADA, GOOD, "lab")[0]


def sign_in(access: Access, password: str = GOOD, email: str = ADA, visitor: Visitor = HOME) -> Opened:
    return access.signing.sign_in(SignIn.make(email=email, password=password), visitor)


def caller(access: Access, opened: Opened) -> Caller:
    return access.caller_of_session(opened.session)


def refusal(work: Any, *arguments: Any) -> dict[str, Any]:
    with pytest.raises(AutoresearchError) as caught:
        work(*arguments)
    return caught.value.envelope()


def test_a_person_signs_in_with_any_spelling_of_their_address(access: Access, ada: Any) -> None:
    opened = sign_in(access, email="  ADA@Example.ORG ")
    found = caller(access, opened)
    assert (found.kind, found.user_id, found.role, found.organization) == (
        "session",
        ada.id,
        "owner",
        "local",
    )
    assert (found.actor.kind, found.actor.name) == ("human", ADA)
    assert opened.answer.user.email == ADA
    assert opened.answer.organization is not None
    assert opened.answer.organization.name == "lab"


def test_a_session_is_no_key_and_a_key_is_no_session(access: Access, ada: Any) -> None:
    opened = sign_in(access)
    key = access.keys.create(caller(access, opened), KeyRequest.make(name="mine")).key
    said = refusal(access.authenticate, opened.session)
    assert said == refusal(access.caller_of_session, key)
    assert said == refusal(access.authenticate, opened.device)


def test_an_unknown_address_and_a_wrong_password_are_answered_alike_after_the_same_work(
    access: Access, ada: Any, passwords: Any
) -> None:
    said, work = [], []
    for email in (ADA, "nobody@example.org", "no address", "\0", "a" * 900):
        before = passwords.checked
        said.append(refusal(sign_in, access, WRONG, email))
        work.append(passwords.checked - before)
    assert said == [said[0]] * 5
    assert work == [1] * 5
    assert ADA not in str(said)


def test_who_has_no_password_yet_is_answered_like_everybody_else(access: Access, ada: Any) -> None:
    with access.write() as work:
        work.update(tables.users, {"id": ada.id}, password=None)
    assert refusal(sign_in, access, "nobody")["error"]["code"] == "unauthorized"
    assert refusal(sign_in, access, GOOD) == refusal(sign_in, access, GOOD, "nobody@example.org")


@pytest.mark.parametrize("spoiled", ["x", "", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA", "$argon2i$broken"])
def test_a_spoiled_hash_opens_nothing(access: Access, ada: Any, spoiled: str) -> None:
    with access.write() as work:
        work.update(tables.users, {"id": ada.id}, password=spoiled)
    for password in (GOOD, spoiled or " ", "nobody"):
        assert refusal(sign_in, access, password)["error"]["code"] == "unauthorized"


def test_every_sign_in_opens_another_session_and_ends_the_one_that_came_along(
    access: Access, ada: Any
) -> None:
    first = sign_in(access)
    planted = first.session
    second = sign_in(access, visitor=Visitor(address="192.0.2.1", session=planted))
    assert second.session != planted
    assert refusal(access.caller_of_session, planted)["error"]["code"] == "unauthorized"
    assert caller(access, second)
    assert second.answer.csrf_token != first.answer.csrf_token


def test_a_session_ends_when_it_is_idle_and_at_last_in_any_case(access: Access, ada: Any, clock: Any) -> None:
    idle = sign_in(access)
    clock.forward(days=7)
    assert refusal(access.caller_of_session, idle.session)["error"]["code"] == "unauthorized"
    used = sign_in(access)
    for _ in range(9):
        clock.forward(days=3)
        assert caller(access, used)
    clock.forward(days=3)
    assert refusal(access.caller_of_session, used.session)["error"]["code"] == "unauthorized"


def test_a_clock_that_jumps_a_day_ends_no_session_and_locks_nobody_out(
    access: Access, ada: Any, clock: Any
) -> None:
    opened = sign_in(access)
    for days in (1, -2, 1):
        clock.forward(days=days)
        assert caller(access, opened)
    clock.forward(days=1)
    for _ in range(6):
        refusal(sign_in, access, WRONG)
    assert refusal(sign_in, access)["error"]["code"] == "slow_down"
    clock.forward(days=-1)
    assert sign_in(access)


def test_a_session_says_where_it_is_and_can_be_ended_from_another(access: Access, ada: Any) -> None:
    here, there = sign_in(access), sign_in(access, visitor=ELSEWHERE)
    me = caller(access, here)
    listed = access.signing.sessions(me)
    assert [(one.address, one.agent, one.current) for one in listed] == [
        ("192.0.2.1", "Firefox", True),
        ("198.51.100.7", "", False),
    ]
    access.signing.end_session(me, listed[1].id)
    assert refusal(access.caller_of_session, there.session)["error"]["code"] == "unauthorized"
    third = sign_in(access, visitor=ELSEWHERE)
    assert access.signing.end_sessions(me) == 1
    assert refusal(access.caller_of_session, third.session)["error"]["code"] == "unauthorized"
    access.signing.sign_out(me)
    assert refusal(access.caller_of_session, here.session)["error"]["code"] == "unauthorized"


def test_a_session_of_somebody_else_is_not_there(access: Access, ada: Any) -> None:
    access.create_user(GRACE, BETTER, "lab", role="member")
    hers = caller(access, sign_in(access, BETTER, GRACE)).session_id
    me = caller(access, sign_in(access))
    with pytest.raises(NotFound):
        access.signing.end_session(me, str(hers))
    assert len(access.signing.sessions(me)) == 1


def test_what_a_browser_says_of_itself_is_one_clean_line(access: Access, ada: Any) -> None:
    hostile = Visitor(address="192.0.2.1", agent="A\r\nSet-Cookie: x\x1b[31m\ud800" + "b" * 999)
    me = caller(access, sign_in(access, visitor=hostile))
    (one,) = access.signing.sessions(me)
    assert one.agent.isprintable()
    assert len(one.agent) <= 200


def test_a_changed_password_ends_every_other_session(access: Access, ada: Any) -> None:
    here, there = sign_in(access), sign_in(access, visitor=ELSEWHERE)
    changed = access.signing.change_password(
        caller(access, here), PasswordChange.make(old=GOOD, new=BETTER), HOME
    )
    for old in (here, there):
        assert refusal(access.caller_of_session, old.session)["error"]["code"] == "unauthorized"
    assert caller(access, changed)
    assert refusal(sign_in, access, GOOD)["error"]["code"] == "unauthorized"
    assert sign_in(access, BETTER)


def test_the_old_password_is_needed_for_a_new_one(access: Access, ada: Any) -> None:
    me = caller(access, sign_in(access))
    assert refusal(access.signing.change_password, me, PasswordChange.make(old=WRONG, new=BETTER), HOME)
    weak = refusal(
        access.signing.change_password, me, PasswordChange.make(old=GOOD, new="qwertyuiop12"), HOME
    )
    assert weak["error"]["code"] == "invalid"
    assert "qwertyuiop12" not in str(weak)
    assert sign_in(access, GOOD)


def test_a_link_resets_a_password_once(access: Access, ada: Any, clock: Any) -> None:
    here = sign_in(access)
    first, second = access.reset_link(ADA), access.reset_link(ADA)
    reset = access.signing.reset_password
    replaced = refusal(reset, PasswordReset.make(token=first.token, password=BETTER), HOME)
    weak = refusal(reset, PasswordReset.make(token=second.token, password="ada-and-something"), HOME)
    assert weak["error"]["code"] == "invalid"
    opened = reset(PasswordReset.make(token=second.token, password=BETTER), HOME)
    assert caller(access, opened).user_id == ada.id
    assert refusal(access.caller_of_session, here.session)["error"]["code"] == "unauthorized"
    used = refusal(reset, PasswordReset.make(token=second.token, password=GOOD), HOME)
    late = access.reset_link(ADA)
    clock.forward(hours=24)
    expired = refusal(reset, PasswordReset.make(token=late.token, password=GOOD), HOME)
    unknown = refusal(reset, PasswordReset.make(token=tokens.make("arr").text, password=GOOD), HOME)
    other = refusal(reset, PasswordReset.make(token=opened.session, password=GOOD), HOME)
    assert replaced == used == expired == unknown == other


def test_the_first_account_is_made_once_with_the_token_of_the_first_start(access: Access) -> None:
    assert access.bootstrap_needed()
    tokens_ = [access.setup_token(), access.setup_token()]
    values = {"password": GOOD, "organization": "lab"}
    opened = access.signing.set_up(SetUp.make(token=tokens_[0], email=ADA, **values), HOME)
    assert caller(access, opened).role == "owner"
    assert caller(access, opened).organization == "local"
    assert not access.bootstrap_needed()
    assert access.setup_token() is None
    for token in tokens_:
        again = SetUp.make(token=token, email=GRACE, **values)
        assert refusal(access.signing.set_up, again, HOME)["error"]["code"] == "unauthorized"


def test_two_at_once_make_one_first_account(access: Access) -> None:
    token, done = access.setup_token(), []
    request = [
        SetUp.make(token=token, email=f"{name}@example.org", password=GOOD, organization=name)
        for name in "ab"
    ]

    def attempt(one: SetUp) -> None:
        try:
            done.append(access.signing.set_up(one, HOME).answer.user.email)
        except Unauthorized:
            done.append("")

    threads = [threading.Thread(target=attempt, args=(one,)) for one in request]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(map(bool, done)) == [False, True]
    assert len(access.users()) == 1


def invite(access: Access, me: Caller, email: str = GRACE, role: str = "member") -> str:
    return access.membership.invite(me, InvitationRequest.make(email=email, role=role)).token


def test_an_invitation_makes_one_account_in_its_role(access: Access, ada: Any) -> None:
    me = caller(access, sign_in(access))
    token = invite(access, me)
    request = SignUp.make(token=token, password=BETTER, name="Grace")
    opened = access.signing.sign_up(request, ELSEWHERE)
    found = caller(access, opened)
    assert (found.role, found.organization, found.actor.name) == ("member", "local", GRACE)
    assert refusal(access.signing.sign_up, request, ELSEWHERE)["error"]["code"] == "unauthorized"
    states = [one.state for one in access.membership.invitations(me).items]
    assert states == ["accepted"]


def test_every_invitation_that_cannot_be_used_is_refused_alike(access: Access, ada: Any, clock: Any) -> None:
    me = caller(access, sign_in(access))
    replaced, revoked = invite(access, me), invite(access, me, "b@example.org")
    invite(access, me)
    (_, second, _) = access.membership.invitations(me).items
    access.membership.revoke_invitation(me, second.id)
    said = [
        refusal(access.signing.sign_up, SignUp.make(token=token, password=BETTER), HOME)
        for token in (replaced, revoked, tokens.make("arv").text, "x", access.reset_link(ADA).token)
    ]
    late = invite(access, me, "c@example.org")
    clock.forward(days=7)
    said.append(refusal(access.signing.sign_up, SignUp.make(token=late, password=BETTER), HOME))
    assert said == [said[0]] * 6


def test_an_invitation_to_an_account_that_is_there_takes_its_password(access: Access, ada: Any) -> None:
    access.create_user(GRACE, BETTER, "rivals")
    token = invite(access, caller(access, sign_in(access)))
    wrong = refusal(access.signing.sign_up, SignUp.make(token=token, password=WRONG), HOME)
    assert wrong == refusal(sign_in, access, WRONG, GRACE)
    opened = access.signing.sign_up(SignUp.make(token=token, password=BETTER), HOME)
    assert caller(access, opened).organization == "local"
    assert {one.name for one in access.membership.organizations(caller(access, opened)).items} == {
        "lab",
        "rivals",
    }


def test_an_invitation_is_for_its_own_address(access: Access, ada: Any) -> None:
    access.create_user(GRACE, BETTER, "rivals")
    token = invite(access, caller(access, sign_in(access)))
    access.create_user("eve@example.org", BETTER, "elsewhere")
    eve = caller(access, sign_in(access, BETTER, "eve@example.org"))
    assert refusal(access.signing.accept, eve, token)["error"]["code"] == "unauthorized"
    grace = sign_in(access, BETTER, GRACE)
    accepted = access.signing.accept(caller(access, grace), token)
    assert caller(access, accepted).organization == "local"
    assert refusal(access.caller_of_session, grace.session)["error"]["code"] == "unauthorized"


def test_a_session_moves_to_another_organization_with_another_secret(access: Access, ada: Any) -> None:
    here = sign_in(access)
    me = caller(access, here)
    made = access.membership.create(me, OrganizationRequest.make(name="second"))
    with pytest.raises(Conflict):
        access.membership.create(me, OrganizationRequest.make(name="SECOND"))
    moved = access.signing.activate(me, made.id)
    assert caller(access, moved).organization == made.id
    assert refusal(access.caller_of_session, here.session)["error"]["code"] == "unauthorized"
    access.create_user(GRACE, BETTER, "rivals")
    theirs = caller(access, sign_in(access, BETTER, GRACE)).organization
    said = refusal(access.signing.activate, caller(access, moved), theirs)
    assert said == refusal(access.signing.activate, caller(access, moved), "no-such")


def test_a_key_cannot_do_what_only_people_do(access: Access, ada: Any) -> None:
    made = access.keys.create(access.operator("lab"), KeyRequest.make(name="k", scope="admin"))
    key = access.authenticate(made.key)
    for work in (
        lambda: access.signing.sessions(key),
        lambda: access.signing.end_sessions(key),
        lambda: access.signing.sign_out(key),
        lambda: access.signing.activate(key, "local"),
        lambda: access.signing.change_password(key, PasswordChange.make(old=GOOD, new=BETTER), HOME),
        lambda: access.membership.create(key, OrganizationRequest.make(name="x")),
        lambda: access.membership.reset_link(key, ada.id),
    ):
        with pytest.raises(Forbidden):
            work()


def test_weaker_hashes_are_made_anew_at_the_next_sign_in(access: Access, ada: Any) -> None:
    def stored() -> str:
        with access.read() as work:
            return str(work.all(tables.users, order="id")[0]["password"])

    old = stored()
    access.passwords = Passwords(memory_kib=16, passes=1)
    sign_in(access)
    assert "m=16," in stored() != old
    sign_in(access)
    assert refusal(sign_in, access, WRONG)


def test_only_so_many_passwords_are_hashed_at_once(access: Access) -> None:
    entered, leave = threading.Semaphore(0), threading.Event()
    small = Passwords(memory_kib=8, passes=1, at_once=2, waiting=1, patience=0.01)

    def hold() -> None:
        with small._turn():
            entered.release()
            leave.wait(60)

    threads = [threading.Thread(target=hold) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert entered.acquire(timeout=60)
    assert entered.acquire(timeout=60)
    with pytest.raises(SlowDown) as caught:
        small.hash(GOOD)
    assert caught.value.details["retry_after"] >= 1
    leave.set()
    for thread in threads:
        thread.join(60)
    assert small.verify(small.hash(GOOD), GOOD)


def test_a_password_stands_in_no_refusal_and_in_no_log(access: Access, ada: Any, caplog: Any) -> None:
    secret = "x7fj2kqp93mz\x01"
    for make in (
        lambda: SignIn.make(email=ADA, password=secret * 999),
        lambda: SignUp.make(token="t", password=secret * 999),
        lambda: PasswordChange.make(old=secret, new=secret, other=secret),
        lambda: SignIn.make(email=ADA, password=secret.encode()),
    ):
        said = refusal(make)
        assert "x7fj2kqp93mz" not in str(said)
    with caplog.at_level(0):
        refusal(sign_in, access, secret)
        sign_in(access)
    assert secret not in caplog.text
    assert GOOD not in caplog.text
    with access.read() as work:
        assert GOOD not in str(work.all(tables.audit, order="id"))


def test_sessions_that_ended_are_cleared_away_at_the_next_sign_in(
    access: Access, ada: Any, clock: Any
) -> None:
    for _ in range(3):
        sign_in(access)
    clock.forward(days=31)
    sign_in(access)
    with access.read() as work:
        assert len(work.all(tables.web_sessions, order="id")) == 1
    assert sessions.LONGEST.days == 30


def test_a_weak_password_makes_no_account(access: Access) -> None:
    for password in ("", "short", "qwertyuiop12", "ada.example.org", "x" * 2000):
        with pytest.raises(Invalid):
            access.create_user(ADA, password, "lab")
    assert access.bootstrap_needed()
