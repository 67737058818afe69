"""Search parameter sets: spaces, searchers, folds, identity, objective, and the Ray Tune sweep.

Ray is imported in `tuner.py` and `trial.py` only, and there inside functions.
"""
