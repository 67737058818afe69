"""The funnel of a detector: where its bars were lost, per session (DETECTORS.md 1.2)."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Int
from detectors.contract import Detector
from detectors.evaluate import Evaluation
from detectors.features.table import Reason


@dataclasses.dataclass(frozen=True)
class Funnel:
    """Counts of signal bars per session.

    Attributes
    ----------
    in_window, evaluable, below_score, signals
        int64 [sessions].
    unknown
        (feature, reason) -> int64 [sessions], bars in the window that are not evaluable for it.
        The feature of reason `weight` is `factors`.
    passed, alone
        condition name -> int64 [sessions]: evaluable bars on which this and all earlier conditions
        hold; on which only this one fails.
    """

    in_window: Int
    evaluable: Int
    unknown: Mapping[tuple[str, str], Int]
    passed: Mapping[str, Int]
    alone: Mapping[str, Int]
    below_score: Int
    signals: Int


def count_funnel(
    detector: Detector, evaluation: Evaluation, session: NDArray[np.int32], n_sessions: int
) -> Funnel:
    """Count an evaluation per session.

    Parameters
    ----------
    detector, evaluation
        The detector and what it said on n bars.
    session
        int32 [n], session index of each bar.
    n_sessions
        Length of the counts.
    """

    def per_session(mask: NDArray[np.bool_]) -> Int:
        return np.bincount(session[mask], minlength=n_sessions).astype(np.int64)

    unknown: dict[tuple[str, str], Int] = {}
    blocked = evaluation.in_window & ~evaluation.evaluable
    names = (*detector.hard_features, "factors")
    for missing, reason in sorted(
        set(
            zip(
                evaluation.missing[blocked].tolist(),
                evaluation.reason[blocked].tolist(),
                strict=True,
            )
        )
    ):
        mask = blocked & (evaluation.missing == missing) & (evaluation.reason == reason)
        unknown[names[missing], Reason(reason).name.lower()] = per_session(mask)
    everything = (1 << len(detector.conditions)) - 1
    passed, alone = {}, {}
    so_far = 0
    for i, condition in enumerate(detector.conditions):
        so_far |= 1 << i
        passed[condition.name] = per_session(
            evaluation.evaluable & (evaluation.passed & so_far == so_far)
        )
        alone[condition.name] = per_session(
            evaluation.evaluable & (evaluation.passed == everything ^ (1 << i))
        )
    all_hold = evaluation.evaluable & (evaluation.passed == everything)
    return Funnel(
        in_window=per_session(evaluation.in_window),
        evaluable=per_session(evaluation.evaluable),
        unknown=unknown,
        passed=passed,
        alone=alone,
        below_score=per_session(all_hold & (evaluation.signal == 0)),
        signals=per_session(evaluation.signal != 0),
    )
