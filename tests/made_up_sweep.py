"""Results folders without a sweep: every table that a report reads, made up in a moment."""

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from walk_store import write_minutes

from sweep.market.calendar import as_dates, session_table
from sweep.search.breakdowns import BREAKDOWN_SCHEMA
from sweep.search.chosen_sets import FUNNEL_SCHEMA
from sweep.search.evidence_file import STITCHED_SCHEMA
from sweep.search.merge import FOLD_SCHEMA
from sweep.store.coverage import CoverageStore
from sweep.store.tables import TRADE_ROWS

SWEEP = "s0123456789ab"
SPACE = {
    "volume_surge_min": ["uniform", 1.0, 3.0],
    "breakout_lookback_bars": ["logint", 8, 60],
    "stop_atr": ["loguniform", 0.5, 3.0],
    "cooldown_bars": ["choice", 0, 4, 8],
    "min_score": 60.0,
}
CONFIGURED = {
    "volume_surge_min": 1.5,
    "breakout_lookback_bars": 20.0,
    "stop_atr": 1.0,
    "cooldown_bars": 0.0,
    "min_score": 60.0,
}
FOLDS = 3
NEW_YORK = session_table(dt.date(2024, 1, 2), dt.date(2024, 3, 29))
METRICS = {
    "trades": 60,
    "win_rate": 0.55,
    "win_rate_low": 0.42,
    "win_rate_high": 0.67,
    "breakeven_win_rate": 0.4,
    "profit_factor": 1.6,
    "expectancy_r": 0.2,
    "expectancy_gross_r": 0.25,
    "total_r": 12.0,
    "daily_lcb_r": 0.05,
    "max_drawdown_r": 4.0,
    "cost_r": 0.05,
    "breakeven_cost_bps": 5.0,
    "ambiguous_frac": 0.01,
    "expectancy_target_first_r": 0.21,
    "best5_share": 0.4,
}


def make_sweep(root, detectors, *, sets=40, symbols=("SPY",), config=None, name=SWEEP):
    """Write a sweep with minutes of SPY and coverage; returns its folder.

    `detectors` maps a name to its verdict, or to None for one that is not evaluable.
    """
    folder = root / "results" / name
    folder.mkdir(parents=True)
    write_minutes(root, "SPY", 1)
    days = as_dates(NEW_YORK)
    held, days = days[-12:], days[:-12]
    judged = [one for one, verdict in detectors.items() if verdict]
    rng = np.random.default_rng(7)
    tables = {one: parameter_rows(one, sets, rng) for one in judged}
    _write(folder, "parameter_sets.parquet", list(tables.values()))
    _write(folder, "fold_scores.parquet", [_folds(one, t, rng) for one, t in tables.items()])
    _write(folder, "stitched.parquet", [_stitched(one, days[20:], rng) for one in judged])
    ids = {one: (table["set_id"][0].as_py(), "pconfigured") for one, table in tables.items()}
    _write(folder, "trades.parquet", [_trades(o, ids[o], symbols[0], days, rng) for o in judged])
    _write(folder, "funnel.parquet", [_funnel(o, ids[o], symbols, days) for o in judged])
    _write(folder, "breakdowns.parquet", [_breakdowns(o, ids[o], symbols) for o in judged])
    about = {
        "sweep_id": name,
        "status": "done",
        "reason": "",
        "budget": sets,
        "config": config or {"search": {"kind": "random"}, "folds": {"kind": "walk_forward"}},
        "identity": {
            "detectors": {},
            "sessions": [str(day) for day in days],
            "search": {"kind": "random", "seed": 0},
            "objective": "daily_lcb_r",
            "constraints": ["trades>=30"],
            "data": "d" * 40,
        },
        "sessions": [str(day) for day in days],
        "holdout": [str(day) for day in held],
        "fingerprint": {one: {str(day): "x" for day in days} for one in symbols},
        "detectors": {one: _about(one, ids.get(one), symbols, len(days)) for one in detectors},
        "counts": {"sets": sets * len(judged), "failed": 1, "evaluated": sets},
        "timings": {
            "started_at": "2026-01-01T10:00:00+00:00",
            "finished_at": "2026-01-01T10:01:00+00:00",
            "seconds": 60.0,
        },
        "versions": {"detector-sweep": "0.1.0"},
        "python": "3.11.7",
        "git_commit": "0123456789abcdef",
        "host": "a-host-of-mine",
    }
    (folder / "sweep.json").write_text(json.dumps(about))
    evidence = {one: evidence_of(verdict) for one, verdict in detectors.items() if verdict}
    (folder / "evidence.json").write_text(
        json.dumps({"sweep_id": name, "thresholds": {}, "detectors": evidence})
    )
    _coverage(root, days)
    return folder


def write_promotion(root, detector="breakout_bullish"):
    """Write the record of a promotion by force that was taken back, as jobs.promote does."""
    (root / "promotions").mkdir(parents=True)
    old = dict(CONFIGURED)
    new = {**old, "stop_atr": 2.0, "volume_surge_min": 1.25}
    same = {"sweep_id": SWEEP, "set_id": "p1", "forced": False, "reason": None}
    promoted = {
        **same,
        "action": "promote",
        "promotion_id": "u1",
        "at": "2026-01-02T10:00:00+00:00",
        "forced": True,
        "reason": "because <b>I</b> say so",
        "old": old,
        "new": new,
        "replaces": None,
        "data": {"symbols": ["SPY"], "first": "2024-01-02", "last": "2024-03-12"},
        "evidence": {"verdict": "not_proven", "summary": "Not proven.", "pbo": 0.4},
        "holdout": {
            "first": "2024-03-13",
            "last": "2024-03-29",
            "sessions": 12,
            "mean_r_new": 0.25,
            "mean_r_old": -0.125,
            "trades_new": 20.0,
            "trades_old": 22.0,
            "sets_seen": 2,
        },
    }
    undone = {
        **same,
        "action": "undo",
        "promotion_id": "u2",
        "at": "2026-01-03T10:00:00+00:00",
        "old": new,
        "new": None,
        "replaces": "u1",
    }
    record = {
        "detector": detector,
        "revision": 1,
        "promotion_id": None,
        "forced_ever": True,
        "parameters": None,
        "history": [promoted, undone],
    }
    (root / "promotions" / f"{detector}.yaml").write_text(json.dumps(record))  # JSON is YAML


def parameter_rows(detector, n, rng):
    columns = {
        "volume_surge_min": rng.uniform(1, 3, n),
        "breakout_lookback_bars": np.rint(rng.uniform(8, 60, n)),
        "stop_atr": np.exp(rng.uniform(np.log(0.5), np.log(3), n)),
        "cooldown_bars": rng.choice([0.0, 4.0, 8.0], n),
        "min_score": np.full(n, 60.0),
    }
    good = 0.2 - (columns["volume_surge_min"] - 2) ** 2 + rng.normal(0, 0.05, n)
    order = np.argsort(-good)
    metrics = {key: np.full(n, float(value)) for key, value in METRICS.items()}
    return pa.table(
        {
            "detector": [detector] * n,
            "set_id": [f"p{k:016x}" for k in range(n)],
            "status": ["ok"] * n,
            "rank": np.arange(1, n + 1),
            "objective": good[order],
            **{f"param.{key}": column[order] for key, column in columns.items()},
            **metrics,
        }
    )


def _folds(detector, table, rng):
    n = len(table)
    objective = np.repeat(table["objective"].to_numpy(), FOLDS)
    return pa.table(
        [
            pa.array([detector] * n * FOLDS),
            pa.array(np.repeat(np.array(table["set_id"].to_pylist(), dtype=object), FOLDS)),
            pa.array(np.tile(np.arange(FOLDS, dtype=np.int32), n)),
            pa.array(objective),
            pa.array(np.zeros(n * FOLDS)),
            pa.array(np.full(n * FOLDS, 20)),
            pa.array(0.5 * objective + rng.normal(0, 0.1, n * FOLDS)),
            pa.array(np.full(n * FOLDS, 7)),
        ],
        schema=FOLD_SCHEMA,
    )


def _stitched(detector, days, rng):
    net = rng.normal(0.1, 1, len(days))
    columns = [[detector] * len(days), days, net, net + 0.02, np.ones(len(days), np.int64)]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, STITCHED_SCHEMA, strict=True)]
    return pa.table(arrays, schema=STITCHED_SCHEMA)


def _trades(detector, ids, symbol, days, rng):
    minute = 60_000_000_000
    rows = []
    for set_id in sorted(ids):
        for k in range(len(days)):
            begin = int(NEW_YORK.open_ns[k]) + (30 + 15 * (k % 20)) * minute
            net = float(rng.normal(0.1, 1))
            rows.append(
                {
                    "set_id": set_id,
                    "detector": detector,
                    "symbol": symbol,
                    "side": 1 if k % 2 else -1,
                    "signal_ts": begin,
                    "entry_ts": begin,
                    "entry_price": 100.0,
                    "stop": 99.0,
                    "target": 102.0,
                    "exit_ts": begin + (3 + k) * minute,
                    "exit_price": 100.0 + net,
                    "exit_reason": ("stop", "target", "time")[k % 3],
                    "quantity": 10.0,
                    "r_gross": net + 0.02,
                    "r_net": net,
                    "score": 70.0,
                    "ambiguous": k == 0,
                    "bars_held": 2,
                }
            )
    return pa.Table.from_pylist(rows, schema=TRADE_ROWS)


def _funnel(detector, ids, symbols, days):
    stages = (
        ("in_window", "", "", 26),
        ("not_evaluable", "rel_volume", "warmup", 2),
        ("evaluable", "", "", 24),
        ("passed", "level", "", 9),
        ("alone", "level", "", 3),
        ("signals", "", "", 2),
        ("in_trade", "", "", 1),
        ("trades", "", "", 1),
    )
    rows = [
        dict(zip(FUNNEL_SCHEMA.names, (detector, one, symbol, day, *stage), strict=True))
        for one in ids
        for symbol in symbols
        for day in days[:5]
        for stage in stages
    ]
    return pa.Table.from_pylist(rows, schema=FUNNEL_SCHEMA)


def _breakdowns(detector, ids, symbols):
    groups = [("symbol", one) for one in symbols] + [("regime", "ranging"), ("regime", "choppy")]
    numbers = (20, 8, 0.4, -0.1, -0.05, 0.8, -2.0)
    rows = [
        dict(zip(BREAKDOWN_SCHEMA.names, (detector, one, *group, *numbers), strict=True))
        for one in ids
        for group in groups
    ]
    return pa.Table.from_pylist(rows, schema=BREAKDOWN_SCHEMA)


def _about(detector, ids, symbols, n):
    found = {
        "revision": 1,
        "reason": "" if ids else f"asset_class ({symbols[0]} is ETF; it runs on INDEX)",
        "symbols": list(symbols) if ids else [],
        "unjudged": {},
        "axis": list(range(n)) if ids else [],
        "folds": [
            {"in_sample": list(range(20)), "out_of_sample": list(range(20 + 5 * k, 25 + 5 * k))}
            for k in range(FOLDS)
        ]
        if ids
        else [],
        "paths": [],
        "space": SPACE,
        "chosen": {"final": ids[0] if ids else None, "folds": [ids[0]] * FOLDS if ids else []},
        "configured": {
            "set_id": "pconfigured",
            "parameters": CONFIGURED,
            "metrics": {**METRICS, "win_rate": 0.4, "breakeven_win_rate": 0.45} if ids else {},
        },
    }
    return {**found, "evidence": None}


def evidence_of(verdict):
    interval = {
        "estimate": 0.2,
        "low": 0.05,
        "high": 0.35,
        "lower_bound": 0.07,
        "upper_bound": 0.33,
    }
    met = verdict == "holds"
    sentence = "60 trades, 100 are needed to tell skill from luck."
    return {
        "verdict": verdict,
        "summary": {"holds": "Holds: it earned out of sample.", "fails": "Fails: it loses."}.get(
            verdict, "Not proven: 60 trades."
        ),
        "criteria": [
            {
                "name": "trades",
                "value": 60,
                "threshold": ">= 100",
                "met": met,
                "sentence": sentence,
            },
            {
                "name": "plateau",
                "value": 1.1,
                "threshold": "< 2",
                "met": True,
                "sentence": "Flat.",
            },
        ],
        "tries": {"sweep": 40, "ever": 1234, "sweeps_ever": 3, "effective": 17, "traded": 40},
        "final": {
            "set_id": "p0",
            "sessions": 80,
            "active_days": 70,
            "years": 0.32,
            "psr": 0.99,
            "sharpe_annual": 3.1,
            "min_track_record_days": 60.0,
            "min_backtest_years": 1.1,
            "dsr_effective": {"dsr": 0.9, "radicand_clamped": False},
            "dsr_ever": {"dsr": 0.5, "radicand_clamped": False},
        },
        "random_entry": {
            "out_of_sample": {"actual": 0.2, "random_mean": 0.01, "p_value": 0.02},
            "folds": [],
            "final": None,
        },
        "overfitting": {"pbo": 0.22},
        "superiority": {"p_adjusted": 0.01},
        "out_of_sample": {
            "trades": 55,
            "sessions": 50,
            "active_days": 40,
            "expectancy_r": interval,
            "daily_mean_r": interval,
            "walk_forward": {"efficiency": 0.8},
            "drawdown_r": {"actual": 3.0, "median": 3.5, "high": 6.0},
            "cost_breakeven_bps": 4.0,
            "cost_paid_bps": 0.8,
        },
        "plateau": {"objective": 0.2, "score": 0.18, "peak_ratio": 1.1},
        "range_edges": ["stop_atr"],
    }


def _coverage(root, days):
    store = CoverageStore(root)
    months = {}
    for k, day in enumerate(days):
        months.setdefault(f"{day:%Y-%m}", []).append(
            {
                "symbol": "SPY",
                "session": day,
                "source": "flatfiles",
                "state": "complete",
                "minutes_present": 390 if k else 200,
                "minutes_expected": 390,
                "extended_minutes": 0,
                "duplicates": 0,
                "bad_rows": '{"price": 2}' if k == 0 else "{}",
                "key": None,
                "version": None,
                "fetched_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            }
        )
    for month, records in months.items():
        store.update_month("SPY", month, records)


def _write(folder, name, tables):
    if tables:
        pq.write_table(pa.concat_tables(tables), folder / name)
