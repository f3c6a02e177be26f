"""The arrays that points are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "Real", "Whole"]

Whole = NDArray[np.int64]
"""Steps, and times in microseconds."""

Real = NDArray[np.float64]
"""Values, and times in seconds."""

Columns = tuple[Whole, Whole, Real]
"""Steps, times in microseconds, and values of one series, of one length."""
