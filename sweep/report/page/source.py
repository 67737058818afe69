"""What a report reads of a results folder, a detector at a time; tables that lack are None."""

import collections
import dataclasses
import datetime as dt
import functools
import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors.bars import Float, Int
from sweep.store.looks import sets_seen
from sweep.store.place import Place, words_of
from sweep.store.results import (
    BREAKDOWNS,
    EVIDENCE,
    FOLD_SCORES,
    FUNNEL,
    PARAMETER_SETS,
    STALE,
    STITCHED,
    SWEEP,
    TRADES,
    read_table,
    sweep_names,
)

PARAM = "param."
_OF_FOLDS = (
    *("set_id", "fold", "in_sample_objective", "trades"),
    *("out_of_sample_mean_r", "out_of_sample_trades"),
)
Document = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Stitched:
    """The out-of-sample series: dates, net and gross R, trades, a value a session."""

    days: list[dt.date]
    net: Float
    gross: Float
    trades: Int


class SweepFolder:
    """A results folder of a sweep.

    Parameters
    ----------
    folder
        `<storage.root>/results/<sweep_id>`.

    Raises
    ------
    ValueError
        If there is no sweep in it.
    """

    def __init__(self, folder: Place) -> None:
        self.path = folder
        about = _json(folder / SWEEP)
        if about is None:
            raise ValueError(f"{folder} holds no {SWEEP}; name a sweep of this storage.root")
        self.about: Document = about
        self.evidence: Document = (_json(folder / EVIDENCE) or {}).get("detectors", {})
        self.stale: Document = (_json(folder / STALE) or {}).get("bars", {})
        self.name = str(about["sweep_id"])

    @property
    def detectors(self) -> dict[str, Document]:
        """Return what the sweep says of its detectors, those that were judged first."""
        found: dict[str, Document] = self.about["detectors"]
        return dict(sorted(found.items(), key=lambda one: (bool(one[1]["reason"]), one[0])))

    @property
    def objectives(self) -> list[str]:
        """Return the metrics that the search maximised or, with a hyphen before, minimised."""
        found = self.about["identity"]["objective"]
        return [str(one) for one in (found if isinstance(found, list) else [found])]

    @functools.cached_property
    def seen(self) -> int:
        """Return how many sets were ever looked at on sessions of the hold-out."""
        root, held = self.path.parent.parent, self.about["holdout"]
        return sum(
            len(sets_seen(root, name, one["symbols"], held))
            for name, one in self.about["detectors"].items()
        )

    def has(self, name: str) -> bool:
        """Tell whether a table was written."""
        return (self.path / name).exists()

    @functools.lru_cache(maxsize=1)  # noqa: B019 - one detector at a time, as pages are made
    def sets(self, detector: str) -> pa.Table:
        """Return the rows of a detector, by rank, without columns that are null throughout."""
        table = read_table(self.path, PARAMETER_SETS, detector=detector)
        kept = [n for n in table.column_names if table[n].null_count < len(table)]
        table = table.select(kept)
        if "rank" not in kept:
            return table
        order, found = pc.sort_indices(table["rank"]), {}
        for name in kept:  # one by one: a million sets are 600 MB
            found[name] = table[name].take(order)
            table = table.drop_columns([name])
        return pa.table(found)

    def fold_scores(self, detector: str) -> pa.Table | None:
        """Return the rows of a detector, without its name, which a million times is 90 MB."""
        if not self.has(FOLD_SCORES):
            return None
        return read_table(self.path, FOLD_SCORES, detector=detector, columns=[*_OF_FOLDS])

    def stitched(self, detector: str) -> Stitched | None:
        """Return the out-of-sample series of a detector."""
        if not self.evidence or not self.has(STITCHED):
            return None
        table = read_table(self.path, STITCHED, detector=detector)
        if len(table) == 0:
            return None
        return Stitched(
            table["session"].to_pylist(),
            table["r_net"].to_numpy(),
            table["r_gross"].to_numpy(),
            table["trades"].to_numpy(),
        )

    @functools.lru_cache(maxsize=1)  # noqa: B019 - as above
    def trades(self, detector: str) -> pa.Table:
        """Return the recorded trades of the chosen and configured sets of a detector."""
        table = read_table(self.path, TRADES, detector=detector)
        wanted = pa.array(sorted(self.chosen(detector)), pa.string())
        return table.filter(pc.is_in(table["set_id"], value_set=wanted))

    def chosen(self, detector: str) -> dict[str, str]:
        """Return set id -> what it is: final, fold 1, ..., configured."""
        about = self.detectors[detector]
        roles: dict[str, list[str]] = collections.defaultdict(list)
        chosen = about["chosen"]
        if chosen["final"]:
            roles[chosen["final"]].append("final")
        for fold, name in enumerate(chosen["folds"], 1):
            if name:
                roles[name].append(f"fold {fold}")
        roles[about["configured"]["set_id"]].append("configured")
        return {name: ", ".join(found) for name, found in roles.items()}

    def daily(self, detector: str, set_id: str | None) -> Float | None:
        """Return the daily net R of a chosen or configured set on the detector's axis."""
        if set_id is None:
            return None
        trades = self.trades(detector)
        mine = trades.filter(pc.equal(trades["set_id"], set_id))
        order = {day: place for place, day in enumerate(self.days(detector))}
        daily = np.zeros(len(order))
        stamps = mine["entry_ts"].cast(pa.timestamp("us", "America/New_York")).to_pylist()
        for stamp, net in zip(stamps, mine["r_net"].to_pylist(), strict=True):
            daily[order[stamp.date()]] += net
        return daily

    def days(self, detector: str) -> list[dt.date]:
        """Return the dates of the detector's axis."""
        dates = self.about["sessions"]
        return [dt.date.fromisoformat(dates[k]) for k in self.detectors[detector]["axis"]]

    def breakdowns(self, detector: str) -> pa.Table | None:
        """Return the rows of a detector."""
        if not self.has(BREAKDOWNS):
            return None
        return read_table(self.path, BREAKDOWNS, detector=detector)

    def funnel(self, detector: str, set_id: str) -> dict[tuple[str, str, str], int]:
        """Return (line, name, reason) -> signal bars of one set, in the order of the stages."""
        table = self._funnels.get(detector)
        if table is None:
            return {}
        rows = table.filter(pc.equal(table["set_id"], set_id))
        summed = rows.group_by(["line", "name", "reason"], use_threads=False).aggregate(
            [("bars", "sum")]
        )
        return {(r["line"], r["name"], r["reason"]): r["bars_sum"] for r in summed.to_pylist()}

    def states(self, detector: str, set_id: str) -> dict[str, int]:
        """Return how many symbol-sessions of one set traded, gave no signal, or say nothing."""
        table = self._funnels.get(detector)
        if table is None:
            return {}
        rows = table.filter(pc.equal(table["set_id"], set_id))
        places: dict[tuple[str, Any], set[str]] = collections.defaultdict(set)
        for symbol, day, line in zip(
            *(rows[name].to_pylist() for name in ("symbol", "session", "line")), strict=True
        ):
            places[symbol, day].add(line)
        traded = sum("trades" in seen for seen in places.values())
        silent = sum("trades" not in seen and "evaluable" in seen for seen in places.values())
        return {
            "traded": traded,
            "no trade": silent,
            "not evaluable": len(places) - traded - silent,
        }

    @functools.cached_property
    def _funnels(self) -> dict[str, pa.Table]:
        """Return the funnel rows by detector, read once."""
        if not self.has(FUNNEL):
            return {}
        table = read_table(self.path, FUNNEL)
        names = pc.unique(table["detector"]).to_pylist()
        return {n: table.filter(pc.equal(table["detector"], n)) for n in names}


def column(table: pa.Table, name: str) -> Float:
    """Return a column as float64, NaN for null and for a column that is not there."""
    if name not in table.column_names:
        return np.full(len(table), np.nan)
    return np.asarray(table[name].cast(pa.float64()).to_numpy(), np.float64)


def _json(file: Place) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def sweep_folders(storage_root: Place, wanted: str | Sequence[str] | None) -> list[Place]:
    """Return the results folders of sweeps, each once.

    Parameters
    ----------
    storage_root
        `storage.root`.
    wanted
        One id, several, or None for the newest.

    Raises
    ------
    ValueError
        If a sweep is not there (the text names those that are), or has no tables yet.
    """
    known = sweep_names(storage_root)
    where = f"{storage_root}/results"
    if wanted is None:
        if not known:
            root = shlex.join(words_of(storage_root))
            raise ValueError(
                f"no sweep lies in {where}; run one first: python -m jobs.sweep {root}"
            )
        folders = [storage_root / "results" / name for name in known]
        return _with_tables([max(folders, key=_started)])
    names = list(dict.fromkeys([wanted] if isinstance(wanted, str) else wanted))
    missing = [name for name in names if name not in known]
    if missing:
        there = f"there are {', '.join(known)}" if known else "there is none"
        raise ValueError(f"no sweep {', '.join(missing)} in {where}; {there}")
    return _with_tables([storage_root / "results" / name for name in names])


def _with_tables(folders: list[Place]) -> list[Place]:
    """Refuse a single sweep of which no set is in the tables yet; a comparison says it itself."""
    if len(folders) == 1 and not (folders[0] / PARAMETER_SETS).exists():
        about = _json(folders[0] / SWEEP) or {}
        state = about.get("status", "unfinished")
        raise ValueError(
            f"sweep {folders[0].name} has no tables yet (status {state}): they come when it ends "
            f"or is interrupted; wait for it, or run the same command again"
        )
    return folders


def _started(folder: Place) -> str:
    return str((_json(folder / SWEEP) or {})["timings"]["started_at"])
