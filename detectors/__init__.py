"""Say what a signal is: parameters, features, conditions and scores of the intraday detectors.

Numpy and numba only; nothing in here knows that sweeps, files or databases exist.
"""
