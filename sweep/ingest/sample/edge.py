"""How strong a drift gives the planted detector the Sharpe that was asked for.

Measured with the engine at `PLANTED_VALUES`, default costs, 320 sessions with episodes, mean of 12
seeds (300 to 311): standard error 0.4, standard deviation of one sample 0.7 to 1.5. Stronger
drifts add little, every planted trade reaches its target by then: 7.6 is as strong as it gets.
"""

import numpy as np

SHARPES = (0.0, 1.40, 2.86, 4.15, 5.22, 6.05, 6.72, 7.48, 7.62)
DRIFTS_ATR = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)


def drift_atr(edge_sharpe: float) -> float:
    """Return the drift after a planted breakout, in ATR of 15 minutes, for a net annual Sharpe."""
    return float(np.interp(edge_sharpe, SHARPES, DRIFTS_ATR))
