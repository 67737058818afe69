"""How strong a drift gives the planted detector the Sharpe that was asked for."""

import numpy as np

SHARPES = (0.0, 12.0)
DRIFTS_ATR = (0.0, 4.0)


def drift_atr(edge_sharpe: float) -> float:
    """Return the drift after a planted breakout, in ATR of 15 minutes, for a net annual Sharpe."""
    return float(np.interp(edge_sharpe, SHARPES, DRIFTS_ATR))
