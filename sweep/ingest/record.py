"""Tell the SQL store what a backfill did: coverage, vendor files, mirrored bars, stale sweeps.

All of it can be made again from Parquet and manifests, so a database that is away loses nothing:
rows are compared by key, and the next backfill that changes something writes what is missing.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sweep.ingest.products import PRODUCTS
from sweep.ingest.spec import BackfillSpec, Failure, Progress
from sweep.ingest.stage import Manifest, read_manifest
from sweep.ingest.tally import Tally
from sweep.store.bar_mirror import mirror_bars
from sweep.store.coverage import CoverageStore
from sweep.store.database import Database
from sweep.store.errors import StoreTerminal, StoreTransient
from sweep.store.lake import Lake
from sweep.store.lease import lease
from sweep.store.place import Place
from sweep.store.results import STALE, Results, sweep_names


def record(
    spec: BackfillSpec,
    root: Place,
    symbols: Sequence[str],
    days: Sequence[dt.date],
    tally: Tally,
    say: Progress,
) -> None:
    """Bring the SQL store up to date with the symbols and sessions of a backfill.

    Parameters
    ----------
    spec, root
        What was asked, and `storage.root`.
    symbols, days
        What the store has now.
    tally
        What was done; notes, and with a mirror that failed a failure, are added.
    say
        Told of the mirror's progress.
    """
    changed = bool(tally.months or tally.files_read)
    stale = mark_stale(root, tally.changed)
    if stale:
        tally.notes.append(
            f"bars changed below {len(stale)} sweeps, which are stale now: {', '.join(stale)}"
        )
    if not (changed or spec.mirror_bars) or not symbols:
        return
    try:
        with Database.open(spec.store, root) as database:
            database.upgrade()
            if changed:
                records = CoverageStore(root).read(symbols, days[0], days[-1])
                database.upsert("coverage", records)
                database.upsert("vendor_files", _files(root, symbols, days))
            for name in stale:
                database.set_where("sweeps", {"stale": True}, {"sweep_id": name})
            if spec.mirror_bars:
                done = mirror_bars(
                    database,
                    Lake(root),
                    symbols,
                    days[0],
                    days[-1],
                    say=lambda now, total: say("months to SQL", now, total, 0, 0),
                )
                tally.notes.append(f"{done.bars:,} bars of {done.months} months are in SQL now")
    except (StoreTransient, StoreTerminal) as error:
        if spec.mirror_bars:
            tally.failures.append(Failure("mirror of bars in SQL", str(error)))
        else:
            tally.notes.append(f"not recorded in SQL ({error}); the Parquet files have it")


def _files(root: Place, symbols: Sequence[str], days: Iterable[dt.date]) -> list[dict[str, Any]]:
    """Return a row per symbol and file version that it was taken from."""
    rows = []
    for day in days:
        for product in PRODUCTS:
            manifest = read_manifest(root, day, product)
            if manifest is not None:
                lacking = set(manifest.lacks(symbols))
                rows += [_file(manifest, name) for name in symbols if name not in lacking]
    return rows


def _file(manifest: Manifest, symbol: str) -> dict[str, Any]:
    counts = manifest.counts.get(symbol)
    return {
        "path": manifest.key,
        "version": manifest.version,
        "symbol": symbol,
        "source": manifest.product,
        "session": manifest.day,
        "size_bytes": manifest.size,
        "rows_kept": counts.rows if counts is not None else 0,
        "bad_rows": dict(counts.bad) if counts is not None else {},
        "fetched_at": dt.datetime.fromisoformat(manifest.staged_at),
    }


def mark_stale(root: Place, changed: Mapping[str, Iterable[dt.date]]) -> list[str]:
    """Note in `stale.json` of every sweep that read them which bars have changed since.

    `sweep.json` is the sweep's own: it may be running now, and writes it at its end.

    Parameters
    ----------
    root
        `storage.root`.
    changed
        Symbol -> sessions whose stored bars were replaced by other ones.

    Returns
    -------
    list of str
        Ids of the sweeps, sorted.
    """
    days = {symbol: {str(day) for day in found} for symbol, found in changed.items() if found}
    marked = []
    for name in sweep_names(root) if days else ():
        results = Results(root, name)
        document = results.read_json()
        read = document.get("fingerprint", {}) if document is not None else {}
        hit = {symbol: sorted(own & {*read.get(symbol, {})}) for symbol, own in days.items()}
        hit = {symbol: own for symbol, own in hit.items() if own}
        if not hit:
            continue
        with lease(results.path / ".stale.lock"):
            before: Mapping[str, Sequence[str]] = (results.read_json(STALE) or {}).get("bars", {})
            bars = {
                symbol: sorted({*before.get(symbol, ()), *hit.get(symbol, ())})
                for symbol in sorted({*before, *hit})
            }
            since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            results.write_json(STALE, {"since": since, "bars": bars})
        marked.append(name)
    return marked
