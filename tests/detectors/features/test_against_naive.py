"""Every feature that the slow oracle knows, on markets with holes, half days and restarts."""

import dataclasses

import numpy as np
import pytest

from detectors.features.build import build_features
from detectors.features.settings import FeatureSettings
from detectors.features.table import Reason
from tests import naive
from tests.detectors.features.walks import calendar_sessions, take, walk

SESSIONS = calendar_sessions("2024-10-21", "2024-12-31")
NOT_COMPARED = {"ts", "end", "session", "segment", "reasons", "volume"}


def market(seed):
    """A walk without some minutes, five sessions and one tail; the price doubles once."""
    minutes = walk(SESSIONS, seed, missing=0.02, tick=0.01, start=100.0)
    session = np.searchsorted(SESSIONS.open_ns, minutes.ts, side="right") - 1
    doubled = np.where(session >= 36, 2.0, 1.0)
    prices = {name: getattr(minutes, name) * doubled for name in ("open", "high", "low", "close")}
    minutes = dataclasses.replace(minutes, **prices)
    late = (session == 20) & (minutes.ts < SESSIONS.open_ns[20] + 400 * 10**9)
    return take(minutes, ~((session == 12) | ((session >= 14) & (session < 18)) | late))


def naive_rows(minutes, **options):
    return naive.features(naive.minute_rows(minutes), naive.session_rows(SESSIONS), **options)


def compare(table, rows):
    assert len(table) == len(rows)
    assert list(table.bars.ts) == [row["ts"] for row in rows]
    assert list(table.bars.end) == [row["end"] for row in rows]
    assert list(table.bars.segment) == [row["segment"] for row in rows]
    compared = set(rows[0]) - NOT_COMPARED
    assert len(compared) >= 35
    for name in sorted(compared):
        expected = np.array([np.nan if row[name] is None else row[name] for row in rows])
        np.testing.assert_allclose(table[name], expected, rtol=1e-10, atol=1e-10, err_msg=name)
        reasons = [row["reasons"].get(name, "known") for row in rows]
        if name != "rsi":
            ours = [Reason(int(code)).name.lower() for code in table.reason(name)]
            assert ours == reasons, name


@pytest.mark.parametrize("bar_minutes", [5, 15])
@pytest.mark.parametrize("baseline", ["slot", "trailing"])
def test_a_stock_with_holes_a_split_and_half_days(bar_minutes, baseline):
    minutes = market(bar_minutes)
    table = build_features(
        minutes,
        SESSIONS,
        bar_minutes=bar_minutes,
        asset_class="STOCK",
        settings=FeatureSettings(rel_volume_baseline=baseline),
    )
    rows = naive_rows(
        minutes, bar_minutes=bar_minutes, asset_class="STOCK", rel_volume_baseline=baseline
    )
    assert table.bars.segment.max() == 2
    assert not SESSIONS.full_length.all()
    compare(table, rows)


def test_an_index_whose_proxy_has_holes():
    minutes = market(3)
    proxy = walk(SESSIONS, 8, missing=0.19)
    session = np.searchsorted(SESSIONS.open_ns, proxy.ts, side="right") - 1
    proxy = take(proxy, session != 25)
    bare = dataclasses.replace(minutes, volume=np.full(len(minutes), np.nan))
    table = build_features(
        bare, SESSIONS, bar_minutes=5, asset_class="INDEX", proxy=proxy, proxy_symbol="SPY"
    )
    rows = naive_rows(bare, bar_minutes=5, asset_class="INDEX", proxy=naive.minute_rows(proxy))
    unknown = table.reason("vwap") == Reason.MISSING_PROXY
    assert 0.1 < unknown.mean() < 0.9
    compare(table, rows)
