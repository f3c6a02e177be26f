"""Which code a run executes: the commit and the change on top of it, taken while the script goes on."""

from __future__ import annotations

import threading

from autoresearch.journal.warning import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["CodeState"]

_PATIENCE = 30.0


class CodeState:
    """Takes the state of the working tree, once, on a thread of its own.

    Args:
        folder: A folder in the working tree.
        home: Folder of the store, where the patch is kept.
        max_bytes: Patches above this leave their digest only.
        tell: Gets the message for the journal.
    """

    def __init__(
        self, folder: str, home: str, *, max_bytes: int, tell: Callable[[Mapping[str, Any]], object]
    ) -> None:
        self._folder = folder
        self._home = home
        self._max_bytes = max_bytes
        self._tell = tell
        # No daemon: a script that ends at once is waited for here, before its end forbids to start git (Python 3.12).
        self._thread = threading.Thread(target=self._take, name="autoresearch-code", daemon=False)

    def start(self) -> None:
        """Begin; the working tree is read within the next moments."""
        self._thread.start()

    def wait(self) -> None:
        """Wait until it is taken, at most 30 seconds."""
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)

    def _take(self) -> None:
        try:
            self._tell(self._message())
        except Exception as error:  # noqa: BLE001  a background thread: a run without its code is better than no run
            warn(f"The code of the run was not captured: {error}")

    def _message(self) -> dict[str, Any]:
        from pathlib import Path

        from autoresearch.capture.change import capture_change
        from autoresearch.store.blobs import open_objects

        change = capture_change(Path(self._folder), max_bytes=self._max_bytes)
        diff = None
        if change.size:
            diff = {"digest": change.digest, "size": change.size, "truncated": change.truncated}
            if not change.truncated:
                open_objects(Path(self._home) / "objects").put(change.patch)
        return {
            "op": "code",
            "commit": change.commit,
            "parent_commit": change.parent,
            "branch": change.branch,
            "diff": diff,
            "notices": list(change.notices[:20]),
        }
