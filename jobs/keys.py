"""The rule of every configuration key."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from jobs.parameters import parameter_rule
from jobs.rules import (
    Choice,
    Date,
    Flag,
    Metrics,
    Number,
    Rule,
    Sweeps,
    SymbolList,
    Symbols,
    Text,
    Texts,
    Timeframes,
    shown,
)

MINUTE_NAMES = ("1m", "5m", "15m", "30m", "1h")

_COUNT = Number(1, unit="sessions", integer=True, nullable=True)
_GAP = Number(0, unit="sessions", integer=True)
_COST = Number(0)
_SHARE = Number(0, 1)
_COST_NAMES = (
    "slippage_bps",
    "half_spread",
    "fee_bps",
    "fee_per_share",
    "fee_min",
    "sell_fee_bps",
)

RULES: dict[str, Rule] = {
    "symbols": Symbols(),
    "days": Number(1, 36_500, "calendar days", integer=True, nullable=True),
    "from": Date(),
    "to": Date(),
    "timeframes": Timeframes(),
    "strict": Flag(),
    "once": Flag(),
    "list": Flag(),
    "add": SymbolList(),
    "remove": SymbolList(),
    "retry": SymbolList(or_all=True),
    "interval_s": Number(0, 86_400, "seconds", open_low=True),
    "refresh_s": Number(0, 86_400, "seconds", open_low=True),
    "lease_s": Number(1, 86_400, "seconds"),
    "sweep": Sweeps(),
    "promotions": Flag(),
    "action": Choice(("upgrade",)),
    "parameters": Choice(("configured", "promoted")),
    "force": Flag(),
    "reason": Text("a reason in words", nullable=True),
    "undo": Flag(),
    "pull": Flag(),
    "asset_class_override": Choice(("INDEX", "ETF", "STOCK"), nullable=True),
    "log.json": Flag(),
    "storage.root": Text("a folder, or s3://bucket/prefix"),
    "storage.endpoint": Text("the URL of an S3 server", nullable=True),
    "features.flow_path": Text("a Parquet file of order flow", nullable=True),
    "storage.region": Text("the region of the bucket", nullable=True),
    "store.kind": Choice(("sqlite", "postgres")),
    "store.mirror_bars": Flag(),
    "source.kind": Choice(("flatfiles", "rest", "hybrid")),
    "source.root": Text("a folder that holds us_stocks_sip/, or s3://bucket", nullable=True),
    "source.pipeline": Choice(("auto", "local", "ray")),
    "source.keep_all_symbols": Flag(),
    "source.endpoint": Text("the URL of an S3 server"),
    "source.cache_hours": Number(0, unit="hours"),
    "source.downloads": Number(1, 64, "files at a time", integer=True),
    "source.base_url": Text("the URL of the REST interface"),
    "source.requests_per_s": Number(0, 100, "requests a second", open_low=True),
    "source.requests_at_once": Number(1, 64, "requests", integer=True),
    "gamma.open_interest": Text("a file of daily open interest", nullable=True),
    "gamma.chains": Text("a file of recorded chain snapshots", nullable=True),
    "gamma.workers": Number(1, 1_000, "processes", integer=True, nullable=True),
    "sample.sessions": Number(1, 2_600, "sessions", integer=True),
    "sample.seed": Number(0, 2**63 - 1, integer=True),
    "sample.edge": Choice(("none", "planted")),
    "sample.edge_sharpe": Number(0, 8),
    "sample.episodes": Flag(),
    "sample.options": Flag(),
    "sample.last": Date(nullable=False),
    "bars.signal_timeframe": Choice((*MINUTE_NAMES, "60m"), nullable=True),
    "fills.timeframe": Choice(("1m", "signal")),
    "fills.levels_from": Choice(("signal_close", "entry_fill")),
    "fills.target_gap": Choice(("target", "open")),
    "fills.trade_through": Flag(),
    "fills.min_risk_share": Number(0, 1),
    "fills.participation": Number(0, 1),
    "fills.impact": Number(0),
    "costs.notional_usd": Number(0, unit="USD", open_low=True),
    **{f"costs.{name}": Number(0, nullable=True) for name in _COST_NAMES},
    **{
        f"costs.{asset_class}.{name}": _COST
        for asset_class in ("etf", "index", "stock")
        for name in _COST_NAMES
    },
    "search.kind": Choice(("grid", "random", "sobol", "genetic", "tpe", "cmaes")),
    "search.budget": Number(1, 100_000_000, "parameter sets", integer=True),
    "search.seed": Number(0, 2**63 - 1, integer=True),
    "search.objective": Metrics(),
    "search.constraints": Texts('such as ["trades>=100"]'),
    "search.population": Number(2, 100_000, "sets of a generation", integer=True),
    "search.crossover_prob": _SHARE,
    "search.swapping_prob": _SHARE,
    "search.mutation_prob": Number(0, 1, nullable=True),
    "search.batch": Number(1, 100_000, "sets", integer=True),
    "search.startup": Number(1, 100_000_000, "sets", integer=True),
    "search.grid_points": Number(2, 10_000, "values", integer=True),
    "folds.kind": Choice(("none", "split", "walk_forward", "combinatorial")),
    "folds.in_sample": _COUNT,
    "folds.out_of_sample": _COUNT,
    "folds.step": _COUNT,
    "folds.anchored": Flag(),
    "folds.purge": _GAP,
    "folds.embargo": _GAP,
    "folds.count": Number(1, unit="folds", integer=True),
    "folds.in_sample_ratio": Number(1, integer=True),
    "folds.fraction": Number(0, 0.99, open_low=True),
    "folds.groups": Number(2, unit="groups", integer=True),
    "folds.out_groups": Number(1, unit="groups", integer=True),
    "holdout.fraction": Number(0, 0.9),
    "holdout.minimum": _GAP,
    "screening.kind": Choice(("none", "halving")),
    "screening.factor": Number(2, 100, "(of so many sets one goes on)", integer=True),
    "screening.min_resources": Number(2, unit="sessions", integer=True),
    "screening.sample": Number(1, 100_000_000, "parameter sets", integer=True),
    "sweep.dry_run": Flag(),
    "sweep.block_size": Number(1, unit="parameter sets", integer=True, nullable=True),
    "sweep.max_failure_rate": Number(0, 1),
    "ray.address": Text("auto or host:port", nullable=True),
    "ray.workers": Number(1, 100_000, "trials or files at a time", integer=True, nullable=True),
    "ray.insecure": Flag(),
    "results.trades": Choice(("chosen", "all")),
    "results.detail": Number(0, 1_000_000, "parameter sets", integer=True),
    "verdict.spa_p_max": _SHARE,
    "verdict.dsr_min": _SHARE,
    "verdict.pbo_max": _SHARE,
    "verdict.peak_ratio_max": Number(1),
    "verdict.trades_min": Number(0, unit="trades", integer=True),
    "verdict.active_days_min": _GAP,
    "verdict.ambiguous_frac_max": _SHARE,
    "verdict.fails_pbo_min": _SHARE,
}
"""Key -> rule, for all jobs; `params`, `space`, `features` and `options` follow from code."""


def rule_of(name: str, config: Mapping[str, Any]) -> Rule | None:
    """Return the rule of a key, None for an unknown one."""
    head, _, rest = name.partition(".")
    if head == "params":
        return parameter_rule(rest)
    if head == "features" and name not in RULES:
        return _feature_rule(rest)
    if head == "options":
        return _option_rule(rest)
    if head == "space":
        return _Free() if config.get("space") is not None else None
    return RULES.get(name)


@dataclasses.dataclass(frozen=True)
class _Free:
    """Checked as a whole (`jobs.consistency`)."""

    def fault(self, value: object) -> str | None:  # noqa: ARG002
        return None


@dataclasses.dataclass(frozen=True)
class _Spans:
    """A fixed number of whole numbers of bars."""

    length: int

    def fault(self, value: object) -> str | None:
        if isinstance(value, list) and len(value) == self.length:
            one = Number(1, integer=True)
            if all(one.fault(item) is None for item in value):
                return None
        return f"must be a list of {self.length} whole numbers of 1 or more bars"


@dataclasses.dataclass(frozen=True)
class _Preset:
    """A rule whose faults name the default, which is the remedy where a value has no meaning."""

    rule: Rule
    default: object

    def fault(self, value: object) -> str | None:
        text = self.rule.fault(value)
        return None if text is None else f"{text}; the default is {shown(self.default)}"


def _feature_rule(name: str) -> Rule | None:
    from detectors.features.settings import (  # noqa: PLC0415 - slow
        BASELINES,
        FeatureSettings,
        least_count,
    )

    kinds = typing.get_type_hints(FeatureSettings)
    if name not in kinds or name == "options":
        return None
    rule: Rule = Number(0)
    if name == "rel_volume_baseline":
        rule = Choice(BASELINES)
    elif name == "ema_bars":
        rule = _Spans(len(FeatureSettings.ema_bars))
    elif kinds[name] is int:
        unit = name.rpartition("_")[2].replace("period", "bars")
        rule = Number(least_count(name), unit=unit, integer=True)
    return _Preset(rule, getattr(FeatureSettings, name))


def _option_rule(name: str) -> Rule | None:
    from detectors.features.option_settings import CHOICES  # noqa: PLC0415 - slow

    return Choice(CHOICES[name]) if name in CHOICES else None
