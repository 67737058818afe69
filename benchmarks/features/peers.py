"""Other solvers of implied volatility on the same options; a peer may be in its own environment.

Imports nothing of the project: prices come from a file.
"""

import numpy as np


def _read(path: str) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return dict(stored)


def fast_vollib(path: str) -> float:
    """Solve with fast-vollib (Black, undiscounted); return the largest error."""
    from fast_vollib import fast_implied_volatility_black as solve  # noqa: PLC0415

    o = _read(path)
    flags = np.where(o["call"], "c", "p")
    found = solve(
        o["price"],
        o["forward"],
        o["strike"],
        0.0,
        o["years"],
        flags,
        on_error="ignore",
        return_as="numpy",
        backend="numba",
    )
    return float(np.nanmax(np.abs(np.asarray(found, float).ravel() - o["sigma"])))
