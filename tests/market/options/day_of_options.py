"""A small option day with a known smile, and the features of one minute computed the slow way."""

import datetime as dt

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from sweep.market.calendar import session_table
from sweep.market.options.black76 import greeks
from sweep.market.options.contracts import contract_table
from sweep.market.options.day import OptionDay, Trades
from sweep.market.options.open_interest import OpenInterest

YEAR = 525_600


def option_day(
    seed=0,
    day=dt.date(2025, 11, 24),
    expiries=("251124", "251126", "260116"),
    *,
    root="SPXW",
    share=0.5,
    volume_share=0.0,
    carry=1.0,
    noise=0.0,
    strikes=range(5600, 6400, 20),
):
    """Return a day on which each contract trades in a share of the minutes."""
    sessions = session_table(day, day)
    opened, closed = int(sessions.open_ns[0]), int(sessions.close_ns[0])
    minutes = (closed - opened) // 60_000_000_000
    rng = np.random.default_rng(seed)
    spot = 6000 * np.exp(np.cumsum(rng.normal(0, 4e-4, minutes)))
    contracts = contract_table(
        "SPX",
        [f"O:{root}{e}{r}{k * 1000:08d}" for e in expiries for k in strikes for r in "CP"],
    )
    contract, minute = (
        grid.ravel()
        for grid in np.meshgrid(np.arange(len(contracts)), np.arange(minutes), indexing="ij")
    )
    kept = rng.random(len(contract)) < share
    contract, minute = contract[kept], minute[kept]
    left = (contracts.expiry_ns[contract] - opened) / 6e10 - (minute + 1)
    years = np.maximum(left, 1) / YEAR
    forward = spot[minute] * carry
    strike = contracts.strike[contract]
    x = np.log(strike / forward) / np.sqrt(years)
    sigma = (0.2 - 0.05 * x + 0.1 * x * x) * np.exp(rng.normal(0, noise, len(x)))
    price = greeks(forward, strike, years, np.maximum(sigma, 0.05), contracts.call[contract]).price
    interest = rng.integers(0, 4000, len(contracts)).astype(float)
    return OptionDay(
        open_ns=opened,
        close_ns=closed,
        spot=spot,
        contracts=contracts,
        known_before=np.ones(len(contracts), bool),
        interest=OpenInterest(interest, volume_share),
        trades=Trades(contract, minute, price, rng.integers(1, 50, len(contract)).astype(float)),
    )


def last_trades(day, minute):
    """Return per contract (minute, price) of its last trade, and today's volume."""
    last, volume = {}, np.zeros(len(day.contracts))
    rows = zip(day.trades.contract, day.trades.minute, day.trades.price, day.trades.volume,
               strict=True)  # fmt: skip
    for contract, when, price, traded in rows:
        if when > minute:
            continue
        volume[contract] += traded
        if contract not in last or when >= last[contract][0]:
            last[contract] = (when, price)
    return last, volume


def forward_of(day, expiry, minute, limit):
    """Return the forward of an expiry by the latest minute with a strike traded on both sides."""
    c = day.contracts
    trades = day.trades
    for when in range(minute, minute - limit - 1, -1):
        rows = np.flatnonzero(trades.minute == when)
        rows = rows[c.expiry_ns[trades.contract[rows]] == expiry]
        prices = {
            (c.strike[k], bool(c.call[k])): price
            for k, price in zip(trades.contract[rows], trades.price[rows], strict=True)
        }
        both = [k for k, call in prices if call and (k, False) in prices]
        if both:
            strike = min(both, key=lambda k: abs(k - day.spot[when]))
            forward = strike + prices[strike, True] - prices[strike, False]
            return day.spot[minute] * forward / day.spot[when]
    return day.spot[minute]


def black(forward, strike, v, *, call):
    """Return an undiscounted price."""
    d1 = np.log(forward / strike) / v + v / 2
    side = 1 if call else -1
    return side * (forward * norm.cdf(side * d1) - strike * norm.cdf(side * (d1 - v)))


def smiles(day, minute, last, used):
    """Return volatility and forward of the used contracts, from one parabola per expiry."""
    c, end = day.contracts, minute + 1
    sigma, forward = np.full((2, len(c)), np.nan)
    for expiry in np.unique(c.expiry_ns[used]):
        to_expiry = (expiry - day.open_ns) / 6e10
        limit = 5 if expiry <= day.close_ns else 15
        points = []
        for k in np.flatnonzero(c.expiry_ns == expiry):
            when, price = last.get(k, (-100, 0))
            if minute - when > limit:
                continue
            then = forward_of(day, expiry, when, limit)
            strike, call = c.strike[k], bool(c.call[k])
            if strike < then if call else strike > then:
                continue
            if not (0.01 <= price < (then if call else strike)):
                continue
            root = np.sqrt(max(to_expiry - (when + 1), 1) / YEAR)
            v = brentq(
                lambda v, f=then, k=strike, call=call, p=price: black(f, k, v, call=call) - p,
                1e-6, 10, xtol=1e-13,
            )  # fmt: skip
            if 0.01 <= v / root <= 5:
                points.append((np.log(strike / then) / root, v / root))
        now = forward_of(day, expiry, minute, limit)
        forward[c.expiry_ns == expiry] = now
        if len(points) >= 3 and to_expiry - end >= 5:
            x, y = np.array(points).T
            fit = np.polyfit(x, y, 2)
            root = np.sqrt(max(to_expiry - end, 1) / YEAR)
            rows = used & (c.expiry_ns == expiry)
            here = np.clip(np.log(c.strike[rows] / now) / root, x.min(), x.max())
            fitted = np.polyval(fit, here)
            sigma[rows] = np.where((fitted >= 0.01) & (fitted <= 5), fitted, np.nan)
    return sigma, forward


def slow_minute(day, minute, signs=(1.0, -1.0)):
    """Return the features of one minute, straight from the definitions."""
    c, spot = day.contracts, day.spot[minute]
    end = minute + 1
    left = (c.expiry_ns - day.open_ns) / 6e10
    last, volume = last_trades(day, minute)
    interest = day.interest.before + day.interest.volume_share * volume
    used = (left > end) & (left < 35 * 1440) & (np.abs(c.strike - spot) <= 0.05 * spot)
    sigma, forward = smiles(day, minute, last, used)
    priced = used & ~np.isnan(sigma)
    v = (sigma * np.sqrt(np.maximum(left - end, 1) / YEAR))[priced]
    sign = np.where(c.call, *signs)

    def exposures(at):
        ahead = forward[priced] * at / spot
        d1 = np.log(ahead / c.strike[priced]) / v + v / 2
        gamma = norm.pdf(d1) * (ahead / at) ** 2 / (ahead * v)
        return sign[priced] * gamma * interest[priced] * 100 * at * at * 0.01

    grid = spot * (1 + np.arange(-50, 51) * 0.001)
    totals = np.array([exposures(at).sum() for at in grid])
    flips = np.flatnonzero(np.sign(totals[1:]) != np.sign(totals[:-1]))
    roots = [brentq(lambda at: exposures(at).sum(), grid[j], grid[j + 1]) for j in flips]
    level = min(roots, key=lambda at: abs(at - spot)) if roots else np.sign(-totals[0]) * np.inf
    slope = exposures(1.01 * level).sum() - exposures(0.99 * level).sum() if roots else 0.0
    strikes = np.unique(c.strike[priced])
    here = exposures(spot)
    net = np.array([here[c.strike[priced] == k].sum() for k in strikes])
    gross = np.abs(here)
    nearest = left == left[left > end].min()
    pain_strikes = np.unique(c.strike[nearest])
    calls, puts = nearest & c.call, nearest & ~c.call
    pain = [
        interest[calls] @ np.maximum(k - c.strike[calls], 0)
        + interest[puts] @ np.maximum(c.strike[puts] - k, 0)
        for k in pain_strikes
    ]
    pin = pain_strikes[np.argmin(pain)]
    near = nearest & (np.abs(c.strike - spot) <= 0.05 * spot)
    today = c.expiry_ns[priced] <= day.close_ns
    minute_volume = sum(
        traded for k, at, traded in zip(day.trades.contract, day.trades.minute,
                                        day.trades.volume, strict=True)
        if at == minute and used[k]
    )  # fmt: skip
    found = {
        "spot": spot,
        "opt_volume": minute_volume,
        "call_volume": volume[used & c.call].sum(),
        "used_volume": volume[used].sum(),
        "gex": here.sum(),
        "zero_gamma": level,
        "flip_count": len(flips),
        "gex_slope": slope,
        "gex_0dte_frac": gross[today].sum() / gross.sum(),
        "call_wall": strikes[np.argmax(net)],
        "put_wall": strikes[np.argmin(net)],
        "max_gamma_strike": strikes[np.argmax(np.abs(net))],
        "max_pain": pin,
        "pin_strike": pin,
        "pin_oi_frac": interest[nearest & (c.strike == pin)].sum() / interest[near].sum(),
        "pin_gex": here[(nearest & (c.strike == pin))[priced]].sum()
        if priced[nearest & (c.strike == pin)].all()
        else np.nan,
        "minutes_to_expiry": left[nearest][0] - end,
        "is_0dte": float(c.expiry_ns[nearest][0] <= day.close_ns),
        "opt_priced_frac": interest[priced].sum() / interest[used].sum(),
        "opt_null_frac": 1 - priced.sum() / used.sum(),
    }
    if found["opt_priced_frac"] < 0.5:
        unknown = ("gex", "zero_gamma", "flip_count", "gex_slope", "gex_0dte_frac")
        unknown += ("call_wall", "put_wall", "max_gamma_strike")
        found |= dict.fromkeys(unknown, np.nan)
    return found
