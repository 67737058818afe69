import dataclasses

import numpy as np
import pytest

from detectors.bars import MINUTE_NS, MinuteBars
from detectors.features.build import build_features
from detectors.features.gamma import COLUMNS, FEATURES, GammaMinutes
from detectors.features.option_settings import OptionSettings
from detectors.features.settings import FeatureSettings
from detectors.features.table import Reason
from tests.detectors.features.walks import all_minutes, calendar_sessions

SESSIONS = calendar_sessions("2024-10-28", "2024-12-06")  # the half day 2024-11-29 inside
MINUTES = all_minutes(SESSIONS)
SESSION = np.searchsorted(SESSIONS.open_ns, MINUTES, side="right") - 1
DOLLARS = 100.0 * 50.0 * 390  # a full session's


def bars():
    flat = np.full(len(MINUTES), 100.0)
    return MinuteBars(MINUTES, flat, flat + 1, flat - 1, flat, np.full(len(MINUTES), 50.0))


def table(**changes):
    rng = np.random.default_rng(5)
    n = len(MINUTES)
    values = {name: rng.uniform(1, 2, n) for name in COLUMNS}
    values["spot"] = np.full(n, 100.0)
    values["gex"] = rng.normal(0, 1e6, n)
    values["opt_volume"] = rng.integers(0, 90, n).astype(float)
    values["used_volume"] = np.full(n, 1000.0)
    values["call_volume"] = np.full(n, 600.0)
    values["opt_priced_frac"] = np.full(n, 0.9)
    closes = (SESSIONS.close_ns[SESSION] - MINUTES) // MINUTE_NS - 1
    values["minutes_to_expiry"] = closes.astype(float) + 1440
    return GammaMinutes(MINUTES, values | changes)


def features(gamma, asset_class="ETF", **settings):
    return build_features(
        bars(),
        SESSIONS,
        bar_minutes=5,
        asset_class=asset_class,
        gamma=gamma,
        settings=FeatureSettings(**settings),
    )


def of(gamma, session, minute):
    """Row of the bar that ends `minute` minutes after a session's open."""
    found = features(gamma)
    end = SESSIONS.open_ns[session] + minute * MINUTE_NS
    return found, int(np.flatnonzero(found.bars.end == end)[0])


def test_without_a_table_every_option_feature_is_unknown():
    found = features(None)
    for name in FEATURES:
        assert np.isnan(found[name]).all()
        assert (found.reason(name) == Reason.MISSING_INPUT).all()


def test_a_bar_reads_the_minute_that_ends_with_it():
    gamma = table()
    found, bar = of(gamma, 22, 45)
    row = int(np.flatnonzero(gamma.ts == found.bars.end[bar] - MINUTE_NS)[0])
    for name in ("gex", "zero_gamma", "call_wall", "max_pain", "pin_oi_frac", "minutes_to_expiry"):
        assert found[name][bar] == gamma.values[name][row]
    assert found["call_volume_frac"][bar] == 0.6
    # Dollar volume: 20 full sessions and, here, one of the half length or none.
    money = found["dollar_volume_mean"][bar]
    assert money == pytest.approx(DOLLARS)
    assert found["gex_norm"][bar] == gamma.values["gex"][row] / money
    assert found["gex_slope_norm"][bar] == gamma.values["gex_slope"][row] / (2 * money)
    assert found["pin_gex_norm"][bar] == gamma.values["pin_gex"][row] / money


def test_later_minutes_change_nothing():
    gamma = table()
    later = gamma.ts >= SESSIONS.open_ns[25] + 100 * MINUTE_NS
    noise = {k: np.where(later, 7.7e7, v) for k, v in gamma.values.items()}
    cut = GammaMinutes(gamma.ts[~later], {k: v[~later] for k, v in gamma.values.items()})
    whole = features(gamma)
    known = whole.bars.end <= SESSIONS.open_ns[25] + 100 * MINUTE_NS
    for other in (GammaMinutes(gamma.ts, noise), cut):
        found = features(other)
        for name in FEATURES:
            np.testing.assert_array_equal(found[name][known], whole[name][known], name)
    zscore = OptionSettings(gex_normalisation="zscore")
    one, two = (
        features(dataclasses.replace(g, settings=zscore))["gex_norm"][known] for g in (gamma, cut)
    )
    np.testing.assert_array_equal(one, two)


def test_rows_older_than_five_minutes_are_stale():
    gamma = table()
    hole = (SESSION == 22) & ((MINUTES - SESSIONS.open_ns[22]) // MINUTE_NS >= 40)
    kept = GammaMinutes(gamma.ts[~hole], {k: v[~hole] for k, v in gamma.values.items()})
    found, bar = of(kept, 22, 45)
    before = int(np.flatnonzero(kept.ts < SESSIONS.open_ns[22] + 40 * MINUTE_NS)[-1])
    assert found["gex"][bar] == kept.values["gex"][before]  # 5 minutes old
    left = kept.values["minutes_to_expiry"][before]
    assert found["minutes_to_expiry"][bar] == left - 5  # counted from T
    for name in FEATURES:
        assert found.reason(name)[bar + 1] == Reason.STALE
    first = int(np.flatnonzero(found.bars.session == 23)[0])
    assert found.reason("gex")[first] == Reason.KNOWN


def test_the_day_before_is_not_read():
    gamma = table()
    kept = GammaMinutes(
        gamma.ts[SESSION != 22], {k: v[SESSION != 22] for k, v in gamma.values.items()}
    )
    found, bar = of(kept, 22, 5)
    assert found.reason("gex")[bar] == Reason.MISSING_INPUT


def test_why_gamma_is_unknown():
    n = len(MINUTES)
    gamma = table(
        gex=np.full(n, np.nan), call_wall=np.full(n, np.nan), opt_priced_frac=np.full(n, 0.4)
    )
    found, bar = of(gamma, 22, 45)
    for name in ("gex", "gex_norm", "call_wall"):
        assert found.reason(name)[bar] == Reason.LOW_COVERAGE
    blind = table(**{name: np.full(n, np.nan) for name in COLUMNS if name != "is_0dte"})
    found, bar = of(blind, 22, 45)
    assert found.reason("gex")[bar] == Reason.STALE
    assert found.reason("max_pain")[bar] == Reason.STALE
    thin = table(used_volume=np.full(n, 99.0))
    found, bar = of(thin, 22, 45)
    assert found.reason("call_volume_frac")[bar] == Reason.LOW_COVERAGE


def test_an_expiry_that_has_passed_is_not_counted():
    gamma = table(minutes_to_expiry=np.full(len(MINUTES), 2.0))
    hole = (SESSION == 22) & ((MINUTES - SESSIONS.open_ns[22]) // MINUTE_NS >= 42)
    kept = GammaMinutes(gamma.ts[~hole], {k: v[~hole] for k, v in gamma.values.items()})
    found, bar = of(kept, 22, 45)
    assert found.reason("minutes_to_expiry")[bar] == Reason.STALE


def test_infinite_levels_are_known():
    gamma = table(zero_gamma=np.full(len(MINUTES), -np.inf))
    found, bar = of(gamma, 22, 45)
    assert found["zero_gamma"][bar] == -np.inf
    assert found.reason("zero_gamma")[bar] == Reason.KNOWN


def test_without_signs_there_is_no_direction():
    gamma = dataclasses.replace(table(), settings=OptionSettings(sign_model="none"))
    found, bar = of(gamma, 22, 45)
    for name in ("gex", "gex_norm", "zero_gamma", "gex_slope_norm", "pin_gex_norm"):
        assert found.reason(name)[bar] == Reason.SIGN_MODEL
    for name in ("max_gamma_strike", "max_pain", "gex_0dte_frac"):
        assert found.reason(name)[bar] == Reason.KNOWN


def same_minute(gamma, session, minute, column):
    """Values at a minute of the 20 sessions before, half days left out."""
    found = []
    for k in range(max(session - 20, 0), session):
        if SESSIONS.full_length[k]:
            row = np.flatnonzero(gamma.ts == SESSIONS.open_ns[k] + minute * MINUTE_NS)[0]
            found.append(column[row])
    return np.array(found)


@pytest.mark.parametrize(("session", "minute"), [(24, 45), (24, 10), (7, 100), (25, 380)])
def test_surge_over_the_same_minutes_of_earlier_sessions(session, minute):
    gamma = table()
    found, bar = of(gamma, session, minute)
    volume = gamma.values["opt_volume"]
    sums = np.array([
        volume[max(k - 14, np.flatnonzero(SESSION[k] == SESSION)[0]) : k + 1].sum()
        for k in range(len(volume))
    ])  # fmt: skip
    normal = same_minute(gamma, session, minute - 1, sums).mean()
    row = int(np.flatnonzero(gamma.ts == found.bars.end[bar] - MINUTE_NS)[0])
    assert found["opt_volume_surge"][bar] == pytest.approx(sums[row] / normal, rel=1e-12)


def test_baselines_need_their_sessions():
    zscore = dataclasses.replace(table(), settings=OptionSettings(gex_normalisation="zscore"))
    found, bar = of(zscore, 4, 45)
    assert found.reason("opt_volume_surge")[bar] == Reason.WARMUP
    found, bar = of(zscore, 5, 45)
    assert found.reason("opt_volume_surge")[bar] == Reason.KNOWN
    assert found.reason("gex_norm")[bar] == Reason.WARMUP
    found, bar = of(zscore, 10, 45)
    earlier = same_minute(zscore, 10, 44, zscore.values["gex"])
    row = int(np.flatnonzero(zscore.ts == found.bars.end[bar] - MINUTE_NS)[0])
    expected = (zscore.values["gex"][row] - earlier.mean()) / earlier.std(ddof=1)
    assert found["gex_norm"][bar] == pytest.approx(expected, rel=1e-9)


def test_an_index_without_a_proxy_has_dollars_but_no_share_of_them():
    gamma = table()
    found = features(gamma, asset_class="INDEX")
    assert (found.reason("gex") == Reason.KNOWN).all()
    assert (found.reason("gex_norm") == Reason.MISSING_PROXY).all()


def test_settings_and_tables_are_checked():
    with pytest.raises(ValueError, match=r"sign_model must be one of naive.*'long'"):
        OptionSettings(sign_model="long")
    with pytest.raises(ValueError, match="rise strictly"):
        GammaMinutes(MINUTES[::-1], table().values)
    with pytest.raises(ValueError, match="need the columns"):
        GammaMinutes(MINUTES, {"gex": table().values["gex"]})
