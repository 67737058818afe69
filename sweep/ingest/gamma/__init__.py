"""From option bars, open interest and chain snapshots to per-minute gamma tables.

`build.build_gamma` fills the gamma store, `load.load_gamma` reads it for features.
"""
