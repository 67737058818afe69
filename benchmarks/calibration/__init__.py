"""Is a verdict worth its name? Whole sweeps on markets whose truth is known, counted.

`python -m benchmarks.calibration` runs what is missing and prints the table.
"""
