"""Organizations, people and keys over HTTP: each route asks who calls, hands on, and decides nothing itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from autoresearch.errors import NotFound
from autoresearch.ledger.access.pages import of_items
from autoresearch.ledger.access.service import Access, Caller
from autoresearch.ledger.access.signing import Opened, Visitor
from autoresearch.protocol.calls import arguments
from autoresearch.records.access import LocalKey, Ways
from autoresearch.server import cookies
from autoresearch.server.auth import state_of, whoever
from autoresearch.server.bodies import read_body
from autoresearch.server.documented import by_hand, row_of
from autoresearch.server.handling import answer_json

__all__ = ["routes"]

# Whoever is not known yet is not listened to for long.
_MOST = 64 * 1024
_Given = Mapping[str, Any]


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    endpoints: dict[str, Callable[[Request], Awaitable[Response]]] = {
        **{name: partial(_entering, work) for name, work in _ENTERING.items()},
        **{name: partial(_turning, work) for name, work in _TURNING.items()},
        **{name: partial(_calling, work) for name, work in _CALLS.items()},
        "sign_out": _sign_out,
        "current_sign_in": _session,
        "ways_in": _ways,
        "use_local_link": _local,
    }
    return by_hand(**{name: _named(endpoint, name) for name, endpoint in endpoints.items()})


def _sessions(access: Access, caller: Caller, given: _Given) -> Any:
    found = access.signing.sessions(caller)
    return of_items(found, lambda one: one.id, limit=given["limit"], cursor=given["cursor"])


def _end_others(access: Access, caller: Caller, _given: _Given) -> None:
    access.signing.end_sessions(caller)


def _page(given: _Given) -> dict[str, Any]:
    return {"limit": given["limit"], "cursor": given["cursor"]}


# Who comes in: nobody is known yet, and a session is opened.
_ENTERING: Mapping[str, Callable[[Access, _Given, Visitor], Opened]] = {
    "set_up": lambda access, given, visitor: access.signing.set_up(given["body"], visitor),
    "sign_up": lambda access, given, visitor: access.signing.sign_up(given["body"], visitor),
    "sign_in": lambda access, given, visitor: access.signing.sign_in(given["body"], visitor),
    "reset_password": lambda access, given, visitor: access.signing.reset_password(given["body"], visitor),
}

# Whose rights change: the session goes on under another secret.
_TURNING: Mapping[str, Callable[[Access, Caller, _Given, Visitor], Opened]] = {
    "change_password": lambda access, caller, given, visitor: access.signing.change_password(
        caller, given["body"], visitor
    ),
    "activate_organization": lambda access, caller, given, _visitor: access.signing.activate(
        caller, given["organization_id"]
    ),
    "accept_invitation": lambda access, caller, given, _visitor: access.signing.accept(
        caller, given["body"].token
    ),
}

_CALLS: Mapping[str, Callable[[Access, Caller, _Given], Any]] = {
    "auth_status": lambda access, caller, _given: access.status(caller),
    "list_own_sessions": _sessions,
    "end_own_session": lambda access, caller, given: access.signing.end_session(caller, given["session_id"]),
    "end_other_sessions": _end_others,
    "list_organizations": lambda access, caller, given: access.membership.organizations(
        caller, **_page(given)
    ),
    "create_organization": lambda access, caller, given: access.membership.create(caller, given["body"]),
    "rename_organization": lambda access, caller, given: access.membership.rename(
        caller, given["organization_id"], given["body"]
    ),
    "list_members": lambda access, caller, given: access.membership.members(caller, **_page(given)),
    "set_member_role": lambda access, caller, given: access.membership.set_role(
        caller, given["user_id"], given["body"]
    ),
    "remove_member": lambda access, caller, given: access.membership.remove(caller, given["user_id"]),
    "make_reset_link": lambda access, caller, given: access.membership.reset_link(caller, given["user_id"]),
    "list_invitations": lambda access, caller, given: access.membership.invitations(caller, **_page(given)),
    "invite_member": lambda access, caller, given: access.membership.invite(caller, given["body"]),
    "revoke_invitation": lambda access, caller, given: access.membership.revoke_invitation(
        caller, given["invitation_id"]
    ),
    "list_keys": lambda access, caller, given: access.keys.list(caller, **_page(given)),
    "create_key": lambda access, caller, given: access.keys.create(caller, given["body"]),
    "revoke_key": lambda access, caller, given: access.keys.revoke(caller, given["key_id"]),
    "list_ingestion_keys": lambda access, caller, given: access.ingestion_keys.list(
        caller, given["run_id"], **_page(given)
    ),
    "create_ingestion_key": lambda access, caller, given: access.ingestion_keys.create(
        caller, given["run_id"], given["body"]
    ),
    "revoke_ingestion_key": lambda access, caller, given: access.ingestion_keys.revoke(
        caller, given["run_id"], given["key_id"]
    ),
    "list_audit": lambda access, caller, given: access.membership.audit(caller, **_page(given)),
}


async def _entering(work: Callable[[Access, _Given, Visitor], Opened], request: Request) -> Response:
    cookies.require_own_page(request, surely=False)
    cookies.require_json(request)
    state, visitor = state_of(request), cookies.visitor_of(request)
    given = await _given(request, _MOST)
    return _opened(request, await state.run(work, state.access, given, visitor))


async def _turning(work: Callable[[Access, Caller, _Given, Visitor], Opened], request: Request) -> Response:
    state, caller = state_of(request), await whoever(request)
    given, visitor = await _given(request), cookies.visitor_of(request)
    return _opened(request, await state.run(work, state.access, caller, given, visitor))


async def _calling(work: Callable[[Access, Caller, _Given], Any], request: Request) -> Response:
    state, caller = state_of(request), await whoever(request)
    given = await _given(request)
    if "run_id" in given:
        # What a run's journal said of its beginning is taken in before somebody asks whether the run is there.
        await state.run(state.ledger(caller).runs.settle, {"id": given["run_id"]})
    answer = await state.run(work, state.access, caller, given)
    kind = row_of(request).answer
    return Response(status_code=204) if kind is None else answer_json(answer, kind)


async def _sign_out(request: Request) -> Response:
    state, caller = state_of(request), await whoever(request)
    await _given(request)
    await state.run(state.access.signing.sign_out, caller)
    answer = Response(status_code=204)
    cookies.forget_session(request, answer)
    return answer


async def _ways(request: Request) -> Response:
    state = state_of(request)
    local = state.door is not None
    needed = not local and await state.run(state.access.bootstrap_needed)
    return answer_json(Ways(local=local, set_up=needed), Ways)


async def _local(request: Request) -> Response:
    cookies.require_own_page(request, surely=False)
    cookies.require_json(request)
    door, given = state_of(request).door, await _given(request, _MOST)
    if door is None:
        raise NotFound(
            "This server takes no such link: it was not started by `autoresearch ui`.",
            hint="Sign in with an account of this server.",
        )
    return answer_json(LocalKey(key=door.exchange(given["body"].link)), LocalKey)


async def _session(request: Request) -> Response:
    state, cookie = state_of(request), cookies.session_of(request)
    await whoever(request)
    found = await state.run(state.access.signed_in, cookie or "")
    return answer_json(found, row_of(request).answer)


async def _given(request: Request, most: int | None = None) -> dict[str, Any]:
    content = await read_body(request, most or state_of(request).limits.body)
    return arguments(row_of(request), request.path_params, request.query_params.multi_items(), content)


def _opened(request: Request, opened: Opened) -> Response:
    answer = answer_json(opened.answer, row_of(request).answer)
    cookies.keep(request, answer, opened)
    return answer


def _named(
    endpoint: Callable[[Request], Awaitable[Response]], name: str
) -> Callable[[Request], Awaitable[Response]]:
    async def named(request: Request) -> Response:
        return await endpoint(request)

    named.__name__ = name
    return named
