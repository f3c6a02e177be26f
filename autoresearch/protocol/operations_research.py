"""Rows of goals, sessions, experiments, decisions, and what is remembered of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from autoresearch.protocol.rows import CURSOR, LIMIT, Operation, Query
from autoresearch.records.base import Page, Request
from autoresearch.records.experiment import (
    Decision,
    DecisionRequest,
    Experiment,
    Note,
    NoteRequest,
    Session,
    SessionRequest,
    State,
)
from autoresearch.records.frontier import Event, Frontier, Match, Progress
from autoresearch.records.goal import Goal, GoalRequest, Project, ProjectRequest, Segment, SegmentRequest
from autoresearch.records.overview import Bootstrap

__all__ = ["ROWS", "TriedRequest"]

_SESSION = Query("session_id", str | None, None, "Of this session alone.")
_SEGMENT = Query("segment", int | None, None, "Of this segment; the present one when left out.")
_FOUND = Query("limit", int, 10, "Most matches, from 1 to 10,000.")


class TriedRequest(Request):
    """Ask whether something like a change was tried.

    Attributes:
        change: A patch, or words such as ``LR 0.04 -> 0.06``.
        limit: Most matches.
    """

    change: str = Field(max_length=4_000_000)
    limit: int = Field(default=10, ge=1, le=10_000)


ROWS = (
    Operation(
        "make_project",
        "PUT",
        "/v1/projects/{project}",
        "research",
        "make_project",
        Project,
        "The project of this name, made when it is not there.",
        "write",
        ProjectRequest,
    ),
    Operation(
        "set_goal",
        "PUT",
        "/v1/projects/{project}/goal",
        "research",
        "set_goal",
        Goal,
        "Set or change a project's goal; another metric or direction opens a new segment.",
        "write",
        GoalRequest,
    ),
    Operation(
        "open_segment",
        "POST",
        "/v1/projects/{project}/segments",
        "research",
        "open_segment",
        Goal,
        "Begin to compare anew under the same goal.",
        "write",
        SegmentRequest,
    ),
    Operation(
        "list_segments",
        "GET",
        "/v1/projects/{project}/segments",
        "research",
        "segments",
        tuple[Segment, ...],
        "The segments of a project, first to last: the goal that rules each, why it was opened, and its sums.",
    ),
    Operation(
        "list_projects",
        "GET",
        "/v1/projects",
        "research",
        "projects",
        Page[Project],
        "Projects in order of name.",
        query=(LIMIT, CURSOR),
    ),
    Operation(
        "get_project",
        "GET",
        "/v1/projects/{project}",
        "research",
        "project",
        Project,
        "One project.",
    ),
    Operation(
        "open_session",
        "POST",
        "/v1/sessions",
        "research",
        "open_session",
        Session,
        "Open a session; a project that is not there is made.",
        "write",
        SessionRequest,
    ),
    Operation(
        "get_session",
        "GET",
        "/v1/sessions/{session_id}",
        "research",
        "session",
        Session,
        "One session.",
    ),
    Operation(
        "list_sessions",
        "GET",
        "/v1/projects/{project}/sessions",
        "research",
        "sessions",
        Page[Session],
        "Sessions of a project in order of number.",
        query=(LIMIT, CURSOR),
    ),
    Operation(
        "move_session",
        "POST",
        "/v1/sessions/{session_id}/{move}",
        "research",
        "move_session",
        Session,
        "Close or reopen a session.",
        "write",
        query=(Query("activate", bool, True, "Whether a reopened one becomes the active one."),),
        kinds={"move": Literal["close", "reopen"]},
    ),
    Operation(
        "get_experiment",
        "GET",
        "/v1/experiments/{experiment_id}",
        "research",
        "experiment",
        Experiment,
        "One experiment.",
    ),
    Operation(
        "find_experiment",
        "GET",
        "/v1/projects/{project}/experiment",
        "research",
        "find",
        Experiment,
        "The experiment meant by 12, #12, best, last, a full id, or a part of one.",
        query=(Query("text", str, ..., "The word."),),
    ),
    Operation(
        "list_experiments",
        "GET",
        "/v1/projects/{project}/experiments",
        "research",
        "experiments",
        Page[Experiment],
        "Experiments of a project in order of number.",
        query=(
            _SESSION,
            Query("state", State | None, None, "Only those in this state."),
            Query("newest_first", bool, False, "The last number first."),
            LIMIT,
            CURSOR,
        ),
    ),
    Operation(
        "decide",
        "POST",
        "/v1/experiments/{experiment_id}/decision",
        "research",
        "decide",
        Decision,
        "Give a verdict; the frontier and the winner follow in the same transaction.",
        "write",
        DecisionRequest,
    ),
    Operation(
        "list_decisions",
        "GET",
        "/v1/experiments/{experiment_id}/decisions",
        "research",
        "decisions",
        tuple[Decision, ...],
        "All verdicts on one experiment, first to last; the last one stands.",
    ),
    Operation(
        "get_frontier",
        "GET",
        "/v1/projects/{project}/frontier",
        "research",
        "frontier",
        Frontier,
        "The staircase of running bests.",
        query=(_SESSION, _SEGMENT),
    ),
    Operation(
        "get_progress",
        "GET",
        "/v1/projects/{project}/progress",
        "research",
        "progress",
        Progress,
        "Every experiment of a segment with the running best.",
        query=(_SESSION, _SEGMENT),
    ),
    Operation(
        "add_note",
        "POST",
        "/v1/notes",
        "memory",
        "add_note",
        Note,
        "Leave a remark that every later context shows.",
        "write",
        NoteRequest,
    ),
    Operation(
        "list_notes",
        "GET",
        "/v1/projects/{project}/notes",
        "memory",
        "notes",
        Page[Note],
        "Remarks in the order in which they were made.",
        query=(LIMIT, CURSOR),
    ),
    Operation(
        "search_experiments",
        "GET",
        "/v1/projects/{project}/search",
        "memory",
        "search",
        tuple[Match, ...],
        "Experiments whose note or diff has these words, best match first.",
        query=(Query("text", str, ..., "The words."), _FOUND),
    ),
    Operation(
        "tried",
        "POST",
        "/v1/projects/{project}/tried",
        "memory",
        "tried",
        tuple[Match, ...],
        "Experiments like a change, most alike first; nothing is written.",
        "read",
        TriedRequest,
        "",
    ),
    Operation(
        "list_changes",
        "GET",
        "/v1/changes",
        "memory",
        "events",
        Page[Event],
        "What changed, in order; /v1/events streams the same.",
        query=(Query("project", str | None, None, "Of this project alone."), LIMIT, CURSOR),
    ),
    Operation(
        "get_bootstrap",
        "GET",
        "/v1/bootstrap",
        "memory",
        "bootstrap",
        Bootstrap,
        "What a dashboard shows first: every project in a few numbers, and the newest of one.",
        query=(
            Query("project", str | None, None, "The project that is looked at; else the last that changed."),
            Query("limit", int, 50, "Most projects, runs and experiments, each."),
        ),
    ),
)
