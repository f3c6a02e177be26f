"""What the server writes about itself: a line for people on a terminal, one JSON object a line anywhere else."""

from __future__ import annotations

import datetime
import json
import logging
import sys
from typing import TextIO

__all__ = ["begin_logging"]

_FIELDS = ("method", "route", "status", "milliseconds")


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        fields = {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        said |= fields or {"message": record.getMessage()}
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=True)


def begin_logging(out: TextIO = sys.stderr) -> None:
    """Have everything that the server's process logs go to one place, each record as one line."""
    handler = logging.StreamHandler(out)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(plain if out.isatty() else _Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # It tells at length how it starts and stops, which is said once already.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
