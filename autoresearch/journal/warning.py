"""Warnings of what goes on beside a script: nobody's training ends by one."""

from __future__ import annotations

__all__ = ["warn"]


def warn(sentence: str, *, stacklevel: int = 2) -> None:
    """Say it as a ``RuntimeWarning``; a filter that makes errors of warnings stops nothing.

    Args:
        sentence: What happened, and what to do.
        stacklevel: Whose line is named: 1 for the caller's, 2 for that of the caller's caller, and so on.
    """
    import warnings

    try:
        warnings.warn(sentence, RuntimeWarning, stacklevel=stacklevel + 1)
    except RuntimeWarning:
        return
