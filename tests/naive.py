"""The slow oracle: features, detectors, fills and metrics as DETECTORS.md and DESIGN.md word them.

Written from the text alone, sharing no line with what it is compared with: plain floats, lists and
loops, one function per rule, one symbol and one parameter set at a time. Unknown is None. Features
use split-adjusted prices, fills raw ones. Where the text leaves room, the docstring of the rule
says which reading it is.
"""

import bisect
import collections
import dataclasses
import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from scipy import special

MINUTE = 60_000_000_000
TRENDING_UP, TRENDING_DOWN, RANGING, VOLATILE, CHOPPY = range(5)

Row = dict[str, Any]  # one signal bar: feature name -> value or None, and "reasons"


class Session(NamedTuple):
    """A calendar session; its actual open and close in UTC ns."""

    date: Any
    open: int
    close: int
    full_length: bool


class Minute(NamedTuple):
    """A minute bar of the regular session, named by its start in UTC ns."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Bar(NamedTuple):
    """A bar of any length: a signal bar, or a bar on which orders are filled."""

    ts: int
    end: int
    session: int
    open: float
    high: float
    low: float
    close: float
    volume: float


def session_rows(sessions) -> list[Session]:
    """Unpack a table of arrays date, open_ns, close_ns, full_length."""
    opens, closes = sessions.open_ns.tolist(), sessions.close_ns.tolist()
    full = sessions.full_length.tolist()
    return [Session(*row) for row in zip(sessions.date.tolist(), opens, closes, full, strict=True)]


def minute_rows(bars) -> list[Minute]:
    """Unpack a table of arrays ts, open, high, low, close, volume."""
    columns = (bars.ts, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return [Minute(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


# ---------------------------------------------------------------- bars (section 2)


def by_session(minutes: Iterable[Minute], sessions: Sequence[Session]) -> list[list[Minute]]:
    """2: only minutes with open <= ts < close belong to a session."""
    inside: list[list[Minute]] = [[] for _ in sessions]
    index = 0
    for minute in minutes:
        while index < len(sessions) and minute.ts >= sessions[index].close:
            index += 1
        if index < len(sessions) and minute.ts >= sessions[index].open:
            inside[index].append(minute)
    return inside


def bars_of(minutes: Iterable[Minute], sessions: Sequence[Session], bar_minutes: int) -> list[Bar]:
    """2: buckets from the session open, the last cut by the close; no row for an empty one."""
    length = bar_minutes * MINUTE
    bars = []
    for index, inside in enumerate(by_session(minutes, sessions)):
        start, close = sessions[index].open, sessions[index].close
        for number, group in itertools.groupby(
            inside, lambda m, start=start: (m.ts - start) // length
        ):
            rows = list(group)
            ts = start + number * length
            high, low = max(m.high for m in rows), min(m.low for m in rows)
            volume = sum(m.volume for m in rows)
            prices = (rows[0].open, high, low, rows[-1].close)
            bars.append(Bar(ts, min(ts + length, close), index, *prices, volume))
    return bars


# ---------------------------------------------------------------- indicators (3.4), unmasked


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean."""
    return sum(values) / len(values)


def wilder(values: Sequence[float], period: int = 14) -> list[float | None]:
    """3.4: Wilder average, seeded with the mean of the first `period` values."""
    out: list[float | None] = []
    for i, value in enumerate(values):
        if i < period - 1:
            out.append(None)
        elif i == period - 1:
            out.append(mean(values[:period]))
        else:
            out.append((out[-1] * (period - 1) + value) / period)
    return out


def rsi_centred(closes: Sequence[float]) -> list[float | None]:
    """3.4: 50 (AG - AL) / (AG + AL), 0 if both are 0; first known on bar 14."""
    changes = [after - before for before, after in itertools.pairwise(closes)]
    gains = wilder([max(change, 0.0) for change in changes])
    losses = wilder([max(-change, 0.0) for change in changes])
    out: list[float | None] = [None] if closes else []
    for gain, loss in zip(gains, losses, strict=True):
        if gain is None:
            out.append(None)
        else:
            out.append(50 * (gain - loss) / (gain + loss) if gain + loss > 0 else 0.0)
    return out


def true_ranges(bars: Sequence[Bar], first: Sequence[bool]) -> list[float]:
    """3.1, 3.4: max(h, c-1) - min(l, c-1); high - low on bar 0 and on a session's first bar."""
    out = []
    for i, bar in enumerate(bars):
        before = None if i == 0 or first[i] else bars[i - 1].close
        edges = (bar.high, bar.low) if before is None else (bar.high, bar.low, before)
        out.append(max(edges) - min(edges))
    return out


def atr(bars: Sequence[Bar], first: Sequence[bool]) -> list[float | None]:
    """3.4, 10: Wilder average of TR, seeded with the TR of bars 0-13."""
    return wilder(true_ranges(bars, first))


def adx(bars: Sequence[Bar], first: Sequence[bool]) -> list[float | None]:
    """3.4, 10: +DM and -DM of bars 1-14 seed, first DX on bar 14, first ADX on bar 27.

    +DI and -DI have the same true range below them, so DX needs only the smoothed movements.
    """
    plus, minus = [], []
    for i in range(1, len(bars)):
        up = 0.0 if first[i] else bars[i].high - bars[i - 1].high
        down = 0.0 if first[i] else bars[i - 1].low - bars[i].low
        plus.append(up if up > down and up > 0 else 0.0)
        minus.append(down if down > up and down > 0 else 0.0)
    moves = [pair for pair in zip(wilder(plus), wilder(minus), strict=True) if pair[0] is not None]
    dx = [100 * abs(p - m) / (p + m) if p + m > 0 else 0.0 for p, m in moves]
    out = wilder(dx)
    return [None] * (len(bars) - len(out)) + out


def ema(closes: Sequence[float], span: int) -> list[float | None]:
    """3.4: alpha 2/(n+1), seeded with the mean of the first n closes."""
    out: list[float | None] = []
    for i, close in enumerate(closes):
        if i < span - 1:
            out.append(None)
        elif i == span - 1:
            out.append(mean(closes[:span]))
        else:
            out.append(out[-1] + 2 / (span + 1) * (close - out[-1]))
    return out


# ---------------------------------------------------------------- features (section 3)
# A feature function returns its value, or a str: the reason why it is unknown (1.2).


def has(*values: float | str | None) -> bool:
    """Tell whether all values are known."""
    return not any(value is None or isinstance(value, str) for value in values)


def unknown(*values: float | str) -> str:
    """Return the reason of the first unknown value."""
    return next(value for value in values if isinstance(value, str))


@dataclasses.dataclass
class Market:
    """What all features of one symbol are computed from."""

    sessions: list[Session]
    inside: list[list[Minute]]
    asset_class: str
    proxy: dict[int, float] | None
    split_sessions: list[bool]
    index_open_delay_minutes: int

    def volume(self, minute: Minute) -> float | None:
        """2: own volume; of an INDEX its proxy's in the same minute, None without a bar."""
        if self.asset_class != "INDEX":
            return minute.volume
        return None if self.proxy is None else self.proxy.get(minute.ts)

    def proxy_fails(self, so_far: Sequence[Minute]) -> bool:
        """2: an INDEX without a proxy, or whose proxy covers under 80 % of its minutes so far."""
        if self.asset_class != "INDEX":
            return False
        covered = sum(self.volume(minute) is not None for minute in so_far)
        return self.proxy is None or covered / len(so_far) < 0.8

    def session_open(self, index: int, until: int) -> float | str:
        """3.2, 10: open of the first minute; INDEX: close of the first ending >= open + delay."""
        index_like = self.asset_class == "INDEX"
        start = self.sessions[index].open
        start += self.index_open_delay_minutes * MINUTE if index_like else 0
        for minute in self.inside[index]:
            if minute.ts + MINUTE > until:
                break
            if minute.ts + MINUTE >= start:
                if minute.ts >= start + 5 * MINUTE:
                    return "missing_input"
                return minute.close if index_like else minute.open
        return "warmup"

    def prior(self, index: int) -> list[Minute] | str:
        """3.2, 10: the calendar session before; `warmup` in the first session of a series."""
        if not any(self.inside[:index]):
            return "warmup"
        return self.inside[index - 1] or "missing_input"

    def gap_suspect(self, index: int) -> bool:
        """3.1, 10: |overnight gap| > 0.35 without a split; an unknown gap flags nothing."""
        opened, before = self.session_open(index, self.sessions[index].close), self.prior(index)
        if not has(opened, before) or self.split_sessions[index]:
            return False
        close = before[-1].close
        return abs((opened - close) / abs(close)) > 0.35

    def segments(self) -> list[int]:
        """3.1: restarts up to each session: over 3 whole sessions missing, or gap_suspect."""
        out, last, count = [], None, 0
        for index, minutes in enumerate(self.inside):
            if minutes:
                missing = last is not None and index - last - 1 > 3
                count += missing or self.gap_suspect(index)
                last = index
            out.append(count)
        return out


def session_levels(market: Market, bar: Bar, so_far: Sequence[Minute]) -> dict[str, float | str]:
    """3.2: session open, prior session, what is derived from them, and the first 30 minutes."""
    session = market.sessions[bar.session]
    out: dict[str, float | str] = {"session_open": market.session_open(bar.session, bar.end)}
    out["session_high"] = max(m.high for m in so_far)
    out["session_low"] = min(m.low for m in so_far)
    before = market.prior(bar.session)
    if has(before) and market.gap_suspect(bar.session):
        before = "missing_input"
    out["prior_close"] = before[-1].close if has(before) else before
    out["prior_high"] = max(m.high for m in before) if has(before) else before
    out["prior_low"] = min(m.low for m in before) if has(before) else before
    opened, prior = out["session_open"], out["prior_close"]
    gap = (opened - prior) / abs(prior) if has(opened, prior) else unknown(opened, prior)
    out["overnight_gap_frac"] = gap
    out["session_move_frac"] = (bar.close - opened) / abs(opened) if has(opened) else opened
    out["day_change_frac"] = (bar.close - prior) / abs(prior) if has(prior) else prior
    first = [m for m in so_far if m.ts < session.open + 30 * MINUTE]
    reason = "warmup" if bar.end < session.open + 30 * MINUTE else "missing_input"
    ready = reason == "missing_input" and len(first) >= 15
    out["or_high_30"] = max(m.high for m in first) if ready else reason
    out["or_low_30"] = min(m.low for m in first) if ready else reason
    return out


def vwap(market: Market, so_far: Sequence[Minute]) -> float | str:
    """3.2: typical price by volume over the session's minutes; a missing proxy minute is 0."""
    if market.proxy_fails(so_far):
        return "missing_proxy"
    volumes = [market.volume(m) or 0.0 for m in so_far]
    if sum(volumes) == 0:
        return "missing_input"
    typical = [(m.high + m.low + m.close) / 3 for m in so_far]
    return sum(p * v for p, v in zip(typical, volumes, strict=True)) / sum(volumes)


class Volumes:
    """3.3: volumes per bar, and their baselines.

    Of an INDEX only proxy minutes that meet an index minute count, and a past session without any
    such minute is one without bars.
    """

    def __init__(self, market: Market, bars: Sequence[Bar]):
        self.market, self.bars = market, bars
        self.of_bar = []
        for bar in bars:
            rows = (m for m in market.inside[bar.session] if bar.ts <= m.ts < bar.end)
            self.of_bar.append(sum(market.volume(m) or 0.0 for m in rows))
        self.slots = {bar.ts: v for bar, v in zip(bars, self.of_bar, strict=True)}
        self.present = [any(market.volume(m) is not None for m in day) for day in market.inside]

    def slot(self, t: int) -> float | str:
        """3.3, 10: v / mean of the same slot in the previous 20 full-length calendar sessions."""
        bar, sessions = self.bars[t], self.market.sessions
        today = sessions[bar.session]
        past = [i for i in range(bar.session - 1, -1, -1) if sessions[i].full_length][:20]
        past = [i for i in past if self.present[i]]
        if len(past) < 5:
            return "warmup"
        from_close = not today.full_length and bar.ts >= today.close - 60 * MINUTE
        if from_close:
            starts = [sessions[i].close - (today.close - bar.ts) for i in past]
        else:
            starts = [sessions[i].open + (bar.ts - today.open) for i in past]
        baseline = mean([self.slots.get(start, 0.0) for start in starts])
        return self.of_bar[t] / baseline if baseline > 0 else "missing_input"

    def trailing(self, t: int, segments: Sequence[int]) -> float | str:
        """3.3, 10: v / mean of the previous 50 bars since the restart."""
        if t < 50 or segments[self.bars[t - 50].session] != segments[self.bars[t].session]:
            return "warmup"
        baseline = mean(self.of_bar[t - 50 : t])
        return self.of_bar[t] / baseline if baseline > 0 else "missing_input"


def indicators(bars: Sequence[Bar]) -> list[dict[str, float | str]]:
    """3.4, 3.5, 3.6 for the bars of one segment; known from 0-based bar number = warm-up on.

    Zeros of the textbook ATR enter the mean below atr_ratio; atr itself is unknown where it is 0.
    """
    closes = [bar.close for bar in bars]
    first = [i > 0 and bar.session != bars[i - 1].session for i, bar in enumerate(bars)]
    atrs = atr(bars, first)
    columns = {
        "rsi_centred": (rsi_centred(closes), 98),
        "atr": (atrs, 98),
        "adx": (adx(bars, first), 140),
        "ema_21": (ema(closes, 21), 63),
        "ema_50": (ema(closes, 50), 150),
        "ema_200": (ema(closes, 200), 600),
    }
    out = []
    for t in range(len(bars)):
        row = {k: v[t] if t >= warmup else "warmup" for k, (v, warmup) in columns.items()}
        base = mean(atrs[t - 100 : t]) if t >= 198 else "warmup"
        row["atr_ratio"] = (
            base if base == "warmup" else atrs[t] / base if base else "missing_input"
        )
        if row["atr"] == 0:
            row["atr"] = "missing_input"
        row["regime"] = regime(bars[t].close, row)
        out.append(row)
    for t, row in enumerate(out):
        row.update(patterns(bars, out, t))
        row["higher_lows"] = swings_rise([bar.low for bar in bars], t)
        row["lower_highs"] = swings_rise([-bar.high for bar in bars], t)
    return out


def regime(close: float, row: dict[str, float | str]) -> float | str:
    """3.6: first match."""
    ratio, strength, fast, slow = (row[k] for k in ("atr_ratio", "adx", "ema_21", "ema_50"))
    if not has(ratio, strength, fast, slow):
        return unknown(ratio, strength, fast, slow)
    if ratio > 1.5:
        return VOLATILE
    if strength > 25 and close > fast > slow:
        return TRENDING_UP
    if strength > 25 and close < fast < slow:
        return TRENDING_DOWN
    return CHOPPY if strength < 20 and ratio >= 1 else RANGING


def divergence(extremes: Sequence[float], rsis: Sequence[float | str]) -> float | str:
    """3.5: on 20 bars, B the first ten and A the last ten; lows and RSI (short: both negated)."""
    if not has(*rsis):
        return "warmup"
    older = min(range(10), key=lambda i: (extremes[i], -i))
    newer = min(range(10, 20), key=lambda i: (extremes[i], -i))
    if extremes[newer] < extremes[older] and 19 - newer <= 3:
        return max(0.0, rsis[newer] - rsis[older])
    return 0.0


def patterns(bars: Sequence[Bar], rows: Sequence[Row], t: int) -> dict[str, float | str]:
    """3.5: divergences and candles of bar t."""
    bar, size = bars[t], rows[t]["atr"]
    out: dict[str, float | str] = {"rsi_div_long": "warmup", "rsi_div_short": "warmup"}
    if t >= 19:
        rsis = [row["rsi_centred"] for row in rows[t - 19 : t + 1]]
        out["rsi_div_long"] = divergence([b.low for b in bars[t - 19 : t + 1]], rsis)
        mirrored = [-x if has(x) else x for x in rsis]
        out["rsi_div_short"] = divergence([-b.high for b in bars[t - 19 : t + 1]], mirrored)
    small = float(abs(bar.close - bar.open) <= 0.3 * size) if has(size) else size
    out["patient_candle"] = small
    span = bar.high - bar.low
    lower, upper = min(bar.open, bar.close) - bar.low, bar.high - max(bar.open, bar.close)
    out["hammer"] = float(span > 0 and lower >= 0.6 * span and upper <= 0.2 * span)
    out["shooting_star"] = float(span > 0 and upper >= 0.6 * span and lower <= 0.2 * span)
    return out


def swings_rise(lows: Sequence[float], t: int) -> float | str:
    """3.5, 10: the last two swing lows known at t, both among the last 40 bars, rise."""
    if t + 1 < 42:
        return "warmup"
    swings = [
        lows[j]
        for j in range(t - 39, t - 1)
        if lows[j] < min(lows[j - 1], lows[j - 2]) and lows[j] <= min(lows[j + 1], lows[j + 2])
    ]
    return float(len(swings) >= 2 and swings[-1] > swings[-2])


def by_segment(bars: Sequence[Bar], segments: Sequence[int]) -> list[dict[str, float | str]]:
    """3.1: indicators of each segment by itself."""
    groups = itertools.groupby(bars, lambda bar: segments[bar.session])
    return [row for _, group in groups for row in indicators(list(group))]


def mtf_rsi(bar: Bar, segments: Sequence[int], series: Sequence[tuple]) -> dict[str, float | str]:
    """3.6, 10: shares over the last closed 5m, 15m, 60m bars of the current segment."""
    known = []
    for bars, rows in series:
        last = bisect.bisect_right(bars, bar.end, key=lambda higher: higher.end) - 1
        if last >= 0 and segments[bars[last].session] == segments[bar.session]:
            known.append(rows[last]["rsi_centred"])
    known = [value for value in known if has(value)]
    if len(known) < 2:
        return {"mtf_rsi_up_frac": "warmup", "mtf_rsi_down_frac": "warmup"}
    return {
        "mtf_rsi_up_frac": sum(0 <= value <= 20 for value in known) / len(known),
        "mtf_rsi_down_frac": sum(-20 <= value <= 0 for value in known) / len(known),
    }


def mtf_ema(bar: Bar, segments: Sequence[int], series: Sequence[tuple]) -> dict[str, float | str]:
    """3.6, 10: shares of 15m and 60m with ema_21 above / below ema_50, all of them known."""
    pairs = []
    for bars, rows in series:
        last = bisect.bisect_right(bars, bar.end, key=lambda higher: higher.end) - 1
        if last >= 0 and segments[bars[last].session] == segments[bar.session]:
            pairs.append((rows[last]["ema_21"], rows[last]["ema_50"]))
    if len(pairs) < len(series) or not all(has(*pair) for pair in pairs):
        return {"mtf_ema_up_frac": "warmup", "mtf_ema_down_frac": "warmup"}
    return {
        "mtf_ema_up_frac": sum(fast > slow for fast, slow in pairs) / len(pairs),
        "mtf_ema_down_frac": sum(fast < slow for fast, slow in pairs) / len(pairs),
    }


def features(
    minutes: Sequence[Minute],
    sessions: Sequence[Session],
    *,
    bar_minutes: int,
    asset_class: str,
    proxy: Sequence[Minute] | None = None,
    split_sessions: Sequence[bool] | None = None,
    rel_volume_baseline: str = "slot",
    index_open_delay_minutes: int = 1,
) -> list[Row]:
    """3: every bar feature that a detector reads, a dict per signal bar.

    `minutes` and `proxy` are split-adjusted; of the proxy only the volume is used. Restarts happen
    at a session's first bar, in every timeframe alike. Flow has no input here and is unknown.
    """
    inside = by_session(minutes, sessions)
    shares = None if proxy is None else {m.ts: m.volume for m in proxy}
    splits = list(split_sessions) if split_sessions is not None else [False] * len(sessions)
    market = Market(list(sessions), inside, asset_class, shares, splits, index_open_delay_minutes)
    segments = market.segments()
    bars = bars_of(minutes, sessions, bar_minutes)
    volumes = Volumes(market, bars)
    series = []
    for length in (5, 15, 60):
        higher = bars_of(minutes, sessions, length)
        series.append((higher, by_segment(higher, segments)))
    rows = []
    for t, (bar, own) in enumerate(zip(bars, by_segment(bars, segments), strict=True)):
        session = sessions[bar.session]
        so_far = [m for m in inside[bar.session] if m.ts + MINUTE <= bar.end]
        found: Row = dict(own)
        found.update(session_levels(market, bar, so_far))
        found["vwap"] = average = vwap(market, so_far)
        away = (bar.close - average) / abs(average) if has(average) else average
        found["vwap_dist_frac"] = away
        slot = rel_volume_baseline == "slot"
        relative = volumes.slot(t) if slot else volumes.trailing(t, segments)
        found["rel_volume"] = "missing_proxy" if market.proxy_fails(so_far) else relative
        found.update(mtf_rsi(bar, segments, series))
        found.update(mtf_ema(bar, segments, series[1:]))
        found["flow_signed"] = "missing_input"
        found["minutes_since_open"] = (bar.end - session.open) / MINUTE
        found["minutes_to_close"] = (session.close - bar.end) / MINUTE
        found["session_frac"] = (bar.end - session.open) / (session.close - session.open)
        row: Row = {k: None if isinstance(v, str) else v for k, v in found.items()}
        row["rsi"] = None if row["rsi_centred"] is None else 50 + row["rsi_centred"]
        row["reasons"] = {k: v for k, v in found.items() if isinstance(v, str)}
        row.update(bar._asdict(), segment=segments[bar.session])
        row["volume"] = None if asset_class == "INDEX" else bar.volume
        rows.append(row)
    return rows


# ---------------------------------------------------------------- detectors (sections 1 and 5)


@dataclasses.dataclass(frozen=True)
class View:
    """A bar as one side sees it (1.4)."""

    rows: Sequence[Row]
    t: int
    side: int
    params: dict[str, float]

    def __getitem__(self, name: str) -> float | None:
        """Return a feature of the bar; atr = 0 counts as unknown (10)."""
        value = self.rows[self.t].get(name)
        return None if name == "atr" and value == 0 else value

    def pick(self, long: str, short: str) -> float | None:
        """1.4: the column of the side."""
        return self[long if self.side > 0 else short]

    def away(self, value: float | None, reference: float | None) -> float | None:
        """Return s (value - reference) / |reference|, unknown if either is."""
        if value is None or reference is None:
            return None
        return self.side * (value - reference) / abs(reference)

    def level(self) -> float | None:
        """3.2: extreme of the N bars before the current one, within the segment."""
        start = self.t - int(self.params["breakout_lookback_bars"])
        if start < 0 or self.rows[start]["segment"] != self.rows[self.t]["segment"]:
            return None
        before = self.rows[start : self.t]
        return max(r["high"] for r in before) if self.side > 0 else min(r["low"] for r in before)

    def hard(self, name: str) -> float | None:
        """Return a hard feature by the name under which it is declared (9.1, 10)."""
        if name == "level":
            return self.level()
        if name == "momentum":
            return self.momentum()
        if name == "previous_zero_gamma":
            return self.before(1, "zero_gamma")
        return self["rsi_centred"] if name == "rsi" else self[name]

    def before(self, bars: int, name: str) -> float | None:
        """5.4, 5.8: a value some bars before, of the same session."""
        then = self.t - bars
        if then < 0 or self.rows[then]["session"] != self.rows[self.t]["session"]:
            return None
        return self.rows[then][name]

    def momentum(self) -> float | None:
        """5.4: s (close - close[t - momentum_bars]), both in the same session."""
        then = self.before(int(self.params["momentum_bars"]), "close")
        return None if then is None else self.side * (self["close"] - then)

    def ahead(self, name: str) -> float | None:
        """5.4: s (strike - close) / |close|."""
        strike, close = self[name], self["close"]
        return None if strike is None else self.side * (strike - close) / abs(close)

    def share_of(self, name: str, full: str, sign: int) -> float | None:
        """5.10: a feature over the parameter that stands for all of it."""
        return None if self[name] is None else sign * self[name] / self.params[full]

    def call_share(self) -> float | None:
        """1.4: calls among the option volume, short: puts."""
        calls = self["call_volume_frac"]
        return calls if calls is None or self.side > 0 else 1 - calls

    def pin_distance(self) -> float:
        """5.9: |pin_strike - close|."""
        return abs(self["pin_strike"] - self["close"])

    def per_atr(self, reference: str) -> float:
        """Return s (close - reference) / atr."""
        base = self.level() if reference == "level" else self[reference]
        return self.side * (self["close"] - base) / self["atr"]

    def rsi(self) -> float:
        """1.4: 50 +- rsi_centred."""
        return 50 + self.side * self["rsi_centred"]

    def flow(self) -> float | None:
        """1.4: s x flow_signed."""
        return None if self["flow_signed"] is None else self.side * self["flow_signed"]

    def against(self) -> bool:
        """1.4: the trend is adverse."""
        return self["regime"] == (TRENDING_DOWN if self.side > 0 else TRENDING_UP)

    def regime_fit(self) -> float:
        """3.6: how well the regime suits a reversion."""
        trend = 0.2 if self.against() else 0.6
        return {RANGING: 1.0, CHOPPY: 0.9, VOLATILE: 0.7}.get(self["regime"], trend)

    def confirm_count(self) -> float | None:
        """3.5: [divergence >= 2] + [patient candle] + [hammer or shooting star]."""
        diverging = self.pick("rsi_div_long", "rsi_div_short")
        candle, patient = self.pick("hammer", "shooting_star"), self["patient_candle"]
        if diverging is None or candle is None or patient is None:
            return None
        return (diverging >= 2) + patient + candle

    def extreme_distance(self) -> float:
        """5.5: (close - session low) / |low|, short (session high - close) / |high|."""
        extreme = self.pick("session_low", "session_high")
        return self.side * (self["close"] - extreme) / abs(extreme)

    def range_position(self) -> float | None:
        """1.4: (close - session_low) / range, short (session_high - close) / range."""
        low, high = self["session_low"], self["session_high"]
        up = self["close"] - low if self.side > 0 else high - self["close"]
        return up / (high - low) if high != low else None

    def levels_beaten(self) -> float | None:
        """5.1, 10: strictly beyond the opening range, strictly beyond the prior extreme."""
        opening, prior = self.pick("or_high_30", "or_low_30"), self.pick("prior_high", "prior_low")
        if opening is None or prior is None:
            return None
        return sum(self.side * self["close"] > self.side * edge for edge in (opening, prior))


@dataclasses.dataclass(frozen=True)
class Rules:
    """One family: defaults, hard features in declared order, conditions, factors, window, side."""

    defaults: dict[str, float]
    hard: tuple[str, ...]
    conditions: dict[str, Callable[[View], bool]]
    factors: dict[str, tuple[float, Callable[[View], float | None], tuple]]
    window: Callable[[View], bool] = lambda view: True
    side: Callable[[View], int] = lambda view: view.side


FLOW_RAMP = ((-100, 0), (-60, 20), (0, 50), (60, 85), (70, 100))

BREAKOUT = Rules(
    defaults={
        "breakout_lookback_bars": 20,
        "breakout_buffer_atr": 0.1,
        "volume_surge_min": 1.5,
        "vwap_dist_min_frac": 0.001,
        "price_change_min_frac": 0.005,
    },
    hard=("level", "atr", "rel_volume", "vwap", "prior_close"),
    conditions={
        "level": lambda v: v.per_atr("level") >= v.params["breakout_buffer_atr"],
        "volume": lambda v: v["rel_volume"] >= v.params["volume_surge_min"],
        "vwap": lambda v: v.away(v["close"], v["vwap"]) >= v.params["vwap_dist_min_frac"],
        "day_change": lambda v: (
            v.away(v["close"], v["prior_close"]) >= v.params["price_change_min_frac"]
        ),
    },
    factors={
        "volume_intensity": (
            0.30,
            lambda v: v["rel_volume"],
            ((1, 0), (1.5, 50), (2.5, 75), (4, 100)),
        ),
        "flow_alignment": (0.25, View.flow, FLOW_RAMP),
        "vwap_strength": (
            0.20,
            lambda v: v.away(v["close"], v["vwap"]),
            ((-0.005, 0), (0, 50), (0.002, 60), (0.005, 70), (0.01, 85), (0.015, 100)),
        ),
        "breakout_strength": (
            0.10,
            lambda v: v.per_atr("level"),
            ((0, 40), (0.5, 80), (1, 100)),
        ),
        "level_confluence": (0.05, View.levels_beaten, ((0, 0), (1, 60), (2, 100))),
        "mtf_alignment": (
            0.10,
            lambda v: v.pick("mtf_rsi_up_frac", "mtf_rsi_down_frac"),
            ((0, 0), (1, 100)),
        ),
    },
)

MEAN_REVERSION = Rules(
    defaults={
        "rsi_extreme_max": 35,
        "vwap_dist_min_frac": 0.003,
        "ema_dist_min_atr": 2,
        "adx_against_max": 40,
    },
    hard=("rsi", "vwap", "ema_21", "atr", "regime", "adx"),
    conditions={
        "rsi": lambda v: v.rsi() <= v.params["rsi_extreme_max"],
        "vwap": lambda v: -v.away(v["close"], v["vwap"]) >= v.params["vwap_dist_min_frac"],
        "ema": lambda v: -v.per_atr("ema_21") >= v.params["ema_dist_min_atr"],
        "trend": lambda v: not (v.against() and v["adx"] > v.params["adx_against_max"]),
    },
    factors={
        "rsi_extreme": (0.35, View.rsi, ((20, 100), (25, 85), (30, 70), (35, 55), (50, 0))),
        "vwap_deviation": (
            0.30,
            lambda v: -v.away(v["close"], v["vwap"]),
            ((0, 0), (0.003, 55), (0.005, 70), (0.01, 85), (0.015, 100)),
        ),
        "volume_profile": (
            0.20,
            lambda v: v["rel_volume"],
            ((0, 0), (1, 50), (1.2, 65), (1.5, 80), (2, 100)),
        ),
        "regime_suitability": (0.10, View.regime_fit, ((0, 0), (1, 100))),
        "reversal_confirmation": (
            0.05,
            View.confirm_count,
            ((0, 0), (1, 60), (2, 85), (3, 100)),
        ),
    },
)

INDEX_MEAN_REVERSION = Rules(
    defaults=MEAN_REVERSION.defaults | {"vwap_dist_min_frac": 0.0025},
    hard=MEAN_REVERSION.hard,
    conditions=MEAN_REVERSION.conditions,
    factors={
        "vwap_deviation": MEAN_REVERSION.factors["vwap_deviation"],
        "rsi_extreme": (0.25, *MEAN_REVERSION.factors["rsi_extreme"][1:]),
        "volume_profile": MEAN_REVERSION.factors["volume_profile"],
        "regime_suitability": (0.15, *MEAN_REVERSION.factors["regime_suitability"][1:]),
        "time_of_session": (
            0.10,
            lambda v: v["session_frac"],
            ((0, 60), (0.15, 100), (0.6, 100), (0.8, 80), (1, 60)),
        ),
    },
)

TREND_CONTINUATION = Rules(
    defaults={
        "ema_sep_min_atr": 0.25,
        "adx_min": 20,
        "pullback_max_atr": 1,
        "pullback_overshoot_atr": 0.25,
        "rsi_min": 45,
        "rsi_max": 60,
    },
    hard=("ema_21", "ema_50", "atr", "adx", "rsi"),
    conditions={
        "separation": lambda v: (
            v.side * (v["ema_21"] - v["ema_50"]) / v["atr"] >= v.params["ema_sep_min_atr"]
        ),
        "adx": lambda v: v["adx"] >= v.params["adx_min"],
        "not_broken": lambda v: v.per_atr("ema_21") >= -v.params["pullback_overshoot_atr"],
        "pullback": lambda v: v.per_atr("ema_21") <= v.params["pullback_max_atr"],
        "rsi_floor": lambda v: v.rsi() >= v.params["rsi_min"],
        "rsi_cap": lambda v: v.rsi() <= v.params["rsi_max"],
    },
    factors={
        "ema_alignment": (
            0.25,
            lambda v: v.side * (v["ema_21"] - v["ema_50"]) / v["atr"],
            ((0, 30), (0.5, 60), (1, 80), (2, 100)),
        ),
        "long_trend": (
            0.05,
            lambda v: None if v["ema_200"] is None else v.per_atr("ema_200"),
            ((-1, 0), (0, 50), (1, 100)),
        ),
        "pullback_quality": (
            0.25,
            lambda v: v.per_atr("ema_21"),
            ((-1, 20), (0, 100), (0.5, 100), (1, 60), (2, 0)),
        ),
        "volume_confirmation": (
            0.20,
            lambda v: v["rel_volume"],
            ((0.3, 0), (0.5, 60), (0.8, 100), (1.5, 100), (2, 75), (3, 40)),
        ),
        "swing_pattern": (
            0.15,
            lambda v: v.pick("higher_lows", "lower_highs"),
            ((0, 30), (1, 100)),
        ),
        "mtf_trend_strength": (
            0.10,
            lambda v: v.pick("mtf_ema_up_frac", "mtf_ema_down_frac"),
            ((0, 0), (1, 100)),
        ),
    },
)

POWER_HOUR_REVERSAL = Rules(
    defaults={
        "window_minutes": 60,
        "extreme_dist_max_frac": 0.003,
        "rsi_extreme_max": 40,
        "volume_surge_min": 1.2,
    },
    window=lambda v: v["minutes_to_close"] <= v.params["window_minutes"],
    hard=("session_low", "session_high", "rsi", "rel_volume", "atr"),
    conditions={
        "extreme": lambda v: v.extreme_distance() <= v.params["extreme_dist_max_frac"],
        "rsi": lambda v: v.rsi() <= v.params["rsi_extreme_max"],
        "volume": lambda v: v["rel_volume"] >= v.params["volume_surge_min"],
    },
    factors={
        "extreme_proximity": (
            0.25,
            View.range_position,
            ((0.05, 100), (0.1, 85), (0.2, 70), (0.5, 0)),
        ),
        "power_hour_timing": (
            0.20,
            lambda v: v["minutes_to_close"],
            ((30, 100), (45, 85), (60, 70), (90, 40)),
        ),
        "reversal_confirmation": (
            0.25,
            View.rsi,
            ((25, 100), (30, 85), (35, 70), (40, 55), (50, 0)),
        ),
        "institutional_flow": (0.20, View.flow, FLOW_RAMP),
        "day_move": (
            0.10,
            lambda v: None if (move := v.away(v["close"], v["session_open"])) is None else -move,
            ((-0.005, 0), (0, 40), (0.015, 100)),
        ),
    },
)

OPENING_DRIVE = Rules(
    defaults={
        "window_minutes": 30,
        "skip_minutes": 10,
        "move_min_frac": 0.003,
        "volume_surge_min": 1.2,
    },
    window=lambda v: (
        v.params["skip_minutes"] <= v["minutes_since_open"] <= v.params["window_minutes"]
    ),
    hard=("session_open", "rel_volume", "atr"),
    conditions={
        "move": lambda v: v.away(v["close"], v["session_open"]) >= v.params["move_min_frac"],
        "volume": lambda v: v["rel_volume"] >= v.params["volume_surge_min"],
    },
    factors={
        "momentum_strength": (
            0.30,
            lambda v: v.away(v["close"], v["session_open"]),
            ((0, 0), (0.003, 50), (0.005, 75), (0.01, 100)),
        ),
        "volume_intensity": (
            0.25,
            lambda v: v["rel_volume"],
            ((0.5, 0), (1, 50), (1.5, 75), (2.5, 100)),
        ),
        "flow_alignment": (0.20, View.flow, FLOW_RAMP),
        "overnight_gap": (
            0.15,
            lambda v: v.away(v["session_open"], v["prior_close"]),
            ((-0.01, 0), (0, 40), (0.005, 80), (0.01, 100)),
        ),
        "mtf_alignment": (
            0.10,
            lambda v: v.pick("mtf_rsi_up_frac", "mtf_rsi_down_frac"),
            ((0, 0), (1, 100)),
        ),
    },
)

GAMMA_SQUEEZE = Rules(
    defaults={
        "window_minutes": 90,
        "wall_dist_max_frac": 0.005,
        "short_gamma_min": 0.0005,
        "momentum_bars": 3,
        "momentum_min_atr": 0.5,
        "volume_surge_min": 1.3,
        "short_gamma_full": 0.01,
    },
    window=lambda v: v["minutes_to_close"] <= v.params["window_minutes"],
    hard=("max_gamma_strike", "gex", "gex_norm", "momentum", "atr", "rel_volume"),
    conditions={
        "wall": lambda v: 0 <= v.ahead("max_gamma_strike") <= v.params["wall_dist_max_frac"],
        "short_gamma": lambda v: v["gex"] < 0 and v["gex_norm"] <= -v.params["short_gamma_min"],
        "momentum": lambda v: (
            v.momentum() / v["atr"] >= v.params["momentum_min_atr"] and v.momentum() != 0
        ),
        "volume": lambda v: v["rel_volume"] >= v.params["volume_surge_min"],
    },
    factors={
        "gamma_wall_proximity": (
            0.30,
            lambda v: v.ahead("max_gamma_strike"),
            ((0, 100), (0.005, 0)),
        ),
        "dealer_gamma_exposure": (
            0.25,
            lambda v: v.share_of("gex_norm", "short_gamma_full", -1),
            ((-1, 0), (0, 50), (1, 100)),
        ),
        "call_put_skew": (0.20, View.call_share, ((0.4, 0), (0.5, 50), (0.6, 100))),
        "time_decay_acceleration": (
            0.15,
            lambda v: v["minutes_to_expiry"],
            ((30, 100), (60, 85), (120, 70), (240, 55), (480, 0)),
        ),
        "volume_surge": (
            0.10,
            lambda v: v["rel_volume"],
            ((0, 0), (1.5, 60), (2, 80), (3, 100)),
        ),
    },
)

GAMMA_FLIP = Rules(
    defaults={
        "window_minutes": 180,
        "expiry_max_minutes": 480,
        "cross_min_atr": 0.1,
        "gex_slope_full": 0.01,
    },
    window=lambda v: v["minutes_to_close"] <= v.params["window_minutes"],
    hard=("minutes_to_expiry", "zero_gamma", "previous_zero_gamma", "atr"),
    conditions={
        "expiry": lambda v: v["minutes_to_expiry"] <= v.params["expiry_max_minutes"],
        "crossing": lambda v: (
            math.isfinite(v["zero_gamma"])
            and math.isfinite(v.hard("previous_zero_gamma"))
            and v.side * (v.rows[v.t - 1]["close"] - v.hard("previous_zero_gamma")) < 0
            and v.side * (v["close"] - v["zero_gamma"]) > 0
        ),
        "price_led": lambda v: v.side * (v["close"] - v.rows[v.t - 1]["close"]) > 0,
        "distance": lambda v: v.per_atr("zero_gamma") >= v.params["cross_min_atr"],
    },
    factors={
        "gamma_flip_significance": (
            0.35,
            lambda v: v.share_of("gex_slope_norm", "gex_slope_full", 1),
            ((0, 0), (0.25, 40), (1, 100)),
        ),
        "time_to_expiry": (
            0.25,
            lambda v: v["minutes_to_expiry"],
            ((120, 100), (240, 75), (360, 50), (480, 25), (1440, 0)),
        ),
        "dealer_hedging_pressure": (
            0.20,
            lambda v: v["gex_0dte_frac"],
            ((0, 20), (0.5, 70), (0.8, 100)),
        ),
        "options_volume": (
            0.15,
            lambda v: v["opt_volume_surge"],
            ((0.5, 0), (1, 50), (1.5, 100)),
        ),
        "price_momentum": (0.05, lambda v: v["rel_volume"], ((1, 0), (2, 50), (3, 100))),
    },
)

EOD_PIN = Rules(
    defaults={
        "window_minutes": 30,
        "pin_dist_max_frac": 0.005,
        "pin_dist_min_atr": 0.25,
        "pin_oi_min_frac": 0.03,
    },
    window=lambda v: v["minutes_to_close"] <= v.params["window_minutes"],
    hard=("is_0dte", "pin_strike", "atr", "pin_oi_frac"),
    conditions={
        "expiry": lambda v: v["is_0dte"] == 1,
        "near": lambda v: v.pin_distance() / abs(v["close"]) <= v.params["pin_dist_max_frac"],
        "room": lambda v: (
            v.pin_distance() / v["atr"] >= v.params["pin_dist_min_atr"] and v.pin_distance() > 0
        ),
        "open_interest": lambda v: v["pin_oi_frac"] >= v.params["pin_oi_min_frac"],
    },
    factors={
        "max_pain_proximity": (
            0.40,
            lambda v: v.pin_distance() / abs(v["close"]),
            ((0, 100), (0.005, 0)),
        ),
        "open_interest_concentration": (
            0.30,
            lambda v: v["pin_oi_frac"],
            ((0, 0), (0.05, 40), (0.1, 70), (0.2, 100)),
        ),
        "time_remaining": (
            0.20,
            lambda v: v["minutes_to_close"],
            ((0, 100), (30, 50), (60, 0)),
        ),
        "dealer_gamma": (
            0.10,
            lambda v: v["pin_gex_norm"],
            ((-0.002, 0), (0, 40), (0.002, 100)),
        ),
    },
    side=lambda v: 1 if v["pin_strike"] > v["close"] else -1,
)

DETECTORS = {
    "breakout_bullish": (BREAKOUT, 1),
    "breakout_bearish": (BREAKOUT, -1),
    "mean_reversion_long": (MEAN_REVERSION, 1),
    "mean_reversion_short": (MEAN_REVERSION, -1),
    "trend_continuation_long": (TREND_CONTINUATION, 1),
    "trend_continuation_short": (TREND_CONTINUATION, -1),
    "power_hour_reversal_bullish": (POWER_HOUR_REVERSAL, 1),
    "power_hour_reversal_bearish": (POWER_HOUR_REVERSAL, -1),
    "index_mean_reversion_long": (INDEX_MEAN_REVERSION, 1),
    "index_mean_reversion_short": (INDEX_MEAN_REVERSION, -1),
    "opening_drive_bullish": (OPENING_DRIVE, 1),
    "opening_drive_bearish": (OPENING_DRIVE, -1),
    "gamma_squeeze_bullish": (GAMMA_SQUEEZE, 1),
    "gamma_squeeze_bearish": (GAMMA_SQUEEZE, -1),
    "gamma_flip_bullish": (GAMMA_FLIP, 1),
    "gamma_flip_bearish": (GAMMA_FLIP, -1),
    "eod_pin_setup": (EOD_PIN, 0),
}


@dataclasses.dataclass(frozen=True)
class State:
    """1.1: what a detector says about one bar; `missing` is a feature name, or `weight`."""

    state: str
    signal: int = 0
    score: float = math.nan
    evaluable: bool = False
    missing: str | None = None
    passed: tuple[bool, ...] = ()
    factors: tuple[float | None, ...] = ()


def ramp(value: float, points: Sequence[tuple[float, float]]) -> float:
    """1.3: straight lines between the points, constant outside."""
    if value <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if value <= x1:
            return y0 + (y1 - y0) * (value - x0) / (x1 - x0)
    return points[-1][1]


def score_of(factors: Sequence[tuple[float, float, float | None]]) -> tuple[float, bool]:
    """1.3: weighted mean of known (weight, ratio, value); False if they weigh below 0.5."""
    known = [factor for factor in factors if factor[2] is not None]
    if sum(weight for weight, _, _ in known) < 0.5:
        return math.nan, False
    total = sum(weight * ratio for weight, ratio, _ in known)
    return sum(weight * ratio * value for weight, ratio, value in known) / total, True


def state_of(rules: Rules, view: View, min_score: float) -> State:
    """1.1: exactly one state; an unknown hard feature decides before any condition."""
    if not rules.window(view):
        return State("out_of_window")
    missing = next((name for name in rules.hard if view.hard(name) is None), None)
    if missing is not None:
        return State("not_evaluable", missing=missing)
    weighted, values = [], []
    for name, (weight, column, points) in rules.factors.items():
        value = column(view)
        values.append(None if value is None else ramp(value, points))
        weighted.append((weight, view.params.get(f"weight_{name}_ratio", 1.0), values[-1]))
    score, enough = score_of(weighted)
    if not enough:
        return State("not_evaluable", missing="weight")
    passed = tuple(holds(view) for holds in rules.conditions.values())
    if not all(passed):
        return State("no_signal", evaluable=True, passed=passed, factors=tuple(values))
    fires = score >= min_score
    name, signal = ("signal", rules.side(view)) if fires else ("no_signal", 0)
    return State(name, signal, score, evaluable=True, passed=passed, factors=tuple(values))


def evaluate(
    name: str, rows: Sequence[Row], params: dict[str, float] | None = None, min_score: float = 60
) -> list[State]:
    """5: the state of every bar; `params` may be partial, the rest are the defaults of 9.2."""
    rules, side = DETECTORS[name]
    values = rules.defaults | (params or {})
    return [state_of(rules, View(rows, t, side, values), min_score) for t in range(len(rows))]


# ---------------------------------------------------------------- exits and fills (section 6)


@dataclasses.dataclass(frozen=True)
class Exits:
    """6.1 and 9.2: `ExitParams` without min_score."""

    stop_atr: float = 1.0
    target_atr: float = 2.0
    max_hold_bars: int = 20
    cooldown_bars: int = 0
    flat_before_close_minutes: float = 5
    breakeven_atr: float = 0.0
    trail_atr: float = 0.0


@dataclasses.dataclass(frozen=True)
class Costs:
    """F2, F10: costs against us, and the money in a trade."""

    slippage_bps: float = 0.0
    half_spread: float = 0.0
    fee_bps: float = 0.0
    fee_per_share: float = 0.0
    fee_min: float = 0.0
    sell_fee_bps: float = 0.0
    notional_usd: float = 100_000.0


@dataclasses.dataclass(frozen=True)
class Fills:
    """6.2: settings; participation and impact are off at 0."""

    timeframe: str = "1m"
    levels_from: str = "signal_close"
    target_gap: str = "target"
    trade_through: bool = False
    min_risk_share: float = 0.25
    participation: float = 0.0
    impact: float = 0.0


class Levels(NamedTuple):
    """Stop, target, and the price that fills the target; `base` is what they are measured from."""

    base: float
    stop: float
    target: float
    trigger: float


class Event(NamedTuple):
    """An exit that is due: reason, price before slippage, whether it falls on the bar's open."""

    reason: str
    reference: float
    at_open: bool = False
    ambiguous: bool = False


class Slice(NamedTuple):
    """A part of a leg that one fill bar took."""

    bar: Bar
    reference: float
    price: float
    quantity: float


@dataclasses.dataclass(frozen=True)
class Order:
    """A signal as the fills see it, in raw prices: C, ATR, instants in ns, and all settings."""

    side: int
    decided: int
    close: float
    atr: float
    flat: float = math.inf
    deadline: float = math.inf
    ticks: int = 100
    volumes: bool = True
    exits: Exits = Exits()
    costs: Costs = Costs()
    fills: Fills = Fills()
    fixed: Levels | None = None


@dataclasses.dataclass(frozen=True)
class Trade:
    """A trade; prices raw, `risk` is R in price units, references are prices before costs."""

    side: int
    signal_index: int
    session: int
    signal_ts: int
    entry_ts: int
    entry_price: float
    stop: float
    target: float
    exit_ts: int
    exit_price: float
    exit_reason: str
    quantity: float
    r_gross: float
    r_net: float
    score: float
    ambiguous: bool
    r_net_target_first: float
    bars_held: int
    entry_reference: float
    exit_reference: float
    risk: float
    minutes_held: float


@dataclasses.dataclass
class Leg:
    """The fills of one leg, and what is left to fill."""

    buying: bool
    left: float
    slices: list[Slice] = dataclasses.field(default_factory=list)

    def quantity(self) -> float:
        """Return the shares filled."""
        return sum(part.quantity for part in self.slices)

    def average(self, name: str) -> float:
        """Return the share-weighted mean `price` or `reference`; of one fill exactly its own."""
        if len(self.slices) == 1:
            return getattr(self.slices[0], name)
        return sum(getattr(p, name) * p.quantity for p in self.slices) / self.quantity()


def tick_number(level: float, ticks: int, *, up: bool) -> int:
    """6.1, 10: number of ticks, rounded up or down unless within 1e-9 relative of a whole one."""
    nearest = round(level * ticks)
    if abs(level * ticks - nearest) <= 1e-9 * abs(nearest):
        return nearest
    return math.ceil(level * ticks) if up else math.floor(level * ticks)


def levels_of(order: Order, base: float) -> Levels:
    """6.1: stop and target around C, on ticks away from it; k / ticks is the nearest float.

    With levels_from=entry_fill the (first) entry fill stands for C, also in F7's share of risk;
    the tick still follows C.
    """
    if order.fixed is not None:
        return order.fixed
    s, exits, ticks = order.side, order.exits, order.ticks
    stop = tick_number(base - s * exits.stop_atr * order.atr, ticks, up=s < 0)
    target = tick_number(base + s * exits.target_atr * order.atr, ticks, up=s > 0)
    trigger = target + s if order.fills.trade_through else target
    return Levels(base, stop / ticks, target / ticks, trigger / ticks)


def f2_price(order: Order, reference: float, bar: Bar, quantity: float, *, buying: bool) -> float:
    """F2, F11: slippage, half spread and impact k sigma sqrt(q/V), always against us.

    Sigma is the ATR of the signal bar; V of a bar without volume is taken as one share.
    """
    costs, s = order.costs, 1 if buying else -1
    price = reference * (1 + s * costs.slippage_bps / 1e4) + s * costs.half_spread
    if order.fills.impact and order.volumes:
        share = quantity / max(bar.volume, 1.0)
        price += s * order.fills.impact * order.atr * math.sqrt(share)
    return price


def f5_event(order: Order, bar: Bar, stop: float, levels: Levels) -> Event | None:
    """F3, F4, F5: gap stop, gap target, stop, target; both inside the bar is an ambiguous stop.

    With trade_through the target is reached one tick beyond itself, at the open and inside alike.
    """
    s = order.side
    worst, best = (bar.low, bar.high) if s > 0 else (bar.high, bar.low)
    if s * bar.open <= s * stop:
        return Event("stop_gap", bar.open, at_open=True)
    if s * bar.open >= s * levels.trigger:
        price = bar.open if order.fills.target_gap == "open" else levels.target
        return Event("target", price, at_open=True)
    reached = s * best >= s * levels.trigger
    if s * worst <= s * stop:
        return Event("stop", stop, ambiguous=reached)
    return Event("target", levels.target) if reached else None


def f7_skip(order: Order, levels: Levels, reference: float, price: float) -> str | None:
    """F7: the entry open at or beyond a level, or too little risk left."""
    s = order.side
    if s * reference <= s * levels.stop:
        return "beyond_stop"
    if s * reference >= s * levels.target:
        return "beyond_target"
    least = order.fills.min_risk_share * abs(levels.base - levels.stop)
    return "risk_too_small" if abs(price - levels.stop) < least else None


def f9_event(order: Order, bar: Bar, stop: float, levels: Levels) -> Event | None:
    """F8, F9: flatten, then the time exit, both at the open, come before any range event."""
    if bar.ts >= order.flat:
        return Event("flat", bar.open, at_open=True)
    if bar.ts >= order.deadline:
        return Event("time", bar.open, at_open=True)
    return f5_event(order, bar, stop, levels)


def f10_fee(order: Order, leg: Leg) -> float:
    """F10: fees of one leg per share; sell fees come on top of the minimum."""
    costs, price = order.costs, abs(leg.average("price"))
    fee = price * costs.fee_bps / 1e4 + costs.fee_per_share
    fee = max(fee, costs.fee_min / leg.quantity())
    return fee if leg.buying else fee + price * costs.sell_fee_bps / 1e4


def f11_take(
    order: Order,
    leg: Leg,
    bar: Bar,
    reference: float,
    *,
    limit: bool = False,
    capped: bool = True,
) -> None:
    """F11: fill what a bar takes: all, or with participation at most that share of its volume.

    The cap is per leg and bar. A leg's remainder goes to the opens of the next fill bars, at
    market, each with its own slippage and impact; prices are share-weighted means, also in R.
    What is unfilled at entry when an exit is due stays unfilled (an exit at a bar's open comes
    before the entry's remainder there, one inside the bar after it). A bar without volume fills
    nothing: an entry waits for the first that does, and levels, F7, F8 and the quantity are those
    of that bar. An exit's remainder that reaches the session's end is filled at the last close
    whatever the volume, like every `session_end`.
    """
    quantity = leg.left
    if capped and order.fills.participation and order.volumes:
        quantity = min(quantity, order.fills.participation * bar.volume)
    if quantity <= 0:
        return
    price = reference if limit else f2_price(order, reference, bar, quantity, buying=leg.buying)
    leg.slices.append(Slice(bar, reference, price, quantity))
    leg.left -= quantity


def f12_stop(order: Order, stop: float, best: float, entry: float) -> float:
    """6.1, F12: breakeven, then trail, from the best extreme through the bar before."""
    s, exits = order.side, order.exits
    tightest = max if s > 0 else min
    if exits.breakeven_atr > 0 and s * (best - entry) >= exits.breakeven_atr * order.atr:
        stop = tightest(stop, entry)
    if exits.trail_atr > 0:
        stop = tightest(stop, best - s * exits.trail_atr * order.atr)
    return stop


def enter(order: Order, bars: Sequence[Bar]) -> tuple[int, Leg, Levels] | str:
    """F1, F7, F8: fill at the open of the next fill bar of the session, or why there is no trade.

    Quantity is notional / open of the entry bar, fractions allowed. At or after the flat instant
    is tested on the fill minute; without one, on T.
    """
    for i, bar in enumerate(bars):
        if bar.ts < order.decided:
            continue
        if bar.ts >= order.flat:
            return "flat"
        leg = Leg(order.side > 0, order.costs.notional_usd / abs(bar.open))
        f11_take(order, leg, bar, bar.open)
        if not leg.slices:
            continue
        price = leg.slices[0].price
        levels = levels_of(
            order, price if order.fills.levels_from == "entry_fill" else order.close
        )
        skip = f7_skip(order, levels, bar.open, price)
        return skip or (i, leg, levels)
    return "flat" if order.decided >= order.flat else "no_fill"


def leave(order: Order, bars: Sequence[Bar], i: int, quantity: float, event: Event) -> Leg:
    """F2, F11: fill an exit; a target is a limit order without slippage."""
    leg = Leg(order.side < 0, quantity)
    capped = event.reason != "session_end"
    f11_take(order, leg, bars[i], event.reference, limit=event.reason == "target", capped=capped)
    for bar in bars[i + 1 :]:
        f11_take(order, leg, bar, bar.open)
    f11_take(order, leg, bars[-1], bars[-1].close, capped=False)
    return leg


def settle(order: Order, entry: Leg, levels: Levels, leg: Leg) -> tuple[float, float, float]:
    """F7, F10, 10: R, gross and net result in R, per share; R is at least one tick."""
    s, risk = order.side, max(abs(entry.average("price") - levels.stop), 1 / order.ticks)
    gross = s * (leg.average("reference") - entry.average("reference"))
    net = s * (leg.average("price") - entry.average("price"))
    net -= f10_fee(order, entry) + f10_fee(order, leg)
    return risk, gross / risk, net / risk


def trade_of(order: Order, bars: Sequence[Bar]) -> dict[str, Any] | str:
    """6.2: one signal on the fill bars of its session; the reason where there is no trade.

    F6: levels are live from the entry bar on. The exit at the last close comes after that bar's
    stop and target.
    """
    entered = enter(order, bars)
    if isinstance(entered, str):
        return entered
    start, entry, levels = entered
    stop, best = levels.stop, None
    for i in range(start, len(bars)):
        bar = bars[i]
        if i > start:
            stop = f12_stop(order, stop, best, entry.average("price"))
        event = f9_event(order, bar, stop, levels)
        if i > start and not (event and event.at_open):
            f11_take(order, entry, bar, bar.open)
        if event is None and i == len(bars) - 1:
            event = Event("session_end", bar.close)
        if event is not None:
            break
        extreme = bar.high if order.side > 0 else bar.low
        best = extreme if best is None else (max if order.side > 0 else min)(best, extreme)
    leg = leave(order, bars, i, entry.quantity(), event)
    risk, gross, net = settle(order, entry, levels, leg)
    upper = net
    if event.ambiguous:
        first = leave(order, bars, i, entry.quantity(), Event("target", levels.target))
        upper = settle(order, entry, levels, first)[2]
    entry_ts, last = entry.slices[0].bar.ts, leg.slices[-1].bar
    return {
        "entry_ts": entry_ts,
        "entry_price": entry.average("price"),
        "stop": levels.stop,
        "target": levels.target,
        "exit_ts": last.ts,
        "exit_price": leg.average("price"),
        "exit_reason": event.reason,
        "quantity": entry.quantity(),
        "r_gross": gross,
        "r_net": net,
        "ambiguous": event.ambiguous,
        "r_net_target_first": upper,
        "entry_reference": entry.average("reference"),
        "exit_reference": leg.average("reference"),
        "risk": risk,
        "minutes_held": (last.end - entry_ts) / MINUTE,
    }


def blocked(
    t: int, row: Row, rows: Sequence[Row], last: Trade | None, cooldown: int
) -> str | None:
    """6.1, 10: in a trade while exit_ts >= T; then rows before e + cooldown of the session."""
    if last is None or last.session != row["session"]:
        return None
    if last.exit_ts >= row["end"]:
        return "in_trade"
    bar = next(i for i, r in enumerate(rows) if r["ts"] <= last.exit_ts < r["end"])
    return "cooldown" if t < bar + cooldown else None


def simulate(
    rows: Sequence[Row],
    states: Sequence[State],
    minutes: Sequence[Minute],
    sessions: Sequence[Session],
    *,
    bar_minutes: int,
    asset_class: str,
    exits: Exits = Exits(),
    costs: Costs = Costs(),
    fills: Fills = Fills(),
    ticks_per_unit: int = 100,
    factors: Sequence[float] | None = None,
) -> tuple[list[Trade], dict[str, int]]:
    """6, 10: signals of one symbol to trades, and the funnel of what became of the signals.

    `minutes` are raw; `factors[session]` is adjusted price / raw price. The tick is 0.0001 for a
    stock or ETF whose raw |C| is below 1, else 1 / ticks_per_unit. bars_held counts buckets of the
    clock. With timeframe `signal`, fills happen on the signal bars.
    """
    length = 1 if fills.timeframe == "1m" else bar_minutes
    days: list[list[Bar]] = [[] for _ in sessions]
    for bar in bars_of(minutes, sessions, length):
        days[bar.session].append(bar)
    trades: list[Trade] = []
    funnel = collections.Counter(
        dict.fromkeys(("signals", "in_trade", "cooldown", "flat", "no_fill"), 0),
        **dict.fromkeys(("beyond_stop", "beyond_target", "risk_too_small", "trades"), 0),
    )
    for t, (row, state) in enumerate(zip(rows, states, strict=True)):
        if state.signal == 0:
            continue
        funnel["signals"] += 1
        session, factor = (
            row["session"],
            1.0 if factors is None else float(factors[row["session"]]),
        )
        close, decided = row["close"] / factor, row["end"]
        penny = asset_class in {"STOCK", "ETF"} and abs(close) < 1
        outcome = blocked(t, row, rows, trades[-1] if trades else None, exits.cooldown_bars)
        order = Order(
            side=state.signal,
            decided=decided,
            close=close,
            atr=row["atr"] / factor,
            flat=sessions[session].close - int(exits.flat_before_close_minutes * MINUTE),
            deadline=decided + int(exits.max_hold_bars * bar_minutes * MINUTE),
            ticks=10_000 if penny else ticks_per_unit,
            volumes=asset_class != "INDEX",
            exits=exits,
            costs=costs,
            fills=fills,
        )
        outcome = outcome or trade_of(order, days[session])
        if isinstance(outcome, str):
            funnel[outcome] += 1
            continue
        funnel["trades"] += 1
        start, size = sessions[session].open, bar_minutes * MINUTE
        held = (outcome["exit_ts"] - start) // size - (outcome["entry_ts"] - start) // size + 1
        known = {"signal_index": t, "session": session, "signal_ts": decided, "bars_held": held}
        trades.append(Trade(side=state.signal, score=state.score, **known, **outcome))
    return trades, dict(funnel)


def bracket(
    bars: Sequence[dict[str, float]],
    side: str,
    signal_bar: int,
    stop: float,
    target: float,
    *,
    slippage_bps: float = 0.0,
    half_spread: float = 0.0,
    fee_per_share: float = 0.0,
) -> dict[str, Any]:
    """Answer `simulate_bracket` of stats_reference.json: fixed levels, bars o, h, l, c."""
    rows = [
        Bar(i * MINUTE, (i + 1) * MINUTE, 0, b["o"], b["h"], b["l"], b["c"], math.nan)
        for i, b in enumerate(bars)
    ]
    order = Order(
        side=1 if side == "long" else -1,
        decided=rows[signal_bar].end,
        close=rows[signal_bar].close,
        atr=math.nan,
        costs=Costs(slippage_bps, half_spread, fee_per_share=fee_per_share),
        fills=Fills(min_risk_share=0.0),
        fixed=Levels(rows[signal_bar].close, stop, target, target),
    )
    outcome = trade_of(order, rows)
    if isinstance(outcome, str):
        return {"reason": outcome}
    return {
        "entry_bar": outcome["entry_ts"] // MINUTE,
        "entry_price": outcome["entry_price"],
        "exit_bar": outcome["exit_ts"] // MINUTE,
        "exit_price": outcome["exit_price"],
        "reason": outcome["exit_reason"],
        "r": outcome["r_net"],
    }


# ---------------------------------------------------------------- metrics (DESIGN.md section 6)

REASONS = ("stop", "stop_gap", "target", "time", "flat", "session_end")


def ratio(part: float, whole: float) -> float:
    """Return part / whole, NaN for 0 / 0 and infinity for x / 0."""
    if whole:
        return part / whole
    return math.copysign(math.inf, part) if part else math.nan


def mean_or_nan(values: Sequence[float]) -> float:
    """Return the mean, NaN of nothing."""
    return mean(values) if values else math.nan


def lower_bound(values: Sequence[float]) -> float:
    """A.9: mean - t(.95, n-1) s / sqrt(n), NaN for n < 2."""
    n = len(values)
    if n < 2:
        return math.nan
    quantile = float(special.stdtrit(n - 1, 0.95))
    return mean(values) - quantile * statistics.stdev(values) / math.sqrt(n)


def wilson(wins: int, n: int) -> tuple[float, float]:
    """A.9: two-sided 95 % interval; [0, 1] without trades."""
    if n == 0:
        return 0.0, 1.0
    z, p = statistics.NormalDist().inv_cdf(0.975), wins / n
    middle, shrink = p + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / shrink, (middle + half) / shrink


def daily_metrics(daily: Sequence[float]) -> dict[str, float]:
    """Per session, not annualised; a constant series has Sharpe 0 (A.0), a flat one Sortino 0."""
    average = mean_or_nan(daily)
    down = math.sqrt(mean_or_nan([min(x, 0.0) ** 2 for x in daily]))
    spread = statistics.stdev(daily) if len(daily) > 1 else math.nan
    peak = total = drawdown = 0.0
    for value in daily:
        total += value
        peak = max(peak, total)
        drawdown = max(drawdown, peak - total)
    return {
        "daily_mean_r": average,
        "daily_lcb_r": lower_bound(daily),
        "daily_sharpe": 0.0 if spread == 0 else average / spread,
        "daily_sortino": 0.0 if average == 0 else ratio(average, down),
        "max_drawdown_r": drawdown,
    }


def metrics(
    trades: Sequence[Trade], n_sessions: int, session_minutes: float = math.nan
) -> dict[str, float]:
    """Metrics of one set; `trade.session` counts from 0 along the axis of `n_sessions` sessions.

    `session_minutes` is the sum of the axis' session lengths (exposure_frac is NaN without it).
    Means of nothing are NaN, average_loss_r is negative, a net 0 is neither win nor loss.
    """
    net, gross = [t.r_net for t in trades], [t.r_gross for t in trades]
    wins, losses = [r for r in net if r > 0], [r for r in net if r < 0]
    daily = [0.0] * n_sessions
    for trade in trades:
        daily[trade.session] += trade.r_net
    low, high = wilson(len(wins), len(net))
    payoff = mean_or_nan(wins) / abs(mean_or_nan(losses))
    per_bp = sum((t.entry_reference + t.exit_reference) * 1e-4 / t.risk for t in trades)
    best = sum(sorted(net, reverse=True)[:5])
    out = {
        "trades": len(trades),
        "win_rate": ratio(len(wins), len(net)),
        "wilson_low": low,
        "wilson_high": high,
        "profit_factor": math.nan if not net else sum(wins) / -sum(losses) if losses else math.inf,
        "expectancy_r": mean_or_nan(net),
        "expectancy_gross_r": mean_or_nan(gross),
        "expectancy_lcb_r": lower_bound(net),
        "total_r": sum(net),
        "average_win_r": mean_or_nan(wins),
        "average_loss_r": mean_or_nan(losses),
        "payoff": payoff,
        "breakeven_win_rate": 1 / (1 + payoff),
        "bars_held_mean": mean_or_nan([t.bars_held for t in trades]),
        "exposure_frac": sum(t.minutes_held for t in trades) / session_minutes,
        "ambiguous_frac": mean_or_nan([float(t.ambiguous) for t in trades]),
        "expectancy_stop_first_r": mean_or_nan(net),
        "expectancy_target_first_r": mean_or_nan([t.r_net_target_first for t in trades]),
        "cost_r_per_trade": mean_or_nan([g - n for g, n in zip(gross, net, strict=True)]),
        "breakeven_cost_bps": ratio(sum(gross), per_bp),
        "best5_share": best / sum(net) if sum(net) > 0 else math.nan,
        "active_days": len({t.session for t in trades}),
    }
    exits = collections.Counter(t.exit_reason for t in trades)
    out.update({f"exits_{reason}": exits[reason] for reason in REASONS})
    return out | daily_metrics(daily)
