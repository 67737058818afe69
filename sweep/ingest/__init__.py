"""Fill the bar store: sources of day files, staging, merging, backfill, coverage, sample market.

Every step is a plain function of paths and values, so that a pool, Ray or a test can call it.
"""
