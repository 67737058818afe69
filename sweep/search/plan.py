"""Turn a sweep's settings into work: data, session axes, folds, spaces, identity. No Ray.

Everything that can be refused is refused here, before anything is started.
"""

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Detector, faults_of
from detectors.features.gamma import FEATURES as OPTION_FEATURES
from detectors.registry import get
from sweep.engine.candidates import Variant, variants_within
from sweep.engine.evaluability import evaluable_sessions, session_axis
from sweep.engine.sets import every_parameter
from sweep.engine.symbol_data import SymbolData
from sweep.ingest.load import Market, load_market, stored_range
from sweep.market.calendar import as_dates, session_index, session_table
from sweep.market.symbols import file_name, lookup
from sweep.search.adaptive import adaptive_faults
from sweep.search.clashes import clash_faults
from sweep.search.folds import NO_FOLDS, Folds, holdout_sessions, make_folds
from sweep.search.identity import (
    digest_of,
    feature_digests,
    session_digests,
    settings_hash,
    sweep_id,
)
from sweep.search.objective import objective_faults
from sweep.search.rungs import rungs_of, screening_faults
from sweep.search.searchers import setting_faults
from sweep.search.space_faults import space_faults
from sweep.search.spaces import Space, read_spaces
from sweep.search.spec import SweepSpec
from sweep.store.lake import Lake
from sweep.store.place import place, versions

_SEARCH_KEYS = {
    "grid": ("grid_points",),
    "random": (),
    "sobol": (),
    "genetic": ("population", "crossover_prob", "swapping_prob", "mutation_prob"),
    "tpe": ("batch", "startup"),
    "cmaes": ("batch",),
}
"""Keys of each searcher that decide what it proposes."""


@dataclasses.dataclass(frozen=True)
class DetectorPlan:
    """One detector of a sweep.

    Attributes
    ----------
    detector, space
        Registry entry and what is searched.
    symbols, foreign
        Data of the symbols it runs on, and of those of other asset classes that were asked for.
    first
        First session of the range; those before it only warm features up.
    axis
        int32 [sessions of the market], column of the detector's session axis, -1 outside.
    columns
        int64 [axis], columns of the sweep's axis.
    folds
        Positions on the detector's axis.
    settings
        Hash of the settings that decide what a set earns.
    reason
        Why it cannot be judged at all, empty where it can.
    """

    detector: Detector
    space: Space
    symbols: tuple[SymbolData, ...]
    foreign: tuple[SymbolData, ...]
    first: int
    axis: NDArray[np.int32]
    columns: NDArray[np.int64]
    folds: Folds
    settings: str
    reason: str = ""

    @property
    def variants(self) -> tuple[Variant, ...]:
        """Return the structural values that sets can have."""
        return variants_within(self.detector, self.space.bounds())


@dataclasses.dataclass(frozen=True)
class SweepPlan:
    """A sweep, ready to run.

    Attributes
    ----------
    spec
        What was asked for.
    sweep_id, identity
        Id, and what it is the hash of.
    market
        Data outside the hold-out.
    detectors
        Those that can be judged, then those that cannot.
    dates
        ISO dates of the sweep's session axis: sessions on the axis of any detector.
    held_out
        ISO dates of the hold-out, never read.
    fingerprint
        symbol -> ISO date -> digest of the bars, warm-up included.
    notes
        Sentences for the user.
    """

    spec: SweepSpec
    sweep_id: str
    identity: Mapping[str, object]
    market: Market
    detectors: tuple[DetectorPlan, ...]
    dates: tuple[str, ...]
    held_out: tuple[str, ...]
    fingerprint: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...]

    @property
    def judged(self) -> tuple[DetectorPlan, ...]:
        """Return the detectors that can be judged."""
        return tuple(plan for plan in self.detectors if not plan.reason)

    def sessions(self, plan: DetectorPlan) -> dict[str, list[str]]:
        """Return symbol -> ISO dates that a detector's tries look at, hold-out included."""
        days = [*(str(d) for d in self.market.sessions.date[self.market.first :]), *self.held_out]
        return {data.symbol: days for data in plan.symbols}


def spec_faults(spec: SweepSpec) -> list[str]:
    """List everything that is wrong with the settings themselves, one sentence each."""
    faults = []
    detectors = []
    for name in spec.detectors:
        try:
            detectors.append(get(name))
        except ValueError as error:
            faults.append(str(error))
    for name in spec.symbols:
        try:
            lookup(name)
        except (TypeError, ValueError) as error:
            faults.append(str(error))
    if not spec.detectors:
        faults.append("detector: name at least one")
    if not spec.symbols:
        faults.append("symbols: name at least one")
    if spec.first is not None and spec.last is not None and spec.first > spec.last:
        faults.append(f"from must not be after to, got {spec.first} > {spec.last}")
    ranges = space_faults(detectors, spec.space)
    faults += ranges
    faults += setting_faults(spec.search)
    faults += objective_faults(spec.search, with_folds=spec.folds.kind != "none")
    faults += screening_faults(spec.screening)
    faults += clash_faults(spec.search, spec.folds.kind, spec.screening.kind)
    if not ranges:
        spaces = read_spaces(detectors, spec.space)
        faults += adaptive_faults(spec.search, [*spaces.values()])
    for detector in detectors:
        given = spec.parameters.get(detector.name, {})
        known = {p.name for p in every_parameter(detector)}
        unknown = sorted(set(given) - known)
        wrong = faults_of(every_parameter(detector), given)
        faults += [f"params.{detector.name}: no parameter {name}" for name in unknown]
        faults += [f"params.{detector.name}: {text}" for text in wrong]
    return faults


def make_plan(spec: SweepSpec, *, fill: bool = True) -> SweepPlan:
    """Resolve a sweep; with `fill` the bars that the store lacks are fetched first.

    Raises
    ------
    ValueError
        If anything is wrong; all faults of the settings are listed at once.
    """
    faults = spec_faults(spec)
    if faults:
        raise ValueError("the sweep cannot run:\n  " + "\n  ".join(faults))
    detectors = [get(name) for name in dict.fromkeys(spec.detectors)]
    symbols = tuple(dict.fromkeys(lookup(name).name for name in spec.symbols))
    first, last, held_out = _ranges(spec, symbols)
    market = load_market(
        spec.storage_root,
        symbols,
        first=first,
        last=last,
        bar_minutes=sorted({spec.minutes_of(detector) for detector in detectors}),
        settings=spec.features,
        flow_path=spec.flow_path,
        asked=(spec.first, spec.last),
        fill=fill,
    )
    spaces = read_spaces(detectors, spec.space)
    plans = [_detector_plan(spec, d, spaces[d.name], market) for d in detectors]
    plans = _with_folds(plans, spec, market, len(held_out))
    plans, dates = _on_one_axis(plans, market)
    fingerprint = read_fingerprint(spec, market)
    identity = _identity(spec, market, held_out, plans, fingerprint)
    return SweepPlan(
        spec=spec,
        sweep_id=sweep_id(identity),
        identity=identity,
        market=market,
        detectors=tuple(sorted(plans, key=lambda plan: (bool(plan.reason), plan.detector.name))),
        dates=dates,
        held_out=held_out,
        fingerprint=fingerprint,
        notes=(*market.notes, *_judgement_notes(plans)),
    )


def _ranges(
    spec: SweepSpec, symbols: tuple[str, ...]
) -> tuple[dt.date | None, dt.date | None, tuple[str, ...]]:
    """Return first and last date to read, and the dates held out after them.

    Only instants of bars are looked at, no prices.
    """
    lake = Lake(spec.storage_root)
    ends = [found for name in symbols if (found := stored_range(lake, name)) is not None]
    if not ends:
        return spec.first, spec.last, ()  # loading says what is missing
    first = spec.first or min(begin for begin, _ in ends)
    last = spec.last or max(end for _, end in ends)
    if first > last:
        return first, last, ()
    sessions = session_table(first, last)
    with_bars: set[int] = set()
    for name in symbols:
        stamps = lake.read(name, "1m", first, last, ["ts"])["ts"].cast("int64").to_numpy()
        with_bars |= set(session_index(sessions, stamps).tolist()) - {-1}
    days = as_dates(sessions)
    present = [days[i] for i in sorted(with_bars)]
    if not present:
        return first, last, ()
    held = holdout_sessions(len(present), spec.holdout)
    if held == 0:
        return first, last, ()
    return first, present[-held - 1], tuple(str(day) for day in present[-held:])


def detector_settings(spec: SweepSpec, detector: Detector, asset_classes: Collection[str]) -> str:
    """Return the hash of what decides a set's worth, on symbols of these classes."""
    return settings_hash(
        {
            "signal_minutes": spec.minutes_of(detector),
            "features": spec.features,
            "fills": spec.fills,
            "costs": {name: spec.costs[name] for name in asset_classes},
        }
    )


def _detector_plan(
    spec: SweepSpec, detector: Detector, space: Space, market: Market
) -> DetectorPlan:
    """Plan one detector; its folds and its place on the sweep's axis are filled in later."""
    own, foreign, reason = spec.shares(detector, market.data)
    settings = detector_settings(spec, detector, {data.asset_class for data in own})
    axis = np.full(len(market.sessions), -1, np.int32)
    if own:
        bounds = space.bounds()
        axis = session_axis(
            [evaluable_sessions(detector, data, bounds) for data in own],
            slice(market.first, None),
        )
        if axis.max(initial=-1) < 0:
            reason = "no session is evaluable (warm-up, missing input or window)"
    none = np.empty(0, np.int64)
    return DetectorPlan(
        detector, space, own, foreign, market.first, axis, none, NO_FOLDS, settings, reason
    )


def _with_folds(
    plans: list[DetectorPlan], spec: SweepSpec, market: Market, held: int
) -> list[DetectorPlan]:
    """Cut the axis of every detector that can be judged.

    Raises
    ------
    ValueError
        If none can be judged, or an axis is too short to be cut or screened on; all detectors
        concerned are named, with what took their sessions.
    """
    outside = len(market.sessions) - market.first
    if all(plan.reason for plan in plans):
        raise ValueError(_nothing_judged(plans, outside, held))
    folds: dict[int, Folds] = {}
    faults: dict[int, str] = {}
    lengths = [int(plan.axis.max(initial=-1)) + 1 for plan in plans]
    for n in {n for n, plan in zip(lengths, plans, strict=True) if not plan.reason}:
        try:
            folds[n] = make_folds(n, spec.folds)
            if spec.screening.kind != "none":
                rungs_of(folds[n], n, spec.screening)
        except ValueError as error:
            faults[n] = f"{error}.{_taken(outside, held, n)}"
    if faults:
        concerned = {
            n: ", ".join(p.detector.name for k, p in zip(lengths, plans, strict=True) if k == n)
            for n in sorted(faults)
        }
        raise ValueError("\n".join(f"{names}: {faults[n]}" for n, names in concerned.items()))
    return [
        plan if plan.reason else dataclasses.replace(plan, folds=folds[n])
        for n, plan in zip(lengths, plans, strict=True)
    ]


def _nothing_judged(plans: list[DetectorPlan], outside: int, held: int) -> str:
    """Return why no detector can be judged, with the remedies of the reasons that there are."""
    reasons = "; ".join(f"{plan.detector.name}: {plan.reason}" for plan in plans)
    foreign = [plan.detector.asset_classes[0] for plan in plans if not plan.symbols]
    short = len(foreign) < len(plans)
    remedies = ["choose more days"] if short else []
    if foreign:
        named = " or ".join(f"asset_class_override={name}" for name in dict.fromkeys(foreign))
        remedies.append(f"choose other symbols, or run on these: {named}")
    taken = _taken(outside, held, outside) if short else ""
    return f"nothing can be judged: {reasons}; {'; '.join(remedies)}{taken and f'.{taken}'}"


def _taken(outside: int, held: int, left: int) -> str:
    """Return what took sessions of a range: `held` the hold-out, those outside but not left."""
    taken = [f"the hold-out took {held} (holdout=none gives them back)"] if held else []
    if left < outside:
        taken.append(f"warm-up, missing input or window took {outside - left}")
    return f" Of {outside + held} sessions {' and '.join(taken)}" if taken else ""


def _on_one_axis(
    plans: list[DetectorPlan], market: Market
) -> tuple[list[DetectorPlan], tuple[str, ...]]:
    """Place every detector's axis on the sweep's, the sessions that any of them can judge."""
    used = np.flatnonzero(np.any([plan.axis >= 0 for plan in plans], axis=0))
    placed = [
        dataclasses.replace(
            plan, columns=np.searchsorted(used, np.flatnonzero(plan.axis >= 0)).astype(np.int64)
        )
        for plan in plans
    ]
    return placed, tuple(str(day) for day in market.sessions.date[used])


def _judgement_notes(plans: list[DetectorPlan]) -> list[str]:
    return [f"{p.detector.name}: not evaluable: {p.reason}" for p in plans if p.reason]


BESIDE_BARS = ("flow_signed", *OPTION_FEATURES)
"""Features that are not made of bars alone."""


def read_fingerprint(spec: SweepSpec, market: Market) -> dict[str, dict[str, str]]:
    """Read the bars again and digest every symbol-session that features are made of.

    What they read of options and order flow is digested as loaded, where there is any.
    """
    lake = Lake(spec.storage_root)
    names = {data.symbol for data in market.data.values()}
    proxies = {proxy for name in names if (proxy := lookup(name).proxy) is not None}
    factors = {data.symbol: data.factor for data in market.data.values()}
    flat = np.ones(len(market.sessions))
    bars = {
        name: session_digests(
            lake.minute_bars(name, market.sessions), market.sessions, factors.get(name, flat)
        )
        for name in sorted(names | proxies)
    }
    for key in sorted(market.data):
        name, features = key[0], market.data[key].features
        for day, digest in feature_digests(features, BESIDE_BARS, market.sessions).items():
            bars[name][day] = digest_of([bars[name].get(day), digest])[:16]
    return bars


def _identity(
    spec: SweepSpec,
    market: Market,
    held_out: tuple[str, ...],
    plans: list[DetectorPlan],
    fingerprint: Mapping[str, Mapping[str, str]],
) -> dict[str, object]:
    """Return what decides the numbers of a sweep (DESIGN.md 7)."""
    search = {"kind": spec.search.kind, "seed": spec.search.seed}
    search |= {name: getattr(spec.search, name) for name in _SEARCH_KEYS[spec.search.kind]}
    return {
        "detectors": {
            plan.detector.name: {
                "revision": plan.detector.revision,
                "settings": plan.settings,
                "symbols": sorted(data.symbol for data in plan.symbols),
                "space": plan.space.as_json(),
            }
            for plan in plans
        },
        "sessions": [str(day) for day in market.sessions.date[market.first :]],
        "folds": spec.folds,
        "holdout": [spec.holdout, held_out],
        "search": search,
        "objective": spec.search.objective,
        "constraints": sorted(spec.search.constraints),
        "data": digest_of(fingerprint),
    }


def lake_stamp(spec: SweepSpec, names: Iterable[str]) -> str:
    """Return a cheap hash of the versions of the stored minutes of some symbols."""
    root = place(spec.storage_root) / "bars" / "timeframe=1m"
    return digest_of(
        {name: versions(root / f"symbol={file_name(name)}", ".parquet") for name in names}
    )
