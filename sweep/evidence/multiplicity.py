"""p-values of many tests at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.evidence.columns import Float, series

METHODS = ("bonferroni", "holm", "bh", "by")


def adjust_pvalues(p_values: NDArray[np.floating[Any]], method: str = "holm") -> Float:
    """Adjust p-values for the number of tests.

    Parameters
    ----------
    p_values
        float [tests], each in [0, 1].
    method
        `bonferroni` and `holm` (Holm 1979) bound the chance of any false finding; `bh` (Benjamini
        and Hochberg 1995, positive dependence) and `by` (Benjamini and Yekutieli 2001, any
        dependence) the share of false findings.

    Returns
    -------
    ndarray
        float64 [tests], in the order of the input, at most 1.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    p = series(p_values, name="p_values", at_least=0)
    if len(p) and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(f"p-values must lie in [0, 1], got {p.min()} to {p.max()}")
    n = len(p)
    order = np.argsort(p, kind="stable")
    rank = np.arange(1, n + 1)
    if method == "bonferroni":
        adjusted = p[order] * n
    elif method == "holm":
        adjusted = np.maximum.accumulate(p[order] * (n - rank + 1))
    else:
        penalty = float(np.sum(1 / rank)) if method == "by" else 1.0
        adjusted = np.minimum.accumulate((p[order] * n * penalty / rank)[::-1])[::-1]
    found = np.empty(n)
    found[order] = np.minimum(adjusted, 1)
    return found
