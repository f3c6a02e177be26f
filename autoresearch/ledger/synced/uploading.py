"""What the embedded store holds of a project, brought to a server: done again it does nothing, interrupted it goes on."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from autoresearch.errors import AutoresearchError, Conflict, NotFound, Unauthorized
from autoresearch.ledger.base import Ledger, every
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.pushing import push
from autoresearch.ledger.synced.courier import is_away
from autoresearch.ledger.synced.naming import blobs_of
from autoresearch.ledger.synced.outbox import Outbox
from autoresearch.ledger.synced.uploading_campaigns import SENT
from autoresearch.records.artifact import RefRequest, Version, VersionRequest
from autoresearch.records.experiment import (
    Decision,
    DecisionRequest,
    Experiment,
    ExperimentRequest,
    Note,
    NoteRequest,
    SessionRequest,
)
from autoresearch.records.frontier import Event
from autoresearch.records.goal import GoalRequest, SegmentRequest

__all__ = ["Line", "Records", "is_fatal"]

_SEARCHED = 1024 * 1024
_SPACE = uuid.UUID("5b1b1c8e-2f65-5a0e-9d2c-61cf6c8f8a11")


class Line(NamedTuple):
    """Where a record goes.

    Attributes:
        home: Folder of the embedded store.
        local: That store.
        remote: The server.
        outbox: Remembers how far an upload came.
        keyed: Makes a context in which requests carry a key that tells a repeated one.
    """

    home: str
    local: LocalLedger
    remote: Ledger
    outbox: Outbox
    keyed: Callable[[str], contextlib.AbstractContextManager[object]] = contextlib.nullcontext


def is_fatal(error: AutoresearchError) -> bool:
    """Whether an error ends an upload: the server is away, or refuses the key."""
    return is_away(error) or isinstance(error, Unauthorized)


class Records:
    """Goal, sessions, experiments, verdicts, campaigns, artifacts and notes of a project, in the order in which they came to be.

    The history of changes is gone through once more: what has an id is sent with it, so that it is there once; how far it came
    is remembered.

    Args:
        line: From where to where.
        project: Name of the project.

    Attributes:
        line: From where to where.
        left: One sentence for each change that the server refused.
    """

    def __init__(self, line: Line, project: str) -> None:
        self.line = line
        self._project = project
        self._fact = f"uploaded:{line.home}:{project}"
        self._notes: dict[str, Note] = {}
        self._trees: dict[str, str] = {}
        self.left: list[str] = []

    def pending(self) -> list[Event]:
        """The changes that the server has not got from here."""
        said = self.line.outbox.fact(self._fact) or 0
        memory = self.line.local.memory
        return [
            event
            for event in every(lambda cursor: memory.events(project=self._project, limit=1000, cursor=cursor))
            if event.seq > said and event.kind in _SENT
        ]

    def send(self, event: Event) -> None:
        """Bring one change to the server; what it refuses is named in ``left``.

        Raises:
            Unavailable: The server does not answer.
            Unauthorized: It refuses the key.
        """
        try:
            _SENT[event.kind](self, event)
        except AutoresearchError as error:
            if is_fatal(error):
                raise
            self.left.append(f"{event.kind} of {event.recorded_at:%Y-%m-%d %H:%M:%S}: {error.message}")
        self.line.outbox.remember(self._fact, event.seq)

    # What is sent for each kind of change

    def _goal(self, event: Event) -> None:
        after = event.after or {}
        fields = {name: after[name] for name in GoalRequest.model_fields if name in after}
        goal = GoalRequest.model_validate(fields, strict=False)
        with self.keyed(event):
            self.line.remote.research.set_goal(self._project, goal)

    def _segment(self, event: Event) -> None:
        reason = str((event.after or {}).get("reason") or "compared anew")
        with self.keyed(event):
            self.line.remote.research.open_segment(SegmentRequest.make(project=self._project, reason=reason))

    def _session(self, event: Event) -> None:
        session = self.line.local.research.session(event.subject)
        fields = {name: getattr(session, name) for name in ("id", "project", "tag", "branch", "note")}
        self.once(self.line.remote.research.open_session, SessionRequest.make(**fields))

    def _moved(self, event: Event) -> None:
        move: Any = "close" if event.kind == "session.closed" else "reopen"
        with contextlib.suppress(Conflict), self.keyed(event):  # it is there already
            self.line.remote.research.move_session(event.subject, move)

    def _experiment(self, event: Event) -> None:
        local = self.line.local
        found = local.research.experiment(event.subject)
        request = _request_of(
            found, self._patch(found), tuple(self._version_there(name) for name in found.uses)
        )
        push(local.objects, self.line.remote.objects, blobs_of({"request": request}, local))
        self.once(self.line.remote.research.record, request)

    def _patch(self, found: Experiment) -> str:
        if found.diff is None or found.diff.truncated:
            return ""
        with contextlib.suppress(NotFound):
            patch = self.line.local.snapshots.patch(found.id)
            return patch[:_SEARCHED].decode("utf-8", "replace").replace("\0", "\ufffd")
        return ""

    def _decision(self, event: Event) -> None:
        wanted = (event.after or {}).get("decision_id")
        for decision in self.line.local.research.decisions(event.subject):
            if decision.id == wanted:
                self.once(self.line.remote.research.decide, self._verdict(decision))

    def _verdict(self, decision: Decision) -> DecisionRequest:
        fields = {
            name: getattr(decision, name)
            for name in DecisionRequest.model_fields
            if name in type(decision).model_fields
        }
        if not decision.superseded:
            fields["log_tail"] = self.line.local.research.experiment(decision.experiment_id).log_tail
        return DecisionRequest.make(**fields)

    def _note(self, event: Event) -> None:
        if not self._notes:
            memory = self.line.local.memory
            pages = every(lambda cursor: memory.notes(self._project, limit=1000, cursor=cursor))
            self._notes = {note.id: note for note in pages}
        note = self._notes.get(event.subject)
        if note is not None:
            fields = {name: getattr(note, name) for name in NoteRequest.model_fields}
            self.once(self.line.remote.memory.add_note, NoteRequest.make(**fields))

    def _version(self, event: Event) -> None:
        version = self._version_here(event.subject)
        produced = (event.after or {}).get("experiment_id") if event.kind == "version.produced" else None
        described = next(
            (
                one.description
                for one in every(
                    lambda c: self.line.local.artifacts.artifacts(project=self._project, cursor=c)
                )
                if one.name == version.artifact
            ),
            "",
        )
        request = VersionRequest.make(
            id=str(uuid.uuid5(_SPACE, f"{version.artifact}:{version.tree}")),
            produced_by=produced,
            description=described,
            **{
                name: getattr(version, name)
                for name in ("project", "artifact", "type", "tree", "size", "files", "metadata")
            },
        )
        local = self.line.local
        push(local.objects, self.line.remote.objects, blobs_of({"request": request}, local))
        self._trees[f"{version.artifact}:{version.tree}"] = self.line.remote.artifacts.log(request).version

    def _ref(self, event: Event) -> None:
        artifact, _, ref = event.subject.partition(":")
        version = (event.after or {}).get("version")
        # What moves by itself moves there by itself.
        if event.actor.kind != "system" and isinstance(version, str):
            there = self._version_there(f"{artifact}:{version}").partition(":")[2]
            with self.keyed(event):
                self.line.remote.artifacts.move_ref(
                    RefRequest.make(artifact=artifact, ref=ref, version=there)
                )

    def keyed(self, event: Event) -> contextlib.AbstractContextManager[object]:
        """For what has no id of its own: done once, also where an answer was lost."""
        return self.line.keyed(str(uuid.uuid5(_SPACE, f"{self.line.home}:{self._project}:{event.seq}")))

    def _version_here(self, name: str) -> Version:
        artifact, _, version = name.partition(":")
        return self.line.local.artifacts.version(artifact, version)

    def _version_there(self, name: str) -> str:
        """The server's name of a version that is known here as ``model:v3``: the one with the same content."""
        here = self._version_here(name)
        key = f"{here.artifact}:{here.tree}"
        if key not in self._trees:
            artifacts = self.line.remote.artifacts
            for one in every(lambda cursor: artifacts.versions(here.artifact, limit=1000, cursor=cursor)):
                self._trees[f"{one.artifact}:{one.tree}"] = one.version
        if key not in self._trees:
            raise NotFound(
                f"The server has no version with the content of {name!r}.", hint="Upload its project first."
            )
        return f"{here.artifact}:{self._trees[key]}"

    def once(self, call: Callable[[Any], Any], request: Any) -> None:
        """Send what has an id; the server may have it from elsewhere, with what this store does not keep of it."""
        try:
            call(request)
        except Conflict as error:
            if error.details.get("id") != request.id:
                raise


_SENT: dict[str, Callable[[Records, Event], None]] = {
    "goal.set": Records._goal,
    "segment.opened": Records._segment,
    "session.opened": Records._session,
    "session.closed": Records._moved,
    "session.reopened": Records._moved,
    "experiment.recorded": Records._experiment,
    "decision.made": Records._decision,
    "note.added": Records._note,
    "version.logged": Records._version,
    "version.produced": Records._version,
    "ref.moved": Records._ref,
    **SENT,
}


def _request_of(found: Experiment, change: str, uses: tuple[str, ...]) -> ExperimentRequest:
    same = set(ExperimentRequest.model_fields) - {"change", "segment", "uses"}
    return ExperimentRequest.make(**{name: getattr(found, name) for name in same}, change=change, uses=uses)
