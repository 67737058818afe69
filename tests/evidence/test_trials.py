import numpy as np
import pytest

from sweep.evidence.clusters import ALONE, CONSTANT, cluster_trials
from sweep.evidence.trials import effective_number_from_correlation, effective_number_of_trials

RULES = ("average_correlation", "participation_ratio", "entropy_rank", "li_ji")


def families(rng, n_families, members, sessions, correlation):
    common = np.repeat(rng.standard_normal((n_families, sessions)), members, axis=0)
    own = rng.standard_normal(common.shape)
    return np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own


def test_equal_correlation_has_the_closed_form():
    # Eigenvalues 5.5 and nine of 0.5.
    found = effective_number_from_correlation(np.full((10, 10), 0.5) + 0.5 * np.eye(10))
    p = np.array([5.5] + 9 * [0.5]) / 10
    assert found.average_correlation == pytest.approx(5.5)
    assert found.participation_ratio == pytest.approx(100 / 32.5)
    assert found.entropy_rank == pytest.approx(np.exp(-(p * np.log(p)).sum()))
    assert found.li_ji == pytest.approx(1 + 0.5 + 9 * 0.5)


@pytest.mark.parametrize("n_sets", [12, 90])
def test_gram_matrix_gives_what_the_correlation_matrix_gives(n_sets):
    # 90 sets on 40 sessions: the correlation matrix is singular.
    returns = families(np.random.default_rng(3), n_sets // 3, 3, 40, 0.7)
    direct = effective_number_from_correlation(np.corrcoef(returns))
    streamed = effective_number_of_trials(iter(np.split(returns, [5])))
    for rule in RULES:
        assert getattr(streamed, rule) == pytest.approx(getattr(direct, rule), rel=1e-7)
    assert streamed.mean_correlation == pytest.approx(direct.mean_correlation, abs=1e-12)


def test_li_ji_snaps_eigenvalues_to_whole_numbers():
    # Five pairs of equal sets have eigenvalues 2 and 0, whatever rounding says: five tries.
    returns = np.repeat(np.linalg.qr(np.random.default_rng(0).standard_normal((60, 5)))[0].T, 2, 0)
    centred = np.linalg.qr(returns[::2].T - returns[::2].mean(axis=1))[0].T
    found = effective_number_of_trials(np.repeat(centred - centred.mean(axis=1)[:, None], 2, 0))
    assert found.li_ji == pytest.approx(5, abs=0.2)
    exact = effective_number_from_correlation(np.kron(np.eye(5), np.ones((2, 2))))
    assert exact.li_ji == 5


def test_copies_count_once_and_constants_not_at_all():
    row = np.random.default_rng(0).standard_normal(80)
    returns = np.stack([row, 2 * row, row + 1, np.full(80, 0.3), np.zeros(80)])
    found = effective_number_of_trials(returns)
    assert (found.n_sets, found.n_varying) == (5, 3)
    for rule in RULES:
        assert getattr(found, rule) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("returns", [np.zeros((4, 30)), np.arange(30.0)[None, :]])
def test_one_or_no_varying_set_is_one_trial(returns):
    found = effective_number_of_trials(returns)
    assert [getattr(found, rule) for rule in RULES] == pytest.approx([1, 1, 1, 1])
    assert cluster_trials(returns).n_effective == 1


def test_opposite_sets_stay_within_bounds():
    row = np.random.default_rng(0).standard_normal(80)
    found = effective_number_of_trials(np.stack([row, -row]))
    for rule in RULES:
        assert 1 <= getattr(found, rule) <= 2


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.ones((2, 3)), r"square matrix, got shape \(2, 3\)"),
        (np.array([[1, 0.2], [0.3, 1]]), "finite and symmetric"),
        (np.array([[1, np.nan], [np.nan, 1]]), "finite and symmetric"),
        (np.array([[2, 0.2], [0.2, 1]]), "ones on its diagonal"),
    ],
)
def test_bad_correlation_matrices_are_refused(matrix, words):
    with pytest.raises(ValueError, match=words):
        effective_number_from_correlation(matrix)


def test_clusters_find_the_families():
    returns = families(np.random.default_rng(5), 20, 50, 250, 0.95)
    found = cluster_trials(returns)
    assert found.n_effective == 20
    for family in range(20):
        assert len(set(found.labels[family * 50 : (family + 1) * 50])) == 1


@pytest.mark.parametrize("sample", [40, 300])
def test_sampled_clusters_find_them_too(sample):
    returns = families(np.random.default_rng(5), 20, 50, 250, 0.95)[::-1]
    found = cluster_trials(returns, sample=sample)
    assert found.n_effective == 20
    assert found.labels.min() == 0


def test_independent_sets_are_all_counted_in_rounds_or_alone():
    returns = np.random.default_rng(6).standard_normal((120, 250))
    assert cluster_trials(returns).n_effective == 120
    sampled = cluster_trials(returns, sample=20, rounds=3)
    assert sampled.n_effective == 120
    assert np.count_nonzero(sampled.labels == ALONE) == 60


def test_clusters_do_not_depend_on_the_parts():
    returns = families(np.random.default_rng(7), 30, 4, 60, 0.6)
    whole = cluster_trials(returns, sample=50, seed=3)
    cut = cluster_trials(np.split(returns, [7, 8, 99]), sample=50, seed=3)
    assert np.array_equal(whole.labels, cut.labels)
    assert whole.sharpes == pytest.approx(cut.sharpes, rel=1e-12)


def with_correlation(matrix):
    """Return series whose sample correlation is exactly `matrix`."""
    draws = np.random.default_rng(1).standard_normal((len(matrix), 400))
    draws -= draws.mean(axis=1, keepdims=True)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(draws)), draws)
    return np.linalg.cholesky(matrix) @ white


def test_a_cluster_has_the_ratio_of_its_average_at_equal_risk():
    one, other = with_correlation(np.array([[1, 0.7], [0.7, 1]])) + np.array([[0.1], [-0.02]])
    found = cluster_trials(np.stack([one, 5 * other, np.zeros(400)]))
    assert found.labels.tolist() == [0, 0, CONSTANT]
    average = one + other  # both have variance 1
    assert found.sharpes == pytest.approx([average.mean() / average.std(ddof=1)])


@pytest.mark.parametrize(("correlation", "n_effective"), [(0.51, 1), (0.49, 2)])
def test_two_sets_join_at_the_stated_correlation(correlation, n_effective):
    returns = with_correlation(np.array([[1, correlation], [correlation, 1]]))
    assert cluster_trials(returns).n_effective == n_effective


def test_a_chain_is_not_one_family():
    # The second set is near both others, which are far from each other: mean .36 to that pair.
    returns = with_correlation(np.array([[1, 0.65, 0.12], [0.65, 1, 0.6], [0.12, 0.6, 1]]))
    assert cluster_trials(returns).labels.tolist() == [0, 0, 1]


def test_independent_sets_count_in_full_by_every_rule():
    found = effective_number_from_correlation(np.eye(5))
    assert [getattr(found, rule) for rule in RULES] == pytest.approx([5, 5, 5, 5])


def test_bad_cluster_settings_are_refused():
    returns = np.zeros((2, 5))
    with pytest.raises(ValueError, match="between 0 and 1, got 1"):
        cluster_trials(returns, min_correlation=1)
    with pytest.raises(ValueError, match="sample must be >= 2"):
        cluster_trials(returns, sample=1)
    with pytest.raises(TypeError, match="one-shot iterator"):
        cluster_trials(iter([returns]))
