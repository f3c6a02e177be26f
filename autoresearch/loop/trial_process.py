"""The process of a trial that goes on by itself: ``python -m autoresearch.loop.trial_process FOLDER``.

It belongs to nobody: whoever started it may end, and it goes on. It runs exactly the recorded code, puts protected files
back before and looks at them after each run, and writes how far it is into its folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["main"]


def main(folder: str) -> int:
    """Measure the trial of a folder, in a child that outlives this process.

    Args:
        folder: Folder of the trial. Its lock came with the process, and goes when the last process ends that has it.

    Returns:
        The exit code.
    """
    # Before anything is loaded: this process has one thread now, and ends at once, so that the child is nobody's.
    if os.fork():
        return 0
    from autoresearch.loop.trial_work import work

    work(Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
