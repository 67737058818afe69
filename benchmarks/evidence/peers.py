"""The same statistics by purgedcv, which may live in an environment of its own.

Imports nothing of the project: returns come from a file. purgedcv takes the Sharpe ratio with
ddof 0 and unbiased moments, so it says which moments it used and formulas are compared, not those.
"""

import numpy as np


def purgedcv(path: str) -> dict[str, list[float]]:
    """Return moments, PSR, DSR and the logits of the cross-validation of [sets, sessions]."""
    import purgedcv as peer  # noqa: PLC0415

    returns, terms = np.load(path), []
    for row in returns:
        found = peer.deflated_sharpe_ratio_full(row, 500, 0.004)
        moments = (float(row.mean() / row.std()), float(found.skew), float(found.kurt))
        terms += [*moments, peer.probabilistic_sharpe_ratio(row, 0.05)]
        terms.append(peer.deflated_sharpe_ratio(row, 500, 0.004))
    logits = peer.probability_of_backtest_overfitting(returns, 8).logits
    return {"terms": terms, "logits": np.sort(np.asarray(logits, float)).tolist()}
