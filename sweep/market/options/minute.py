"""The features of one minute, from the state after its trades."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.features.gamma import COLUMNS, PRICED_MIN_FRAC
from sweep.market.options.black76 import gamma_weight
from sweep.market.options.day import Chain
from sweep.market.options.exposure import Book, exposure_terms, slope_at, walls, zero_gamma
from sweep.market.options.jit import kernel
from sweep.market.options.pin import max_pain, nearest_extreme
from sweep.market.options.smile import Smile, smile_at
from sweep.market.options.state import AGE_MAX, Rules, State, age_max, forward_at, years_left

FEATURES = len(COLUMNS)

STRIKE_BAND_FRAC = 0.05
MIN_MINUTES_TO_EXPIRY = 5.0

MAX_PAIN, MAX_OI, MAX_GAMMA = 0, 1, 2


class LineInterest(NamedTuple):
    """Per line: open interest of calls and puts, whether any contract is listed, and used."""

    call: Float
    put: Float
    listed: NDArray[np.bool_]
    used: NDArray[np.bool_]


@kernel
def _lines(chain: Chain, state: State, minute: int, spot: float, share: float) -> LineInterest:
    """Add open interest up by line; unknown interest beside known one is none."""
    count = len(chain.strike)
    lines = LineInterest(
        np.zeros(count), np.zeros(count), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    )
    unknown = True
    for contract in range(len(chain.line)):
        if chain.listed[contract] > minute:
            continue
        line = chain.line[contract]
        lines.listed[line] = True
        interest = state.interest[contract]
        if not math.isnan(interest):
            unknown = False
            interest += share * state.volume[contract]
            if chain.call[contract]:
                lines.call[line] += interest
            else:
                lines.put[line] += interest
    for line in range(count):
        group = chain.group[line]
        lines.used[line] = (
            lines.listed[line]
            and chain.near[group]
            and chain.expiry[group] > minute + 1
            and abs(chain.strike[line] - spot) <= STRIKE_BAND_FRAC * spot
        )
    if unknown:
        lines.call[:] = np.nan
        lines.put[:] = np.nan
    return lines


@kernel
def _v_at(
    chain: Chain, state: State, smiles: list[Smile], line: int, minute: int, spot: float
) -> tuple[float, float]:
    """Return forward and total volatility of a line, NaN where its expiry gives no gamma."""
    group = chain.group[line]
    forward = forward_at(chain, group, minute, spot, state)
    if chain.expiry[group] - (minute + 1) < MIN_MINUTES_TO_EXPIRY:
        return forward, np.nan
    root = math.sqrt(years_left(chain, group, minute))
    return forward, smile_at(smiles[group], math.log(chain.strike[line] / forward) / root) * root


@kernel
def _book(
    chain: Chain,
    state: State,
    smiles: list[Smile],
    lines: LineInterest,
    minute: int,
    spot: float,
    rules: Rules,
) -> tuple[Book, Int, NDArray[np.bool_]]:
    """Return the used lines that have a gamma as positions, their line, and a mask of them."""
    forward, v, weight = np.empty((3, len(lines.used)))
    rows = np.empty(len(lines.used), np.int64)
    strike = np.empty(len(lines.used))
    priced = np.zeros(len(lines.used), np.bool_)
    n = 0
    for line in range(len(lines.used)):
        if not lines.used[line]:
            continue
        ahead, width = _v_at(chain, state, smiles, line, minute, spot)
        if math.isnan(width):
            continue
        priced[line] = True
        rows[n], forward[n], v[n], strike[n] = line, ahead, width, chain.strike[line]
        weight[n] = rules.sign_call * lines.call[line] + rules.sign_put * lines.put[line]
        n += 1
    return Book(forward[:n], strike[:n], v[:n], weight[:n]), rows[:n], priced


@kernel
def _volumes(
    chain: Chain, state: State, lines: LineInterest, minute: int, priced: NDArray[np.bool_]
) -> tuple[float, float, float, float, float]:
    """Return volume of this minute, of calls, of all; OI-weighted and plain share priced."""
    fresh = calls = total = 0.0
    weight = weight_priced = 0.0
    count = count_priced = 0
    for contract in range(len(chain.line)):
        line = chain.line[contract]
        if not lines.used[line] or chain.listed[contract] > minute:
            continue
        fresh += state.fresh_volume[contract]
        total += state.volume[contract]
        if chain.call[contract]:
            calls += state.volume[contract]
        count += 1
        if priced[line]:
            count_priced += 1
    for line in range(len(lines.used)):
        if lines.used[line]:
            interest = lines.call[line] + lines.put[line]
            weight += interest
            if priced[line]:
                weight_priced += interest
    share = weight_priced / weight if weight > 0.0 else np.nan
    plain = 1.0 - count_priced / count if count > 0 else np.nan
    return fresh, calls, total, share, plain


@kernel
def _median_age(chain: Chain, state: State, lines: LineInterest, minute: int) -> float:
    """Return the median age of the usable trades, weighted by the interest of their line."""
    weights = np.zeros(AGE_MAX + 1)
    for contract in range(len(chain.line)):
        line = chain.line[contract]
        age = minute - state.seen[contract]
        fresh = age <= age_max(chain, chain.group[line])
        if fresh and lines.used[line] and not math.isnan(state.sigma[contract]):
            weights[age] += lines.call[line] + lines.put[line]
    total = 0.0
    for weight in weights:
        total += weight
    reached = 0.0
    for age in range(len(weights)):
        reached += weights[age]
        if total > 0.0 and reached >= 0.5 * total:
            return float(age)
    return np.nan


@kernel
def _pin(
    chain: Chain,
    lines: LineInterest,
    terms: Float,
    group: int,
    spot: float,
    source: int,
) -> tuple[float, float, float]:
    """Return max pain, the pin strike and its share of the expiry's interest near the spot."""
    begin, end = chain.first[group], chain.first[group + 1]
    strikes = chain.strike[begin:end]
    call, put = lines.call[begin:end], lines.put[begin:end]
    listed, used = lines.listed[begin:end], lines.used[begin:end]
    pain = max_pain(strikes, call, put, listed, spot)
    pin = pain
    if source == MAX_OI:
        pin = nearest_extreme(call + put, strikes, used, spot)
    elif source == MAX_GAMMA:
        pin = nearest_extreme(np.abs(terms[begin:end]), strikes, used, spot)
    here = around = 0.0
    for i in range(len(strikes)):
        interest = call[i] + put[i]
        if strikes[i] == pin:
            here = interest
        if abs(strikes[i] - spot) <= STRIKE_BAND_FRAC * spot:
            around += interest
    share = here / around if around > 0.0 and not math.isnan(pin) else np.nan
    return pain, pin, share


@kernel
def _nearest_expiry(chain: Chain, lines: LineInterest, minute: int) -> int:
    """Return the nearest expiry after the minute that has a listed contract, -1 if none."""
    for group in range(len(chain.expiry)):
        if chain.expiry[group] > minute + 1:
            for line in range(chain.first[group], chain.first[group + 1]):
                if lines.listed[line]:
                    return group
    return -1


@kernel
def _exposure(
    chain: Chain, lines: LineInterest, book: Book, rows: Int, terms: Float, spot: float
) -> Float:
    """Return the columns `gex` to `max_gamma_strike`, float64 [8]."""
    net = np.zeros(len(chain.strikes))
    used = np.zeros(len(chain.strikes), np.bool_)
    total = gross = same_day = 0.0
    for i in range(len(rows)):
        line = rows[i]
        net[chain.place[line]] += terms[i]
        used[chain.place[line]] = True
        total += terms[i]
        interest = lines.call[line] + lines.put[line]
        gamma = gamma_weight(book.forward[i], book.strike[i], book.v[i]) * interest
        gross += gamma
        if chain.same_day[chain.group[line]]:
            same_day += gamma
    out = np.empty(8)
    out[0] = total
    out[1], out[2] = zero_gamma(book, spot)
    out[3] = slope_at(book, out[1], spot)
    out[4] = same_day / gross if gross > 0.0 else np.nan
    out[5], out[6], out[7] = walls(net, chain.strikes, used, spot)
    return out


@kernel
def features_at(
    chain: Chain, state: State, smiles: list[Smile], minute: int, spot: float, rules: Rules
) -> Float:
    """Return the features of a minute, float64 [features] as `COLUMNS`, NaN = unknown."""
    out = np.full(FEATURES, np.nan)
    lines = _lines(chain, state, minute, spot, rules.volume_share)
    nearest = _nearest_expiry(chain, lines, minute)
    if nearest < 0:
        return out
    out[16] = chain.expiry[nearest] - (minute + 1)
    out[17] = 1.0 if chain.same_day[nearest] else 0.0
    if math.isnan(spot):
        return out
    out[0] = spot
    book, rows, priced = _book(chain, state, smiles, lines, minute, spot, rules)
    out[1], out[2], out[3], out[18], out[19] = _volumes(chain, state, lines, minute, priced)
    out[20] = _median_age(chain, state, lines, minute)
    terms = exposure_terms(book, 1.0)
    by_line = np.zeros(len(lines.used))
    for i in range(len(rows)):
        by_line[rows[i]] = terms[i]
    out[12], out[13], out[14] = _pin(chain, lines, by_line, nearest, spot, rules.pin_source)
    for line in range(chain.first[nearest], chain.first[nearest + 1]):
        if chain.strike[line] == out[13]:
            ahead, width = _v_at(chain, state, smiles, line, minute, spot)
            signed = rules.sign_call * lines.call[line] + rules.sign_put * lines.put[line]
            out[15] = signed * gamma_weight(ahead, chain.strike[line], width)
    if out[18] >= PRICED_MIN_FRAC:
        found = _exposure(chain, lines, book, rows, terms, spot)
        for i in range(len(found)):
            out[4 + i] = found[i]
    return out
