"""Market facts as pure functions: calendar, symbols, timeframes, bar schema, aggregation, splits.

No I/O in here; files are read by `sweep.ingest` and kept by `sweep.store`.
"""
