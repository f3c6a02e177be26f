"""Calls of the API; written by tools/client_source.py from the table of operations."""

from __future__ import annotations

from typing import Any, Literal

from autoresearch.client.caller import Caller
from autoresearch.protocol.forms import (
    About,
    BeatPost,
    Brief,
    ExperimentPost,
    Health,
    Ingested,
    JudgedRequest,
    Position,
    ProjectPost,
    Streamed,
    TreeDifference,
    TreeOut,
    TreePost,
)
from autoresearch.records.experiment import Experiment
from autoresearch.records.frontier import Frontier, Progress
from autoresearch.records.goal import Project

__all__ = ["HandCalls"]


class HandCalls(Caller):
    """One method for each row of this group; each raises what ``call`` does."""

    def health(self) -> Health:
        """The process lives."""
        answer: Health = self.call("health", {})
        return answer

    def ready(self) -> Health:
        """The store can be reached and is migrated."""
        answer: Health = self.call("ready", {})
        return answer

    def metrics(self) -> bytes:
        """Counts for Prometheus."""
        answer: bytes = self.call("metrics", {})
        return answer

    def docs(self) -> bytes:
        """Every endpoint on one page."""
        answer: bytes = self.call("docs", {})
        return answer

    def dashboard(self) -> bytes:
        """The dashboard."""
        answer: bytes = self.call("dashboard", {})
        return answer

    def dashboard_file(self, file: str) -> bytes:
        """A script, style, font or picture of the dashboard; its name changes with its content."""
        answer: bytes = self.call("dashboard_file", {"file": file})
        return answer

    def sdk_page(self) -> bytes:
        """Where pip finds the client of this version."""
        answer: bytes = self.call("sdk_page", {})
        return answer

    def sdk_wheel(self, file: str) -> bytes:
        """The wheel of the running version."""
        answer: bytes = self.call("sdk_wheel", {"file": file})
        return answer

    def about(self) -> About:
        """What this server speaks."""
        answer: About = self.call("about", {})
        return answer

    def post_project(self, body: ProjectPost) -> Project:
        """Create a project, or change its goal; fields that are left out keep what they are."""
        answer: Project = self.call("post_project", {"body": body})
        return answer

    def draw_progress(self, project: str, *, segment: int | None = None) -> bytes:
        """Every attempt and the running best, as a picture."""
        answer: bytes = self.call("draw_progress", {"project": project, "segment": segment})
        return answer

    def draw_session_progress(self, session_id: str) -> bytes:
        """Every attempt of a session and its running best, as a picture."""
        answer: bytes = self.call("draw_session_progress", {"session_id": session_id})
        return answer

    def get_session_progress(self, session_id: str) -> Progress:
        """Every experiment of a session with the running best."""
        answer: Progress = self.call("get_session_progress", {"session_id": session_id})
        return answer

    def get_session_frontier(self, session_id: str) -> Frontier:
        """The staircase of a session's own experiments."""
        answer: Frontier = self.call("get_session_frontier", {"session_id": session_id})
        return answer

    def post_experiment(self, body: ExperimentPost) -> Experiment:
        """Record a tried change."""
        answer: Experiment = self.call("post_experiment", {"body": body})
        return answer

    def record_judged(self, body: JudgedRequest) -> int:
        """Record experiments with their verdicts, all or none; answers how many were not there before."""
        answer: int = self.call("record_judged", {"body": body})
        return answer

    def get_diff(self, experiment_id: str) -> bytes:
        """The stored patch, byte for byte; empty when there was none."""
        answer: bytes = self.call("get_diff", {"experiment_id": experiment_id})
        return answer

    def get_tree(self, experiment_id: str) -> TreeOut:
        """The code-snapshot tree."""
        answer: TreeOut = self.call("get_tree", {"experiment_id": experiment_id})
        return answer

    def set_tree(self, experiment_id: str, body: TreePost) -> TreeOut:
        """Set the code-snapshot tree of an experiment that has none."""
        answer: TreeOut = self.call("set_tree", {"experiment_id": experiment_id, "body": body})
        return answer

    def compare_trees(self, experiment_id: str, other_id: str) -> TreeDifference:
        """What differs between the trees of two experiments."""
        answer: TreeDifference = self.call(
            "compare_trees", {"experiment_id": experiment_id, "other_id": other_id}
        )
        return answer

    def ingest(self, content: bytes) -> Ingested:
        """Append a batch of points, each once however often it is sent."""
        answer: Ingested = self.call("ingest", {"content": content})
        return answer

    def ingest_stream(
        self, content: bytes, run_id: str, *, writer_id: str | None = None, sequence: int | None = None
    ) -> Streamed:
        """Append lines of points as they come; what is stored already is passed over."""
        answer: Streamed = self.call(
            "ingest_stream",
            {"content": content, "run_id": run_id, "writer_id": writer_id, "sequence": sequence},
        )
        return answer

    def ingest_beat(self, body: BeatPost) -> Ingested:
        """Say that a writer lives although it has nothing to append."""
        answer: Ingested = self.call("ingest_beat", {"body": body})
        return answer

    def ingest_position(self, writer_id: str) -> Position:
        """The last sequence number that is stored of a writer; 0 when nothing is."""
        answer: Position = self.call("ingest_position", {"writer_id": writer_id})
        return answer

    def get_context(
        self,
        project: str,
        *,
        limit: int = 5,
        budget: int = 2000,
        format: Literal["json", "markdown"] = "json",
    ) -> Brief:
        """What an agent reads before its next change."""
        answer: Brief = self.call(
            "get_context", {"project": project, "limit": limit, "budget": budget, "format": format}
        )
        return answer

    def get_facts(self, project: str, *, limit: int = 5) -> dict[str, Any]:
        """Everything that the brief may say, in bounded lists."""
        answer: dict[str, Any] = self.call("get_facts", {"project": project, "limit": limit})
        return answer
