"""Who may do what to whom in an organization, as one table, and that an organization is never without an owner."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from autoresearch.errors import Conflict, Forbidden, NotFound, Unauthorized
from autoresearch.ledger.access.caller import Caller
from autoresearch.ledger.access.service import Access
from autoresearch.ledger.access.signing import Visitor
from autoresearch.ledger.access.work import ordered_id
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.access import (
    IngestionKeyRequest,
    InvitationRequest,
    KeyRequest,
    OrganizationRequest,
    RoleRequest,
    SignIn,
)
from autoresearch.records.run import FinishRequest
from autoresearch.store.objects import Objects
from tests.run_batches import Writer

GOOD = "violet otter plays chess"
ROLES = ("owner", "admin", "member", "viewer")


@pytest.fixture
def lab(access: Access) -> dict[str, Caller]:
    """A person of each role, signed in."""
    found = {}
    for role in ROLES:
        email = f"{role}@example.org"
        access.create_user(email, GOOD, "lab", role=role)  # type: ignore[arg-type]
        opened = access.signing.sign_in(SignIn.make(email=email, password=GOOD), Visitor(address=role))
        found[role] = access.caller_of_session(opened.session)
    return found


def allowed(work: Any, *arguments: Any) -> bool:
    try:
        work(*arguments)
    except Forbidden:
        return False
    return True


def id_of(lab: dict[str, Caller], role: str) -> str:
    return str(lab[role].user_id)


# Who may turn whom into what: the whole of it.
MAY_CHANGE = {("owner", target, role) for target, role in itertools.product(ROLES, ROLES)} | {
    ("admin", target, role) for target, role in itertools.product(("member", "viewer"), repeat=2)
}


@pytest.mark.parametrize(("by", "target", "role"), [*itertools.product(ROLES, repeat=3)])
def test_roles_are_changed_by_those_above_them(
    access: Access, lab: dict[str, Caller], by: str, target: str, role: str
) -> None:
    access.create_user("second@example.org", GOOD, "lab")
    done = allowed(access.membership.set_role, lab[by], id_of(lab, target), RoleRequest.make(role=role))
    assert done == ((by, target, role) in MAY_CHANGE)
    members = {one.user_id: one.role for one in access.membership.members(lab["viewer"]).items}
    assert members[id_of(lab, target)] == (role if done else target)


@pytest.mark.parametrize(("by", "role"), [*itertools.product(ROLES, ROLES)])
def test_people_are_invited_and_removed_by_those_above_them(
    access: Access, lab: dict[str, Caller], by: str, role: str
) -> None:
    access.create_user("second@example.org", GOOD, "lab")
    expected = by == "owner" or (by == "admin" and role in {"member", "viewer"})
    request = InvitationRequest.make(email="new@example.org", role=role)
    assert allowed(access.membership.invite, lab[by], request) == expected
    assert allowed(access.membership.remove, lab[by], id_of(lab, role)) == (expected or by == role)


@pytest.mark.parametrize(("by", "role"), [*itertools.product(ROLES, ROLES)])
def test_a_link_to_reset_a_password_is_made_for_those_below_alone(
    access: Access, lab: dict[str, Caller], by: str, role: str
) -> None:
    expected = by in {"owner", "admin"} and ROLES.index(by) < ROLES.index(role)
    assert allowed(access.membership.reset_link, lab[by], id_of(lab, role)) == expected


def test_no_link_is_made_for_whoever_is_in_another_organization_too(
    access: Access, lab: dict[str, Caller]
) -> None:
    access.membership.create(lab["member"], OrganizationRequest.make(name="own"))
    assert not allowed(access.membership.reset_link, lab["owner"], id_of(lab, "member"))


@pytest.mark.parametrize("by", ROLES)
def test_keys_names_and_the_log_are_for_those_the_table_names(
    access: Access, lab: dict[str, Caller], by: str
) -> None:
    above = by in {"owner", "admin"}
    writes = by != "viewer"
    assert allowed(access.keys.create, lab[by], KeyRequest.make(name="w", scope="write")) == writes
    assert allowed(access.keys.create, lab[by], KeyRequest.make(name="a", scope="admin")) == above
    assert allowed(access.keys.list, lab[by]) == writes
    assert allowed(access.membership.invitations, lab[by]) == above
    assert allowed(access.membership.audit, lab[by]) == above
    rename = OrganizationRequest.make(name="new")
    assert allowed(access.membership.rename, lab[by], "local", rename) == above
    assert allowed(access.membership.members, lab[by])


def test_an_organization_is_never_without_an_owner(access: Access, lab: dict[str, Caller]) -> None:
    owner = lab["owner"]
    with pytest.raises(Conflict, match="without an owner"):
        access.membership.remove(owner, id_of(lab, "owner"))
    for role in ROLES[1:]:
        with pytest.raises(Conflict, match="without an owner"):
            access.membership.set_role(owner, id_of(lab, "owner"), RoleRequest.make(role=role))
    access.membership.set_role(owner, id_of(lab, "owner"), RoleRequest.make(role="owner"))
    access.membership.set_role(owner, id_of(lab, "admin"), RoleRequest.make(role="owner"))
    access.membership.remove(owner, id_of(lab, "owner"))


def test_whoever_leaves_or_is_removed_opens_nothing_any_more(access: Access, lab: dict[str, Caller]) -> None:
    member = lab["member"]
    made = access.keys.create(member, KeyRequest.make(name="mine"))
    opened = access.signing.sign_in(SignIn.make(email="member@example.org", password=GOOD), Visitor())
    access.membership.remove(lab["admin"], id_of(lab, "member"))
    with pytest.raises(Unauthorized):
        access.authenticate(made.key)
    left = access.caller_of_session(opened.session)
    assert (left.organization, left.role, left.scopes) == ("", None, frozenset())
    for action in ("read", "write", "ingest", "keys", "people"):
        assert not left.may(action)
    assert access.membership.organizations(left).items == ()
    (key,) = access.keys.list(lab["owner"]).items
    assert key.state == "revoked"


def test_a_key_stops_while_its_maker_may_not_do_what_it_allows(
    access: Access, lab: dict[str, Caller]
) -> None:
    made = access.keys.create(lab["member"], KeyRequest.make(name="mine"))
    for role, works in (("viewer", False), ("member", True)):
        access.membership.set_role(lab["owner"], id_of(lab, "member"), RoleRequest.make(role=role))
        (key,) = access.keys.list(lab["owner"]).items
        assert (key.state == "active") == works
        if works:
            assert access.authenticate(made.key).scopes == {"read", "write"}
        else:
            with pytest.raises(Unauthorized):
                access.authenticate(made.key)


def test_a_member_sees_and_revokes_their_own_keys_alone(access: Access, lab: dict[str, Caller]) -> None:
    mine = access.keys.create(lab["member"], KeyRequest.make(name="mine"))
    other = access.keys.create(lab["owner"], KeyRequest.make(name="other"))
    assert [key.id for key in access.keys.list(lab["member"]).items] == [mine.id]
    with pytest.raises(Forbidden):
        access.keys.revoke(lab["member"], other.id)
    assert access.keys.revoke(lab["member"], mine.id).state == "revoked"
    assert access.keys.revoke(lab["admin"], other.id).state == "revoked"


def test_people_and_organizations_of_others_are_not_there(access: Access, lab: dict[str, Caller]) -> None:
    access.create_user("eve@example.org", GOOD, "rivals")
    opened = access.signing.sign_in(SignIn.make(email="eve@example.org", password=GOOD), Visitor())
    eve = access.caller_of_session(opened.session)
    invited = access.membership.invite(eve, InvitationRequest.make(email="x@example.org"))
    said = []
    for missing in (id_of({"x": eve}, "x"), "0" * 36):
        for work, *more in (
            (access.membership.set_role, missing, RoleRequest.make(role="viewer")),
            (access.membership.remove, missing),
            (access.membership.reset_link, missing),
            (access.membership.rename, missing, OrganizationRequest.make(name="x")),
        ):
            with pytest.raises(NotFound) as caught:
                work(lab["owner"], *more)
            said.append(str(caught.value.envelope()))
    assert said[:4] == said[4:]
    with pytest.raises(NotFound):
        access.membership.revoke_invitation(lab["owner"], invited.invitation.id)
    with pytest.raises(NotFound):
        access.membership.rename(lab["owner"], eve.organization, OrganizationRequest.make(name="x"))
    seen = [
        access.membership.members(lab["owner"]),
        access.membership.invitations(lab["owner"]),
        access.membership.audit(lab["owner"]),
        access.membership.organizations(lab["owner"]),
        access.keys.list(lab["owner"]),
    ]
    for trace in ("rivals", "eve@example.org", "x@example.org", eve.organization, str(eve.user_id)):
        assert trace not in str(seen)


def test_ingestion_keys_are_for_one_run_and_end_with_what_made_them(
    access: Access, lab: dict[str, Caller], tmp_path: Any, clock: Any
) -> None:
    ledger = LocalLedger(access.database, Objects(tmp_path / "objects"))
    run = Writer(ledger).open(project="p").seen
    made = access.keys.create(lab["member"], KeyRequest.make(name="mine"))
    key = access.authenticate(made.key)
    first = access.ingestion_keys.create(key, run.id, IngestionKeyRequest.make())
    short = access.ingestion_keys.create(lab["owner"], run.id, IngestionKeyRequest.make(ttl=60))
    found = access.authenticate(first.key)
    assert (found.kind, found.run_id, found.organization, found.role) == (
        "ingestion_key",
        run.id,
        "local",
        None,
    )
    assert found.may("ingest", run=run.id)
    assert not found.may("read")
    clock.forward(seconds=60)
    with pytest.raises(Unauthorized):
        access.authenticate(short.key)
    access.keys.revoke(lab["member"], made.id)
    with pytest.raises(Unauthorized):
        access.authenticate(first.key)
    for _ in range(2):
        gone = access.ingestion_keys.revoke(lab["member"], run.id, short.ingestion_key.id)
        assert gone.state == "revoked"
    listed = access.ingestion_keys.list(lab["viewer"], run.id).items
    assert [one.state for one in listed] == ["revoked", "revoked"]
    with pytest.raises(NotFound):
        access.ingestion_keys.create(lab["owner"], "0" * 36, IngestionKeyRequest.make())
    with pytest.raises(Forbidden):
        access.ingestion_keys.create(lab["viewer"], run.id, IngestionKeyRequest.make())


def test_an_ingestion_key_of_a_removed_run_opens_nothing(
    access: Access, lab: dict[str, Caller], tmp_path: Any
) -> None:
    ledger = LocalLedger(access.database, Objects(tmp_path / "objects"))
    run = Writer(ledger).open(project="p").seen
    made = access.ingestion_keys.create(lab["owner"], run.id, IngestionKeyRequest.make())
    ledger.runs.finish(FinishRequest.make(run_id=run.id, state="finished"))
    assert access.authenticate(made.key)
    ledger.runs.remove(run.id)
    with pytest.raises(Unauthorized):
        access.authenticate(made.key)


def test_lists_come_in_parts(access: Access, lab: dict[str, Caller]) -> None:
    for number in range(5):
        access.keys.create(lab["owner"], KeyRequest.make(name=f"k{number}"))
    for listing in (access.keys.list, access.membership.members, access.membership.audit):
        whole = listing(lab["owner"], limit=1000).items
        parts: list[Any] = []
        cursor = None
        while True:
            page = listing(lab["owner"], limit=2, cursor=cursor)
            parts += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        assert tuple(parts) == whole
        assert len(whole) > 3


def test_lists_are_in_the_order_in_which_things_were_made_also_within_a_millisecond(
    access: Access, lab: dict[str, Caller]
) -> None:
    names = [f"k{number}" for number in range(30)]
    for name in names:
        access.keys.create(lab["owner"], KeyRequest.make(name=name))
    assert [key.name for key in access.keys.list(lab["owner"]).items] == names
    log = access.membership.audit(lab["owner"], limit=1000).items
    assert [entry.after["name"] for entry in log if entry.kind == "key.created" and entry.after] == names
    made = [ordered_id() for _ in range(5000)]
    assert made == sorted(set(made))
