"""What a walk through a session carries from minute to minute."""

from typing import NamedTuple

from detectors.bars import Float, Int
from sweep.market.options.black76 import YEAR_MINUTES
from sweep.market.options.day import Chain
from sweep.market.options.jit import kernel

AGE_MAX = 15
AGE_MAX_SAME_DAY = 5

LONG_AGO = -1_000_000


class Rules(NamedTuple):
    """Settings as numbers: signs of the sign model, index of the pin source, share of volume."""

    sign_call: float
    sign_put: float
    pin_source: int
    volume_share: float
    tick: float


class State(NamedTuple):
    """Arrays that are updated in place; c contracts, g expiries.

    Attributes
    ----------
    sigma, x
        float64 [c], volatility of the last trade or snapshot (NaN: it cannot be used) and its
        moneyness ln(strike / forward) / sqrt(years) in the minute of the trade.
    seen
        int64 [c], minute of it.
    volume, fresh_volume
        float64 [c], contracts traded today, and in this minute.
    interest
        float64 [c], open interest without today's volume, NaN = unknown.
    carry, carry_minute
        float64, int64 [g], forward over spot by put-call parity, and when that was.
    """

    sigma: Float
    x: Float
    seen: Int
    volume: Float
    fresh_volume: Float
    interest: Float
    carry: Float
    carry_minute: Int


@kernel
def age_max(chain: Chain, group: int) -> int:
    """Return how many minutes old a trade of an expiry may be."""
    return AGE_MAX_SAME_DAY if chain.same_day[group] else AGE_MAX


@kernel
def years_left(chain: Chain, group: int, minute: int) -> float:
    """Return the time from the end of a minute to expiry, at least one minute, in years."""
    return float(max(chain.expiry[group] - (minute + 1), 1.0) / YEAR_MINUTES)


@kernel
def forward_at(chain: Chain, group: int, minute: int, spot: float, state: State) -> float:
    """Return the forward of an expiry: spot times the last carry while that is fresh."""
    if minute - state.carry_minute[group] <= age_max(chain, group):
        return float(spot * state.carry[group])
    return spot
