"""A ledger on a server, with one on this machine that keeps every change first and answers while the server does not."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from autoresearch.errors import AutoresearchError, Conflict, Invalid, NotFound, Unauthorized
from autoresearch.ledger.base import Ledger, Runs, Snapshots
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.pushing import push
from autoresearch.ledger.synced import saying
from autoresearch.ledger.synced.courier import Courier, is_away
from autoresearch.ledger.synced.mirror import Mirror
from autoresearch.ledger.synced.naming import provisional
from autoresearch.ledger.synced.objects import MirroredObjects
from autoresearch.ledger.synced.outbox import Outbox
from autoresearch.records.campaign import Campaign, CampaignRequest
from autoresearch.records.experiment import Actor
from autoresearch.records.frontier import Frontier
from autoresearch.records.goal import Project
from autoresearch.records.tree import Tree
from autoresearch.settings import detect_agent
from autoresearch.store.sqlite import Database

__all__ = ["SyncedLedger"]

_SECONDS = 10.0
_PAUSE = 15.0


class SyncedLedger(Ledger):
    """The ledger of a server, for a machine that may be offline.

    A change is kept in the outbox, then sent; the server's answer is the answer. Where the server is away, the ledger of this
    machine answers, with numbers that are provisional, and the change waits in order. What the server refuses is raised
    where its caller waits, else kept among the rejected. Runs and folders are the server's alone: what runs log waits in journals.

    Args:
        home: Folder of what this machine keeps.
        remote: The ledger of the server; closed with this one.
        actor: Who acts.
        keyed: Makes a context in which requests carry a key that tells a repeated one.
        offline: Whether the server is left alone until ``send()``.
        clock: Seconds that only grow.

    Attributes:
        offline: Whether it is.
        home: That folder.
        local: The ledger of this machine.
        outbox: What waits to be sent.
        trouble: Why the last attempt to reach the server failed; None when it did not.
    """

    objects: MirroredObjects

    def __init__(
        self,
        home: Path,
        remote: Ledger,
        *,
        actor: Actor | None = None,
        keyed: Callable[[str], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
        offline: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.home = home
        self.remote = remote
        self.objects = MirroredObjects(home / "objects", remote.objects)
        self.local = LocalLedger(Database(home / "ledger.sqlite"), self.objects, actor=actor, trusted=True)
        self.outbox = Outbox(home / "outbox.sqlite")
        self.trouble: AutoresearchError | None = None
        self._mirror = Mirror(self.local, self.outbox)
        self.courier = Courier(self.outbox, self._mirror, remote, keyed=keyed)
        self._clock = clock
        self.offline = offline
        self._until = math.inf if offline else 0.0
        self.research = _Research(self)
        self.memory = _Memory(self)
        self.artifacts = _Artifacts(self)
        self.snapshots = _SyncedSnapshots(self)
        self.runs = _Runs(self)
        self.folders = remote.folders
        self.campaigns = _Campaigns(self)

    def close(self) -> None:
        """Let go of files and connections; what waits goes on waiting."""
        self.outbox.close()
        self.local.close()
        self.remote.close()

    @property
    def notice(self) -> str | None:
        """One sentence on what is not as it is on the server; None when all is."""
        waiting, refused = self.outbox.waiting(), len(self.outbox.rejected())
        said = []
        if self.trouble is not None:
            said.append(f"working offline, what is shown may be behind: {self.trouble.message.rstrip('.')}")
        if waiting:
            said.append(f"{waiting} change{'s wait' if waiting > 1 else ' waits'} to be sent")
        if refused:
            what = "changes were" if refused > 1 else "change was"
            said.append(f"{refused} {what} refused by the server, see `autoresearch sync`")
        return "; ".join(said) or None

    def send(self, *, seconds: float = 1e9, told: Callable[[Any], None] = lambda _: None) -> None:
        """Send what waits.

        Raises:
            Unavailable: The server does not answer; the rest goes on waiting.
            Unauthorized: It refuses the key.
        """
        self.courier.send(seconds=seconds, told=told)
        self.trouble = None
        if not self.offline:
            self._until = 0.0

    def changed(self, part: str, call: str, arguments: dict[str, Any]) -> Any:
        """Make a change: kept, sent, and answered by the server or by this machine."""
        trees = provisional(arguments, self.local)
        change = self.outbox.add(part, call, saying.said(arguments), trees, agent=detect_agent())
        try:
            if self._clock() >= self._until:
                answer = self.courier.send(change, seconds=_SECONDS)
                self.trouble, self._until = None, 0.0
                return answer
        except Unauthorized:
            self.outbox.withdraw(change)
            raise
        except AutoresearchError as error:
            if not is_away(error):
                raise
            self._away(error)
        try:
            answer = getattr(getattr(self.local, part), call)(**arguments)
        except AutoresearchError as error:
            self.outbox.withdraw(change)
            raise _offline(error) from None
        self.outbox.mirrored(change)
        return answer

    def asked(self, part: str, call: str, arguments: dict[str, Any]) -> Any:
        """Look something up: on the server, else on this machine."""
        answer = self.there(lambda remote: getattr(getattr(remote, part), call)(**arguments))
        if answer is not _NOTHING:
            self.learn(answer)
            return answer
        try:
            return getattr(getattr(self.local, part), call)(**arguments)
        except AutoresearchError as error:
            raise _offline(error) from None

    def there(self, ask: Callable[[Ledger], Any]) -> Any:
        """What the server answers once it has all that waits; ``_NOTHING`` where it is away."""
        if self._clock() < self._until:
            return _NOTHING
        try:
            if self.outbox.waiting():
                self.courier.send(seconds=_SECONDS)
            answer = ask(self.remote)
        except AutoresearchError as error:
            if not is_away(error):
                self.trouble = None
                raise
            self._away(error)
            return _NOTHING
        self.trouble = None
        return answer

    def learn(self, answer: Any) -> None:
        """Let the ledger of this machine follow what the server answered."""
        if isinstance(answer, Project):
            self._mirror.seed(answer, self.remote)
        elif isinstance(answer, Frontier):
            with contextlib.suppress(AutoresearchError):
                self._mirror.adopt(answer, self.remote)
        else:
            self._mirror.saw(answer)

    def know(self, project: str, session_id: str) -> None:
        """Take over the goal of a project and a session of it, where the server tells them."""

        def told(remote: Ledger) -> None:
            self._mirror.seed(remote.research.project(project), remote)
            self._mirror.known_session(session_id, remote)

        with contextlib.suppress(NotFound):
            self.there(told)

    def _away(self, error: AutoresearchError) -> None:
        # A network that swallows everything costs each call its whole patience: it is not tried again at once.
        self.trouble = error
        self._until = self._clock() + _PAUSE


_NOTHING = object()


def _offline(error: AutoresearchError) -> AutoresearchError:
    """An error of this machine's ledger, which may know less than the server's."""
    if not isinstance(error, NotFound | Conflict) or isinstance(error, Invalid):
        return error
    said = f"{error.hint} The server does not answer, and may know more: try again when it does.".strip()
    return type(error)(error.message, hint=said, details=error.details)


def _class(interface: Any, operations: Mapping[str, Callable[..., Any]]) -> Any:
    """A part of the ledger, made of its operations."""

    def begin(self: Any, ledger: SyncedLedger) -> None:
        self._ledger = ledger

    return type(f"Synced{interface.__name__}", (interface,), {**operations, "__init__": begin})


def _part(name: str) -> Any:
    """A part in which each operation is a change or a look."""
    interface: Any = saying.PARTS[name]
    calls = sorted(interface.__abstractmethods__)
    return _class(
        interface, {call: _operation(name, call, writes=call in saying.WRITES[name]) for call in calls}
    )


def _operation(part: str, call: str, *, writes: bool) -> Callable[..., Any]:
    def operation(self: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = saying.bound(part, call, args, kwargs)
        ledger: SyncedLedger = self._ledger
        return (ledger.changed if writes else ledger.asked)(part, call, arguments)

    operation.__name__ = call
    return operation


def _passed_on(call: str) -> Callable[..., Any]:
    """An operation on runs, of which the server alone knows; bytes that points are logged with go there first."""

    def operation(self: Any, *args: Any, **kwargs: Any) -> Any:
        ledger: SyncedLedger = self._ledger
        if call == "ingest":
            (batch,) = args or kwargs.values()
            digests = {digest for message in batch.messages for digest in message.digests()}
            push(ledger.local.objects, ledger.remote.objects, digests)
        return getattr(ledger.remote.runs, call)(*args, **kwargs)

    operation.__name__ = call
    return operation


_Research = _part("research")
_Memory = _part("memory")
_Artifacts = _part("artifacts")
_Told: Any = _part("campaigns")
_Runs = _class(Runs, {call: _passed_on(call) for call in sorted(Runs.__abstractmethods__)})


class _Campaigns(_Told):  # type: ignore[misc]
    """Campaigns: told as everything else is. A lease is not: it means something while it lasts, and is not sent later."""

    def begin(self, request: CampaignRequest) -> Campaign:
        # Goal and session may have come from elsewhere; without them this machine could not go on alone.
        self._ledger.know(request.project, request.session_id)
        return self._ledger.changed("campaigns", "begin", {"request": request})  # type: ignore[no-any-return]

    def hold(self, campaign_id: str, holder: str, seconds: float) -> Campaign:
        there = self._ledger.there(lambda remote: remote.campaigns.hold(campaign_id, holder, seconds))
        if there is _NOTHING:
            return self._here("hold", campaign_id, holder, seconds)
        self._ledger.learn(there)
        # Another process of this machine must not take it when the server goes away next.
        with contextlib.suppress(AutoresearchError):
            self._ledger.local.campaigns.hold(campaign_id, holder, seconds)
        return Campaign.model_validate(there)

    def release(self, campaign_id: str, holder: str) -> Campaign:
        there = self._ledger.there(lambda remote: remote.campaigns.release(campaign_id, holder))
        if there is _NOTHING:
            return self._here("release", campaign_id, holder)
        with contextlib.suppress(AutoresearchError):
            self._ledger.local.campaigns.release(campaign_id, holder)
        return Campaign.model_validate(there)

    def _here(self, call: str, *args: Any) -> Campaign:
        try:
            found: Campaign = getattr(self._ledger.local.campaigns, call)(*args)
        except AutoresearchError as error:
            raise _offline(error) from None
        return found


class _SyncedSnapshots(Snapshots):
    """Blobs and trees: here first, and from the server where they are not here."""

    def __init__(self, ledger: SyncedLedger) -> None:
        self._ledger = ledger

    def put(self, data: bytes) -> str:
        return self._ledger.objects.put(data)

    def get(self, digest: str) -> bytes:
        return self._ledger.objects.get(digest)

    def tree(self, digest: str) -> Tree:
        return Tree.parse(self._ledger.objects.get(digest))

    def write_tree(self, digest: str, destination: Path) -> Tree:
        from autoresearch.capture.checkout import write_tree

        tree = self.tree(digest)
        self._ledger.objects.fetch(entry.sha256 or "" for entry in tree.entries if entry.kind == "file")
        write_tree(tree, self._ledger.objects, destination)
        return tree

    def patch(self, experiment_id: str) -> bytes:
        found = self._ledger.there(lambda remote: remote.snapshots.patch(experiment_id))
        return self._ledger.local.snapshots.patch(experiment_id) if found is _NOTHING else bytes(found)

    def verify(self) -> Iterator[str]:
        yield from self._ledger.local.snapshots.verify()

    def collect(self, *, dry_run: bool = True) -> tuple[int, int]:
        waiting = self._ledger.outbox.waiting() + len(self._ledger.outbox.rejected())
        if waiting and not dry_run:
            raise Conflict(
                f"{waiting} changes wait to be sent, and their bytes with them.",
                hint="Run `autoresearch sync` first.",
            )
        return self._ledger.local.snapshots.collect(dry_run=dry_run)
