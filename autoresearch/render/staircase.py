"""The staircase of running bests, as a self-contained SVG and as text for a terminal."""

from __future__ import annotations

from autoresearch.render.drawing import svg
from autoresearch.render.points import Point
from autoresearch.render.textual import terminal

__all__ = ["Point", "svg", "terminal"]
