"""Families of nearly equal sets, the default count of independent tries.

Average linkage: two groups are merged while the mean correlation between their members is at least
`min_correlation`. Linkage needs all pairs, so a large sweep goes in rounds: a uniform sample of
the sets without a family is linked, then every other such set joins the family with which its mean
correlation is highest, if that reaches the same bound. Sets still alone after the last round count
as one try each, which can only make the deflated Sharpe ratio stricter.

The idea of counting clusters is that of Lopez de Prado and Lewis, "Detection of False Investment
Strategies", Quantitative Finance 19(9), 2019; they cluster by k-means.
"""

import dataclasses

import numpy as np

from sweep.evidence.columns import Float, Int, Returns, constant_rows, repeatable, slices
from sweep.evidence.trials import standardised

SAMPLE = 2_000
ROUNDS = 5
CONSTANT = -2
ALONE = -1


@dataclasses.dataclass(frozen=True)
class TrialClusters:
    """Families of sets.

    Attributes
    ----------
    n_effective
        Families plus sets that belong to none, at least 1.
    labels
        int64 [sets], family of each set from 0; `ALONE` for none, `CONSTANT` where it never
        varies.
    sharpes
        float64 [families], Sharpe ratio per day of each family's average (every member at equal
        risk).
    """

    n_effective: int
    labels: Int
    sharpes: Float


def cluster_trials(
    returns: Returns,
    *,
    min_correlation: float = 0.5,
    sample: int = SAMPLE,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> TrialClusters:
    """Group sets whose daily results are nearly the same.

    Parameters
    ----------
    returns
        Daily net R, [sets, sessions >= 2] or an iterable of such parts. Gone over `rounds` + 2
        times at most, twice where the sets are not more than `sample`.
    min_correlation
        Mean correlation from which groups are one family, in (0, 1).
    sample
        Sets linked a round, at least 2; time and memory grow with its square.
    rounds
        Rounds, at least 1.
    seed
        Of the samples. The answer does not depend on how `returns` is cut into parts.

    Returns
    -------
    TrialClusters
    """
    if not 0 < min_correlation < 1:
        raise ValueError(f"min_correlation must lie between 0 and 1, got {min_correlation}")
    if sample < 2 or rounds < 1:
        raise ValueError(f"sample must be >= 2 and rounds >= 1, got {sample} and {rounds}")
    repeatable(returns)
    rng = np.random.default_rng(seed)
    labels, drawn, members = _draw(returns, None, np.zeros((0, 0)), 0, sample, rng, 1.0)
    n_families = 0
    for _ in range(rounds):
        if len(drawn) == 0:
            break
        groups = _link(members, min_correlation)
        labels[drawn] = groups + n_families
        first, n_families = n_families, n_families + int(groups.max()) + 1
        if not np.any(labels == ALONE):
            break
        centres = np.stack([members[groups == g].mean(axis=0) for g in range(n_families - first)])
        labels, drawn, members = _draw(
            returns, labels, centres, first, sample, rng, min_correlation
        )
    sharpes = _family_sharpes(returns, labels, n_families)
    n_effective = max(1, n_families + int(np.count_nonzero(labels == ALONE)))
    return TrialClusters(n_effective, labels, sharpes)


def _draw(
    returns: Returns,
    labels: Int | None,
    centres: Float,
    first_family: int,
    sample: int,
    rng: np.random.Generator,
    min_correlation: float,
) -> tuple[Int, Int, Float]:
    """Let sets join the families of `centres`, and draw a uniform sample of those left alone.

    The sample is the `sample` sets with the smallest random keys, one key a set, so that it does
    not depend on the parts. Returns labels, numbers of the sampled sets, their standardised rows.
    """
    found: list[Int] = []
    keys, numbers, members = np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros((0, 0))
    for first, block in slices(returns):
        if labels is None:
            part = np.where(constant_rows(block), CONSTANT, ALONE).astype(np.int64)
        else:
            part = labels[first : first + len(block)].copy()
        alone = np.flatnonzero(part == ALONE)
        rows = standardised(block[alone])
        key = rng.random(len(block))[alone]
        if len(centres) and len(alone):
            correlation = rows @ centres.T / block.shape[1]
            nearest = correlation.argmax(axis=1)
            joins = correlation[np.arange(len(rows)), nearest] >= min_correlation
            part[alone[joins]] = first_family + nearest[joins]
            alone, rows, key = alone[~joins], rows[~joins], key[~joins]
        found.append(part)
        members = rows if not len(members) else np.concatenate([members, rows])
        keys, numbers = np.concatenate([keys, key]), np.concatenate([numbers, alone + first])
        if len(keys) > sample:
            kept = np.sort(np.argpartition(keys, sample)[:sample])
            keys, numbers, members = keys[kept], numbers[kept], members[kept]
    return np.concatenate(found), numbers, members


def _link(members: Float, min_correlation: float) -> Int:
    """Return the group of each row, from 0, in order of first appearance."""
    from scipy.cluster import hierarchy  # noqa: PLC0415 - slow

    n_members, n_sessions = members.shape
    if n_members == 1:
        return np.zeros(1, dtype=np.int64)
    upper = np.triu_indices(n_members, 1)
    distance = np.clip(1 - (members @ members.T / n_sessions)[upper], 0, 2)
    tree = hierarchy.linkage(distance, method="average")
    raw = hierarchy.fcluster(tree, 1 - min_correlation, criterion="distance")
    _, first, inverse = np.unique(raw, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    groups: Int = rank[inverse]
    return groups


def _family_sharpes(returns: Returns, labels: Int, n_families: int) -> Float:
    """Return the Sharpe ratio of the average of each family's members, scaled to equal risk."""
    sums = np.zeros((n_families, 0))
    for first, block in slices(returns):
        if sums.shape[1] == 0:
            sums = np.zeros((n_families, block.shape[1]))
        part = labels[first : first + len(block)]
        within = part >= 0
        np.add.at(sums, part[within], block[within] / block[within].std(axis=1, keepdims=True))
    spread = sums.std(axis=1, ddof=1)
    sharpes: Float = np.divide(
        sums.mean(axis=1), spread, out=np.zeros(n_families), where=spread > 0
    )
    return sharpes
