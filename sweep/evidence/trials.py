"""How many independent tries a sweep really made: neighbouring sets are nearly copies.

Effective numbers from the eigenvalues l of the correlation matrix of the sets: average correlation
`rho + (1 - rho) N`, participation ratio `(sum l)^2 / sum l^2`, entropy rank `exp(-sum p ln p)`
with p = l / N, and Li and Ji (Heredity 95, 2005) `sum 1[l >= 1] + (l - floor l)`. They disagree
(equal correlation 0.5 of ten sets: 5.5, 3.08, 5.35, 6.0), so whoever shows one names it.

The eigenvalues come from the sessions x sessions Gram matrix, which has the same ones above 0 as
the sets x sets correlation matrix, takes one pass over the sets and never holds that larger
matrix.
"""

import dataclasses

import numpy as np
from scipy import linalg

from sweep.evidence.columns import Float, Returns, constant_rows, slices

SNAP = 1e-9
"""An eigenvalue this near to a whole number is that number before Li and Ji take its floor."""


@dataclasses.dataclass(frozen=True)
class EffectiveTrials:
    """Effective number of tries by four rules, each in [1, n_varying].

    Attributes
    ----------
    n_sets, n_varying
        All sets, and those that are not constant; only these have correlations.
    mean_correlation
        Mean over all pairs of different sets; 0 for one set.
    average_correlation, participation_ratio, entropy_rank, li_ji
        Effective numbers.
    """

    n_sets: int
    n_varying: int
    mean_correlation: float
    average_correlation: float
    participation_ratio: float
    entropy_rank: float
    li_ji: float


def effective_number_of_trials(returns: Returns) -> EffectiveTrials:
    """Count the effective tries of a sweep, in one pass.

    Parameters
    ----------
    returns
        Daily net R, [sets, sessions >= 2] or an iterable of such parts.

    Returns
    -------
    EffectiveTrials
        All 1 where at most one set varies.
    """
    gram, total, n_sets, n_varying = np.zeros((0, 0)), np.zeros(0), 0, 0
    for _, block in slices(returns):
        varying = standardised(block)
        if n_sets == 0:
            gram, total = np.zeros((block.shape[1],) * 2), np.zeros(block.shape[1])
        gram += varying.T @ varying
        total += varying.sum(axis=0)
        n_sets += len(block)
        n_varying += len(varying)
    if n_varying == 0:
        return EffectiveTrials(n_sets, 0, 0.0, 1.0, 1.0, 1.0, 1.0)
    n_sessions = len(total)
    pair_sum = float(total @ total) / n_sessions - n_varying
    eigenvalues = linalg.eigvalsh(gram / n_sessions)
    return _effective(eigenvalues, pair_sum, n_sets, n_varying)


def effective_number_from_correlation(correlation: Float) -> EffectiveTrials:
    """Count the effective tries that a correlation matrix stands for.

    Parameters
    ----------
    correlation
        float64 [sets, sets], symmetric, ones on the diagonal.

    Returns
    -------
    EffectiveTrials
    """
    matrix = np.asarray(correlation, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
        raise ValueError(f"correlation must be a square matrix, got shape {matrix.shape}")
    if not (np.isfinite(matrix).all() and np.allclose(matrix, matrix.T, atol=1e-8)):
        raise ValueError("correlation must be finite and symmetric; correlate the sets first")
    if not np.allclose(np.diag(matrix), 1, atol=1e-8):
        raise ValueError("correlation must have ones on its diagonal; drop constant sets first")
    pair_sum = float(matrix.sum()) - len(matrix)
    return _effective(linalg.eigvalsh(matrix), pair_sum, len(matrix), len(matrix))


def standardised(block: Float) -> Float:
    """Return the rows of [sets, sessions] that vary, each with mean 0 and variance (ddof 0) 1."""
    varying = block[~constant_rows(block)]
    centred = varying - varying.mean(axis=1, keepdims=True)
    scale = np.sqrt(np.einsum("ij,ij->i", centred, centred) / block.shape[1])
    found: Float = centred / scale[:, None]
    return found


def _effective(
    eigenvalues: Float, pair_sum: float, n_sets: int, n_varying: int
) -> EffectiveTrials:
    """Apply the four rules; `pair_sum` is the sum of the correlations off the diagonal."""
    pairs = n_varying * (n_varying - 1)
    rho = pair_sum / pairs if pairs else 0.0
    spectrum = np.clip(eigenvalues, 0, None)
    share = spectrum / spectrum.sum()
    entropy = -float(np.sum(share * np.log(share, out=np.zeros_like(share), where=share > 0)))
    whole = np.rint(spectrum)
    near = np.abs(spectrum - whole) <= SNAP * np.maximum(1, spectrum)
    snapped = np.where(near, whole, spectrum)
    li_ji = float(np.sum((snapped >= 1) + (snapped - np.floor(snapped))))
    numbers = (
        rho + (1 - rho) * n_varying,
        float(spectrum.sum() ** 2 / (spectrum @ spectrum)),
        float(np.exp(entropy)),
        li_ji,
    )
    bounded = (min(max(number, 1.0), float(n_varying)) for number in numbers)
    return EffectiveTrials(n_sets, n_varying, rho, *bounded)
