"""Kernel decorators of the engine: options of `detectors.jit`, cache keyed by the engine too.

Its kernels are compiled into their callers: a trade passes through ten of them, and calls took a
quarter of its time (231 against 170 ns). They count no references, which took half of what was
left, and so make no arrays: `sweep.engine.scratch` does.
"""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np

from detectors.jit import compiler

kernel = compiler(Path(__file__).parent, inline=True, counted=False)

making = compiler(Path(__file__).parent, inline=True)
"""For the few kernels that make arrays."""

at = cast("Callable[[float], int]", np.uintp)
"""Make an index of a number that is not negative: kernels need not ask if it counts back."""
