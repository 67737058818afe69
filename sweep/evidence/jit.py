"""Kernel decorator of the evidence: options of `detectors.jit`, cache keyed by this folder too."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.jit import compiler

kernel = compiler(Path(__file__).parent, inline=True)


@kernel
def largest(values: NDArray[np.float64], width: int) -> float:
    """Return the largest of the first values, which are used up.

    By halves, element by element: compilers vectorise that, and a running maximum not.
    """
    while width > 1:
        kept = (width + 1) // 2
        for k in range(width - kept):
            values[k] = max(values[k], values[kept + k])
        width = kept
    return float(values[0])
