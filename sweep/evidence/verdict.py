"""One word per detector, and the sentence behind each part of it.

`holds` needs every criterion met. `fails` means the data speak against it. All else is
`not_proven`, which is not "bad": it is also what too little data gives. A value that could not be
computed is never read in favour.
"""

import dataclasses
from typing import Literal

from sweep.evidence.criteria import (
    Criterion,
    Findings,
    Thresholds,
    choice_criteria,
    data_criteria,
    edge_criteria,
    known,
)

Verdict = Literal["holds", "not_proven", "fails"]


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Verdict with its reasons.

    Attributes
    ----------
    verdict
        `holds`, `not_proven` or `fails`.
    summary
        One sentence.
    criteria
        All conditions, met or not.
    """

    verdict: Verdict
    summary: str
    criteria: tuple[Criterion, ...]


def judge(findings: Findings, thresholds: Thresholds | None = None) -> Judgement:
    """Give the verdict.

    Parameters
    ----------
    findings
        What the sweep found.
    thresholds
        Limits, default `Thresholds()`.

    Returns
    -------
    Judgement
    """
    limits = thresholds or Thresholds()
    _check(findings)
    criteria = (
        *data_criteria(findings, limits),
        *edge_criteria(findings, limits),
        *choice_criteria(findings, limits),
        *(
            Criterion("reservation", text, "none", met=False, sentence=text)
            for text in findings.reservations
        ),
    )
    against = _against(findings, limits)
    missed = [criterion for criterion in criteria if not criterion.met]
    if against:
        return Judgement("fails", f"Fails: {against}", criteria)
    if missed:
        names = ", ".join(dict.fromkeys(criterion.name for criterion in missed))
        return Judgement(
            "not_proven", f"Not proven: {missed[0].sentence} Open: {names}.", criteria
        )
    return Judgement(
        "holds",
        "Holds: it earned out of sample, beyond what luck among all tries explains.",
        criteria,
    )


def _check(findings: Findings) -> None:
    shares = {"spa_p": findings.spa_p, "dsr": findings.dsr, "pbo": findings.pbo}
    for name, value in (shares | {"ambiguous_frac": findings.ambiguous_frac}).items():
        share = known(value)
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {share}")
    if findings.trades < 0 or findings.active_days < 0:
        raise ValueError(
            f"counts must be 0 or more, got trades={findings.trades}, "
            f"active_days={findings.active_days}"
        )


def _against(findings: Findings, limits: Thresholds) -> str:
    """Return why the data speak against the detector, or nothing."""
    lower, upper = known(findings.daily_lower), known(findings.daily_upper)
    pbo = known(findings.pbo)
    if upper is not None and upper < 0:
        return f"out of sample it loses, at best {upper:+.3f} R a day."
    if pbo is not None and lower is not None and pbo > limits.fails_pbo_min and lower <= 0:
        return (
            f"the best set in one half of the days is below the median in the other in "
            f"{100 * pbo:.0f} % of the splits, and out of sample no gain is certain."
        )
    return ""
