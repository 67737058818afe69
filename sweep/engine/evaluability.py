"""Which sessions can be judged at all: the session axis, and why others cannot."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Detector
from detectors.evaluate import Evaluation, evaluate
from detectors.features.table import Reason
from sweep.engine.sets import Bounds
from sweep.engine.symbol_data import SymbolData


def narrowest(detector: Detector, bounds: Bounds) -> dict[str, float]:
    """Return the largest look-backs and the narrowest window inside the bounds."""
    values = {p.name: bounds[p.name][1] for p in detector.parameters if p.structural}
    for window in detector.windows:
        values[window.parameter] = bounds[window.parameter][window.comparison == ">="]
    return values


def evaluable_sessions(detector: Detector, data: SymbolData, bounds: Bounds) -> NDArray[np.bool_]:
    """Say in which sessions a symbol has at least one evaluable bar, bool [sessions].

    Evaluability depends on the window, look-backs and the data, never on thresholds; taken at the
    largest look-back and narrowest window of the searched space it is the same for all sets.
    """
    evaluation = evaluate(detector, data.features, narrowest(detector, bounds))
    return per_session_any(evaluation.evaluable, data)


def per_session_any(mask: NDArray[np.bool_], data: SymbolData) -> NDArray[np.bool_]:
    """Return whether any signal bar of each session is marked, bool [sessions]."""
    out = np.zeros(len(data.sessions), np.bool_)
    out[data.features.bars.session[mask]] = True
    return out


def session_axis(evaluable: Iterable[NDArray[np.bool_]], usable: slice) -> NDArray[np.int32]:
    """Give a column to the sessions that are evaluable for at least one symbol.

    Parameters
    ----------
    evaluable
        bool [sessions] per symbol.
    usable
        Sessions that may be read (without warm-up and hold-out).

    Returns
    -------
    numpy.ndarray
        int32 [sessions], column of the axis, -1 where the session is not on it.
    """
    anywhere = np.any(list(evaluable), axis=0)
    inside = np.zeros(len(anywhere), np.bool_)
    inside[usable] = True
    on_axis = anywhere & inside
    return np.where(on_axis, np.cumsum(on_axis) - 1, -1).astype(np.int32)


def why_not(detector: Detector, evaluation: Evaluation, mask: NDArray[np.bool_]) -> str:
    """Name the most frequent unknown feature and reason among the marked bars.

    Returns
    -------
    str
        `rel_volume: warmup`; `no bars in the window` where there is nothing to judge.
    """
    blocked = mask & evaluation.in_window & ~evaluation.evaluable
    if not blocked.any():
        return "no bars in the window"
    names = (*detector.hard_features, "factors")
    codes = evaluation.missing[blocked].astype(np.int64) * len(Reason) + evaluation.reason[blocked]
    values, counts = np.unique(codes, return_counts=True)
    missing, reason = divmod(int(values[counts.argmax()]), len(Reason))
    return f"{names[missing]}: {Reason(reason).name.lower()}"
