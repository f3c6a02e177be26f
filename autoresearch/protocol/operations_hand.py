"""Rows whose routes are written by hand: more than one call of the ledger, or an answer that is not JSON."""

from __future__ import annotations

from typing import Any, Literal

from autoresearch.protocol.forms import (
    About,
    BeatPost,
    Brief,
    ExperimentPost,
    Health,
    Ingested,
    IngestPost,
    JudgedRequest,
    Position,
    ProjectPost,
    Streamed,
    TreeDifference,
    TreeOut,
    TreePost,
)
from autoresearch.protocol.rows import Operation, Query
from autoresearch.records.experiment import Experiment
from autoresearch.records.frontier import Frontier, Progress
from autoresearch.records.goal import Project

__all__ = ["ROWS"]

_SVG = "image/svg+xml"
_LIMIT = Query("limit", int, 5, "How many recent attempts to show.")
_SEGMENT = Query("segment", int | None, None, "Of this segment; the present one when left out.")


def _get(name: str, path: str, answer: object, about: str, *query: Query, **more: Any) -> Operation:
    row = Operation(name, "GET", path, "", "", answer, about, query=query)
    return row._replace(**more)


def _send(  # noqa: PLR0917  a row
    name: str, method: str, path: str, answer: object, about: str, body: type
) -> Operation:
    return Operation(name, method, path, "", "", answer, about, "write", body, "body")


ROWS = (
    _get("health", "/health", Health, "The process lives.", scope=None),
    _get("ready", "/ready", Health, "The store can be reached and is migrated.", scope=None),
    _get("metrics", "/metrics", bytes, "Counts for Prometheus.", media="text/plain", scope="admin"),
    _get("docs", "/docs", bytes, "Every endpoint on one page.", media="text/html", scope=None),
    _get("dashboard", "/", bytes, "The dashboard.", media="text/html", scope=None),
    _get(
        "dashboard_file",
        "/assets/{file}",
        bytes,
        "A script, style, font or picture of the dashboard; its name changes with its content.",
        media="text/javascript",
        scope=None,
    ),
    _get(
        "sdk_page",
        "/sdk/",
        bytes,
        "Where pip finds the client of this version.",
        media="text/html",
        scope=None,
    ),
    _get(
        "sdk_wheel",
        "/sdk/{file}",
        bytes,
        "The wheel of the running version.",
        media="application/zip",
        scope=None,
    ),
    _get("about", "/v1/about", About, "What this server speaks."),
    _send(
        "post_project",
        "POST",
        "/v1/projects",
        Project,
        "Create a project, or change its goal; fields that are left out keep what they are.",
        ProjectPost,
    ),
    _get(
        "draw_progress",
        "/v1/projects/{project}/progress.svg",
        bytes,
        "Every attempt and the running best, as a picture.",
        _SEGMENT,
        media=_SVG,
    ),
    _get(
        "draw_session_progress",
        "/v1/sessions/{session_id}/progress.svg",
        bytes,
        "Every attempt of a session and its running best, as a picture.",
        media=_SVG,
    ),
    _get(
        "get_session_progress",
        "/v1/sessions/{session_id}/progress",
        Progress,
        "Every experiment of a session with the running best.",
    ),
    _get(
        "get_session_frontier",
        "/v1/sessions/{session_id}/frontier",
        Frontier,
        "The staircase of a session's own experiments.",
    ),
    _send("post_experiment", "POST", "/v1/experiments", Experiment, "Record a tried change.", ExperimentPost),
    _send(
        "record_judged",
        "POST",
        "/v1/experiments/judged",
        int,
        "Record experiments with their verdicts, all or none; answers how many were not there before.",
        JudgedRequest,
    ),
    _get(
        "get_diff",
        "/v1/experiments/{experiment_id}/diff",
        bytes,
        "The stored patch, byte for byte; empty when there was none.",
        media="text/x-diff",
    ),
    _get("get_tree", "/v1/experiments/{experiment_id}/tree", TreeOut, "The code-snapshot tree."),
    _send(
        "set_tree",
        "PUT",
        "/v1/experiments/{experiment_id}/tree",
        TreeOut,
        "Set the code-snapshot tree of an experiment that has none.",
        TreePost,
    ),
    _get(
        "compare_trees",
        "/v1/experiments/{experiment_id}/diff/{other_id}",
        TreeDifference,
        "What differs between the trees of two experiments.",
    ),
    Operation(
        "ingest",
        "POST",
        "/v1/ingest",
        "",
        "",
        Ingested,
        "Append a batch of points, each once however often it is sent.",
        "write",
        IngestPost,
        takes="application/msgpack",
    ),
    Operation(
        "ingest_stream",
        "POST",
        "/v1/ingest/stream",
        "",
        "",
        Streamed,
        "Append lines of points as they come; what is stored already is passed over.",
        "write",
        query=(
            Query("run_id", str, ..., "The run."),
            Query("writer_id", str | None, None, "Who writes; a new writer when left out."),
            Query("sequence", int | None, None, "Number of the first line; 1 when left out."),
        ),
        takes="application/x-ndjson",
    ),
    Operation(
        "ingest_beat",
        "POST",
        "/v1/ingest/beat",
        "",
        "",
        Ingested,
        "Say that a writer lives although it has nothing to append.",
        "write",
        BeatPost,
        "body",
    ),
    _get(
        "watch_events",
        "/v1/events",
        bytes,
        "What changes, as server-sent events until the caller goes; resumed by Last-Event-ID.",
        Query("project", str | None, None, "Of this project alone."),
        media="text/event-stream",
    ),
    _get(
        "ingest_position",
        "/v1/ingest/position",
        Position,
        "The last sequence number that is stored of a writer; 0 when nothing is.",
        Query("writer_id", str, ..., "The writer."),
    ),
    _get(
        "get_context",
        "/v1/agent/context",
        Brief,
        "What an agent reads before its next change.",
        Query("project", str, ..., "The project."),
        _LIMIT,
        Query("budget", int, 2000, "Hard limit in tokens."),
        Query("format", Literal["json", "markdown"], "json", "All of it, or the Markdown alone."),
    ),
    _get(
        "get_facts",
        "/v1/projects/{project}/facts",
        dict,
        "Everything that the brief may say, in bounded lists.",
        _LIMIT,
    ),
)
