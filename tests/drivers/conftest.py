"""A model on loopback, a folder to work in, and an agent in each wire format that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoresearch.drivers.base import Assignment
from autoresearch.drivers.models.agent import ModelAgent
from autoresearch.drivers.models.making import model_agent
from autoresearch.drivers.models.requests import Waiting
from tests.model_agents import TRAIN, WIRES, Agent, Clock
from tests.model_server import KEY, ModelServer


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    for name in ("folder", "scratch"):
        (tmp_path / name).mkdir()
    (tmp_path / "folder" / "train.py").write_text(TRAIN)
    brief = {"goal": {"metric": "loss", "protected": ["evaluate.py", "data/"]}}
    return Assignment(
        brief=brief, folder=tmp_path / "folder", scratch=tmp_path / "scratch", prompt="Improve it."
    )


@pytest.fixture(params=WIRES)
def agent(request: pytest.FixtureRequest, server: ModelServer, clock: Clock) -> Agent:
    """An agent in each wire format."""

    def make(**options: Any) -> ModelAgent:
        profile = {"wire": request.param, "base_url": f"{server.url}/v1", "key_variable": "MODEL_KEY"}
        waiting = Waiting(pause=clock.pause, clock=clock, **options.pop("waiting", {}))
        return model_agent(
            "tested", profile, model="m", options=options, environment={"MODEL_KEY": KEY}, waiting=waiting
        )

    return make
