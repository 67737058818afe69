"""Volume of minutes and bars, own or of a proxy.

An index has no volume; that of its proxy ETF stands in, joined minute by minute.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int, MinuteBars
from detectors.jit import kernel


@dataclasses.dataclass(frozen=True)
class MinuteVolume:
    """Volume that belongs to the minutes of a symbol.

    Attributes
    ----------
    shares
        float64 [n_minutes], 0 where the proxy has no bar.
    covered
        bool [n_minutes], False where a volume is missing.
    source
        `own`, `proxy:<symbol>` or `none`.
    """

    shares: Float
    covered: NDArray[np.bool_]
    source: str


def own_volume(minutes: MinuteBars) -> MinuteVolume:
    """Take the symbol's own volume."""
    return MinuteVolume(minutes.volume, np.ones(len(minutes), np.bool_), "own")


def proxy_volume(
    minutes: MinuteBars, proxy: MinuteBars | None, proxy_symbol: str | None
) -> MinuteVolume:
    """Join the volume of a proxy by minute; without a proxy nothing is covered."""
    shares = np.zeros(len(minutes))
    covered = np.zeros(len(minutes), np.bool_)
    if proxy is None:
        return MinuteVolume(shares, covered, "none")
    if len(proxy):
        place = np.minimum(np.searchsorted(proxy.ts, minutes.ts), len(proxy) - 1)
        covered = (proxy.ts[place] == minutes.ts) & ~np.isnan(proxy.volume[place])
        shares = np.where(covered, proxy.volume[place], 0.0)
    return MinuteVolume(shares, covered, f"proxy:{proxy_symbol}")


@kernel
def bar_volume(
    ts: Int,
    session: NDArray[np.int32],
    shares: Float,
    covered: NDArray[np.bool_],
    bar_end: Int,
    bar_session: NDArray[np.int32],
) -> tuple[Float, Float]:
    """Return the volume of each bar, and the covered share of the session's minutes up to its end.

    Parameters
    ----------
    ts, session, shares, covered
        Minute bars [n_minutes]: int64 UTC ns, int32, float64 shares, bool.
    bar_end, bar_session
        int64 [n] UTC ns and int32 [n], signal bars.

    Returns
    -------
    tuple of numpy.ndarray
        float64 [n] shares; float64 [n] fraction in [0, 1].
    """
    n = len(bar_end)
    total = np.zeros(n)
    coverage = np.zeros(n)
    i = 0
    seen, known = 0, 0
    for t in range(n):
        if t == 0 or bar_session[t] != bar_session[t - 1]:
            seen, known = 0, 0
        while i < len(ts) and session[i] == bar_session[t] and ts[i] < bar_end[t]:
            total[t] += shares[i]
            seen += 1
            if covered[i]:
                known += 1
            i += 1
        coverage[t] = known / seen
    return total, coverage


def sessions_with_volume(volume: MinuteVolume, first: Int, stop: Int) -> NDArray[np.bool_]:
    """Tell which sessions have a minute with a volume.

    Parameters
    ----------
    volume
        Volume of the minutes.
    first, stop
        int64 [n_sessions], half-open range of each session's minutes.

    Returns
    -------
    numpy.ndarray
        bool [n_sessions].
    """
    known = np.zeros(len(volume.covered) + 1, np.int64)
    np.cumsum(volume.covered, out=known[1:])
    return known[stop] > known[first]
