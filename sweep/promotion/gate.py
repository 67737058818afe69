"""Which results may be promoted: the conditions, and what each says. Pure."""

from collections.abc import Sequence

from sweep.promotion.regression import Regression


def verdict_refusals(verdict: str, summary: str, *, has_holdout: bool) -> tuple[str, ...]:
    """Return why a result may not be promoted, before its hold-out is looked at."""
    found = []
    if verdict != "holds":
        found.append(f"the verdict is {verdict}, it must be holds. {summary}")
    if not has_holdout:
        found.append("the sweep held nothing out (holdout=none), so nothing can confirm it")
    return tuple(found)


def holdout_refusals(regression: Regression, set_id: str, seen: Sequence[str]) -> tuple[str, ...]:
    """Return why the hold-out speaks against a result, or can no longer speak for it.

    Parameters
    ----------
    regression
        Old against new.
    set_id
        The new set.
    seen
        Sets of the detector that were ever looked at on this hold-out, in order, the new one
        among them.
    """
    old, new = regression.old.mean_r, regression.new.mean_r
    found = []
    if not new > 0:
        found.append(f"on the hold-out it earns {new:+.4f} R a day, it must earn more than 0")
    if not new > old:
        found.append(
            f"on the hold-out it earns {new:+.4f} R a day, what is in use earns {old:+.4f}"
        )
    if seen and seen[0] != set_id:
        found.append(
            f"the hold-out has been seen {len(seen)} times: from the second set on it is no pass, "
            "since one of many passes by luck; sweep again when there are newer sessions"
        )
    return tuple(found)
