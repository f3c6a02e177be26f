"""What the server counts of itself, in the form that Prometheus reads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Figures"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Figures:
    """Counts of one server process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "autoresearch_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "autoresearch_request_seconds",
            "Seconds until the answer was sent.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._working = Gauge(
            "autoresearch_requests_in_progress", "Requests that are being answered.", registry=self.registry
        )
        self.points = Counter(
            "autoresearch_points_committed", "Points that were durably stored.", registry=self.registry
        )

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Count a request as being answered within the block."""
        self._working.inc()
        try:
            yield
        finally:
            self._working.dec()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def page(self) -> bytes:
        """All of it as text."""
        return generate_latest(self.registry)
