"""Read a stored gamma table for the features of its underlying."""

import dataclasses

import numpy as np
import pyarrow as pa

from detectors.bars import Float, Sessions
from detectors.features.gamma import COLUMNS, LEVELS, GammaMinutes
from detectors.features.option_settings import OptionSettings
from sweep.market.calendar import as_dates, session_index
from sweep.store.gamma import ASSUMPTIONS, GammaStore
from sweep.store.place import Place


def load_gamma(
    storage_root: str | Place,
    symbol: str,
    sessions: Sessions,
    settings: OptionSettings,
    factor: Float,
) -> GammaMinutes | None:
    """Load the gamma table of a symbol over a range of sessions.

    Parameters
    ----------
    storage_root
        `storage.root`.
    symbol
        Name as stored.
    sessions
        Sessions, n rows.
    settings
        Assumptions that the table must have been computed with.
    factor
        float64 [n], what raw prices of each session are multiplied by; levels follow.

    Returns
    -------
    GammaMinutes or None
        None where nothing is stored.

    Raises
    ------
    ValueError
        If the stored table was computed with other assumptions; the text names the remedy.
    """
    if len(sessions) == 0:
        return None
    days = as_dates(sessions)
    table = GammaStore(storage_root).read(symbol, days[0], days[-1])
    if table.num_rows == 0:
        return None
    wanted = dataclasses.asdict(settings)
    for name in ASSUMPTIONS:
        found = table[name].unique().to_pylist()
        if found != [wanted[name]]:
            raise ValueError(
                f"the gamma table of {symbol} has {name} {', '.join(found)}, this run wants "
                f"{wanted[name]}; choose options.{name} accordingly or build it anew: "
                f"python -m jobs.gamma 'symbols=[{symbol}]' options.{name}={wanted[name]}"
            )
    ts = table["ts"].cast(pa.int64()).to_numpy()
    session = session_index(sessions, ts)
    inside = session >= 0
    scale = np.where(inside, factor[np.maximum(session, 0)], np.nan)
    values = {}
    for name in COLUMNS:
        column: Float = table[name].to_numpy()
        values[name] = (column * scale if name in LEVELS else column)[inside]
    return GammaMinutes(ts[inside], values, settings)
