"""What daily results prove: Sharpe statistics, overfitting, bootstrap, plateaus, the verdict.

Pure functions over arrays, numpy and scipy only. Every matrix is [sets, sessions], as daily
results are stored.
"""
