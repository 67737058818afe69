"""Gamma features of one underlying, minute by minute through one session.

Minute m reads trades and snapshots of minutes up to and including m, and nothing later.
"""

import math

import numpy as np

from detectors.bars import Float
from detectors.features.gamma import COLUMNS
from detectors.features.option_settings import OptionSettings
from sweep.market.options.day import (
    Chain,
    OptionDay,
    QuoteRows,
    Rows,
    chain_of,
    quote_rows,
    trade_rows,
)
from sweep.market.options.exposure import SIGNS
from sweep.market.options.jit import kernel
from sweep.market.options.minute import (
    FEATURES,
    MAX_GAMMA,
    MAX_OI,
    MAX_PAIN,
    features_at,
)
from sweep.market.options.smile import Smile, fit_smile, implied_sigma, parity_forward
from sweep.market.options.state import (
    LONG_AGO,
    Rules,
    State,
    age_max,
    forward_at,
    years_left,
)

_PINS = {"max_pain": MAX_PAIN, "max_oi": MAX_OI, "max_gamma": MAX_GAMMA}


@kernel
def _forwards(chain: Chain, rows: Rows, minute: int, spot: float, state: State) -> None:
    """Update the carry of each expiry from strikes that traded on both sides in this minute."""
    nearest = np.full(len(chain.expiry), np.inf)
    for i in range(rows.first[minute] + 1, rows.first[minute + 1]):
        put, call = rows.contract[i - 1], rows.contract[i]
        line = chain.line[call]
        if chain.line[put] != line or chain.call[put] or not chain.call[call]:
            continue
        strike, group = chain.strike[line], chain.group[line]
        if abs(strike - spot) < nearest[group]:
            forward = parity_forward(strike, rows.price[i], rows.price[i - 1], spot)
            if not math.isnan(forward):
                nearest[group] = abs(strike - spot)
                state.carry[group] = forward / spot
                state.carry_minute[group] = minute


@kernel
def _trade(chain: Chain, rows: Rows, minute: int, spot: float, tick: float, state: State) -> None:
    """Solve the trades of a minute; a trade that cannot be used replaces the one before."""
    for i in range(rows.first[minute], rows.first[minute + 1]):
        contract = rows.contract[i]
        state.volume[contract] += rows.volume[i]
        state.fresh_volume[contract] += rows.volume[i]
        state.seen[contract] = minute
        state.sigma[contract] = np.nan
        line = chain.line[contract]
        group, strike = chain.group[line], chain.strike[line]
        if math.isnan(spot) or not chain.near[group] or chain.expiry[group] <= minute + 1:
            continue
        years = years_left(chain, group, minute)
        forward = forward_at(chain, group, minute, spot, state)
        state.sigma[contract] = implied_sigma(
            rows.price[i], forward, strike, chain.call[contract], years, tick
        )
        state.x[contract] = math.log(strike / forward) / math.sqrt(years)


@kernel
def _quote(chain: Chain, quotes: QuoteRows, minute: int, spot: float, state: State) -> None:
    """Take over the snapshots of a minute: open interest, and volatility where there is one."""
    for i in range(quotes.first[minute], quotes.first[minute + 1]):
        contract = quotes.contract[i]
        if not math.isnan(quotes.open_interest[i]):
            state.interest[contract] = quotes.open_interest[i]
        if math.isnan(quotes.sigma[i]) or math.isnan(spot):
            continue
        line = chain.line[contract]
        group, strike = chain.group[line], chain.strike[line]
        years = years_left(chain, group, minute)
        forward = forward_at(chain, group, minute, spot, state)
        if strike >= forward if chain.call[contract] else strike <= forward:
            state.seen[contract] = minute
            state.sigma[contract] = quotes.sigma[i]
            state.x[contract] = math.log(strike / forward) / math.sqrt(years)


@kernel
def _smiles(chain: Chain, minute: int, state: State) -> list[Smile]:
    """Fit the smile of every expiry to what is fresh."""
    count = len(chain.line)
    x, sigma, strikes = np.empty(count), np.empty(count), np.empty(count)
    smiles = []
    contract = 0
    for group in range(len(chain.expiry)):
        used = 0
        while contract < count and chain.group[chain.line[contract]] == group:
            fresh = minute - state.seen[contract] <= age_max(chain, group)
            if fresh and not math.isnan(state.sigma[contract]):
                x[used] = state.x[contract]
                sigma[used] = state.sigma[contract]
                strikes[used] = chain.strike[chain.line[contract]]
                used += 1
            contract += 1
        smiles.append(fit_smile(x, sigma, strikes, used))
    return smiles


@kernel
def _walk(
    chain: Chain, rows: Rows, quotes: QuoteRows, spot: Float, before: Float, rules: Rules
) -> Float:
    """Return the features, float64 [features, minutes]."""
    contracts, groups = len(chain.line), len(chain.expiry)
    state = State(
        np.full(contracts, np.nan),
        np.zeros(contracts),
        np.full(contracts, LONG_AGO, np.int64),
        np.zeros(contracts),
        np.zeros(contracts),
        before.copy(),
        np.ones(groups),
        np.full(groups, LONG_AGO, np.int64),
    )
    out = np.full((FEATURES, len(spot)), np.nan)
    for minute in range(len(spot)):
        for contract in range(contracts):
            state.fresh_volume[contract] = 0.0
        if not math.isnan(spot[minute]):
            _forwards(chain, rows, minute, spot[minute], state)
        _trade(chain, rows, minute, spot[minute], rules.tick, state)
        _quote(chain, quotes, minute, spot[minute], state)
        smiles = _smiles(chain, minute, state)
        found = features_at(chain, state, smiles, minute, spot[minute], rules)
        for i in range(FEATURES):
            out[i, minute] = found[i]
    return out


def gamma_minutes(day: OptionDay, settings: OptionSettings) -> dict[str, Float]:
    """Compute the gamma features of every minute of a session.

    Parameters
    ----------
    day
        Contracts, trades, snapshots, open interest and spot.
    settings
        Sign model and pin source; the source of open interest is in `day.interest` already.

    Returns
    -------
    dict
        Name of `COLUMNS` -> float64 [minutes], known at the minute's end; NaN = unknown.
        Exposures are dollars per 1 % move.
    """
    if len(day.contracts) == 0:
        return {name: np.full(day.minutes, np.nan) for name in COLUMNS}
    sign_call, sign_put = SIGNS[settings.sign_model]
    out = _walk(
        chain_of(day),
        trade_rows(day),
        quote_rows(day),
        day.spot,
        day.interest.before,
        Rules(
            sign_call,
            sign_put,
            _PINS[settings.pin_source],
            day.interest.volume_share,
            day.tick,
        ),
    )
    return dict(zip(COLUMNS, out, strict=True))
