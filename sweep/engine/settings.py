"""Settings of a run that decide what a trade earns: fill rules and costs. Never searched."""

import dataclasses
from typing import Literal, NamedTuple

import numpy as np


@dataclasses.dataclass(frozen=True)
class FillSettings:
    """How orders become fills (DETECTORS.md 6.2).

    Attributes
    ----------
    timeframe
        `1m`: minutes are the fill bars; `signal`: the signal bars themselves.
    levels_from
        Stop and target are measured from the signal bar's close, or from the entry fill.
    target_gap
        A gap through the target fills at the target (no improvement) or at the open.
    trade_through
        True: a target needs one tick beyond it, at the open and inside the bar alike.
    min_risk_share
        F7: skip a trade whose risk at the fill is below this share of the planned risk.
    participation
        F11: largest share of a fill bar's volume that is filled, 0 = no limit.
    impact
        F11: k of the adverse move k * ATR * sqrt(quantity / bar volume), 0 = none.
    """

    timeframe: Literal["1m", "signal"] = "1m"
    levels_from: Literal["signal_close", "entry_fill"] = "signal_close"
    target_gap: Literal["target", "open"] = "target"
    trade_through: bool = False
    min_risk_share: float = 0.25
    participation: float = 0.0
    impact: float = 0.0


@dataclasses.dataclass(frozen=True)
class Costs:
    """Costs of one asset class, all against the trader and >= 0 (F2, F10).

    Attributes
    ----------
    slippage_bps, half_spread
        On market and stop fills: basis points of the price, and price units.
    fee_bps, fee_per_share, fee_min
        Per leg: basis points of the notional plus dollars a share, at least `fee_min` dollars.
    sell_fee_bps
        On top, on the leg that sells.
    notional_usd
        Position size at entry; matters only with fee_min, participation or impact.
    """

    slippage_bps: float = 0.0
    half_spread: float = 0.0
    fee_bps: float = 0.0
    fee_per_share: float = 0.0
    fee_min: float = 0.0
    sell_fee_bps: float = 0.0
    notional_usd: float = 100_000.0

    def __post_init__(self) -> None:
        """Refuse negative costs and a position without size."""
        for name, value in dataclasses.asdict(self).items():
            if not np.isfinite(value) or value < 0 or (name == "notional_usd" and value == 0):
                rule = "above 0" if name == "notional_usd" else "0 or more"
                raise ValueError(f"costs.{name} must be {rule}, got {value!r}")


class Terms(NamedTuple):
    """Fill settings and costs of one symbol as the kernels read them; bps are fractions here."""

    from_entry: bool
    target_at_open: bool
    trade_through: bool
    min_risk_share: float
    participation: float
    impact: float
    slippage: float
    half_spread: float
    fee: float
    fee_per_share: float
    fee_min: float
    sell_fee: float
    notional: float
    bar_minutes: int
    fill_minutes: int


def terms_of(fills: FillSettings, costs: Costs, *, asset_class: str, bar_minutes: int) -> Terms:
    """Join settings and costs; an index has no volume, so F11 is off on it.

    Parameters
    ----------
    fills, costs
        Settings of the run, costs of the asset class.
    asset_class
        INDEX, ETF or STOCK.
    bar_minutes
        Length of a signal bar.
    """
    sized = 0.0 if asset_class == "INDEX" else 1.0
    return Terms(
        from_entry=fills.levels_from == "entry_fill",
        target_at_open=fills.target_gap == "open",
        trade_through=fills.trade_through,
        min_risk_share=fills.min_risk_share,
        participation=sized * fills.participation,
        impact=sized * fills.impact,
        slippage=costs.slippage_bps / 1e4,
        half_spread=costs.half_spread,
        fee=costs.fee_bps / 1e4,
        fee_per_share=costs.fee_per_share,
        fee_min=costs.fee_min,
        sell_fee=costs.sell_fee_bps / 1e4,
        notional=costs.notional_usd,
        bar_minutes=bar_minutes,
        fill_minutes=1 if fills.timeframe == "1m" else bar_minutes,
    )


DEFAULT_COSTS = {
    "ETF": Costs(slippage_bps=0.5, fee_bps=0.1),
    "INDEX": Costs(slippage_bps=0.5, fee_bps=0.1),
    "STOCK": Costs(slippage_bps=1.0, fee_bps=0.5),
}
"""Defaults by asset class (DESIGN.md 6)."""
