"""Fixed levels on a few bars: the engine's rules against the slow oracle, option by option."""

import dataclasses
import math

import numpy as np
import pytest

from sweep.engine.bracket import simulate_bracket
from sweep.engine.settings import Costs, FillSettings
from tests import naive

OPTIONS = {
    "plain": {},
    "costs": {"costs": {"slippage_bps": 3.0, "half_spread": 0.01, "fee_bps": 1.0}},
    "fee minimum": {"costs": {"fee_per_share": 0.001, "fee_min": 2.5, "sell_fee_bps": 0.3}},
    "target at open": {"fills": {"target_gap": "open"}},
    "trade through": {"fills": {"trade_through": True}},
    "participation": {"fills": {"participation": 0.1}, "costs": {"slippage_bps": 1.0}},
    "impact": {"fills": {"participation": 0.2, "impact": 0.3}, "atr": 0.8},
    "flat time": {"flat_minute": 9},
    "time exit": {"time_minute": 6},
    "session close": {"last_bar": 7},
    "trail": {"trail": 0.6},
    "breakeven": {"breakeven": 0.5, "trail": 1.2, "costs": {"slippage_bps": 2.0}},
}


def drawn(rng):
    """Twelve bars of a walk in cents, with gaps and some without volume."""
    close = 100 + np.cumsum(rng.normal(0, 0.35, 12))
    opening = np.r_[100, close[:-1]] + rng.normal(0, 0.4, 12) * (rng.random(12) < 0.3)
    high = np.maximum(opening, close) + rng.exponential(0.15, 12)
    low = np.minimum(opening, close) - rng.exponential(0.15, 12)
    prices = np.round(np.stack([opening, high, low, close], axis=1), 2)
    volume = np.round(rng.lognormal(7, 1, 12)) * (rng.random(12) < 0.9)
    return np.column_stack([prices, volume])


def oracle(bars, side, stop, target, option):
    rows = [
        naive.Bar(i * naive.MINUTE, (i + 1) * naive.MINUTE, 0, *bar[:4], bar[4])
        for i, bar in enumerate(bars.tolist())
    ]
    fills = naive.Fills(**{"min_risk_share": 0.0, **option.get("fills", {})})
    trigger = target + side * 0.01 if fills.trade_through else target
    instants = {
        name: option[given] * naive.MINUTE
        for name, given in (("flat", "flat_minute"), ("deadline", "time_minute"))
        if given in option
    }
    order = naive.Order(
        side=side,
        decided=rows[0].end,
        close=rows[0].close,
        atr=option.get("atr", 1.0),
        exits=dataclasses.replace(
            naive.Exits(),
            breakeven_atr=option.get("breakeven", 0.0),
            trail_atr=option.get("trail", 0.0),
        ),
        costs=naive.Costs(**option.get("costs", {})),
        fills=fills,
        fixed=naive.Levels(rows[0].close, stop, target, round(trigger, 2)),
        **instants,
    )
    return naive.trade_of(order, rows[: option.get("last_bar", 11) + 1])


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("side", [1, -1])
def test_every_option_is_what_the_oracle_says(name, side):
    option, rng = OPTIONS[name], np.random.default_rng(5)
    rest = {key: value for key, value in option.items() if key not in ("fills", "costs")}
    reasons = set()
    for _ in range(80):
        bars = drawn(rng)
        stop = round(bars[0, 3] - side * rng.uniform(0.2, 1.2), 2)
        target = round(bars[0, 3] + side * rng.uniform(0.2, 1.5), 2)
        expected = oracle(bars, side, stop, target, option)
        found = simulate_bracket(
            bars,
            side=side,
            signal_bar=0,
            stop=stop,
            target=target,
            fills=FillSettings(**option.get("fills", {})),
            costs=Costs(**option.get("costs", {})),
            ticks=100,
            **rest,
        )
        if isinstance(expected, str):
            reasons.add(expected)
            # The engine has one word for an entry at or after the flat instant.
            assert found.dropped.removeprefix("after_") == expected
            continue
        reasons.add(found.reason)
        assert (found.dropped, found.reason) == ("", expected["exit_reason"])
        assert found.entry_bar == expected["entry_ts"] // naive.MINUTE
        assert found.exit_bar == expected["exit_ts"] // naive.MINUTE
        for key in ("entry_price", "exit_price", "r_net", "r_gross", "quantity"):
            assert getattr(found, key) == pytest.approx(expected[key], rel=1e-12, abs=1e-12)
        assert found.ambiguous == expected["ambiguous"]
    assert {"stop", "target"} <= reasons
    if name in ("flat time", "time exit", "session close"):
        assert {"flat time": "flat", "time exit": "time", "session close": "session_end"}[
            name
        ] in reasons


def test_an_infinite_target_is_never_reached_and_levels_need_no_tick():
    bars = np.array([[100, 100, 100, 100], [100, 9_000, 98.34, 101.5]], np.float64)
    found = simulate_bracket(bars, side=1, signal_bar=0, stop=98.333333333)
    assert (found.reason, found.exit_price) == ("session_end", 101.5)
    assert found.r_net == pytest.approx(1.5 / (100 - 98.333333333), abs=1e-9)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bars": np.zeros((2, 3))}, r"bars must be \[n, 4 or 5\]"),
        ({"bars": np.full((2, 4), math.nan)}, "must be finite"),
        ({"side": 0}, "side must be"),
        ({"signal_bar": 2}, "rows in order, got 2 and 1 of 2"),
        ({"last_bar": 2}, "rows in order, got 0 and 2 of 2"),
        ({"stop": math.inf}, "stop must be a price"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, words):
    given = {"bars": np.full((2, 4), 100.0), "side": 1, "signal_bar": 0, "stop": 99.0} | changes
    bars = given.pop("bars")
    with pytest.raises(ValueError, match=words):
        simulate_bracket(bars, **given)
