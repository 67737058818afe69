"""Keep what was computed: Parquet bar lake, coverage records, SQL tables, results and ledger.

Parquet is the truth; SQL is a mirror that can be rebuilt from it.
"""
