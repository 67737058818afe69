"""Figures to reach, measured: `python -m benchmarks` runs all suites, `-m benchmarks.X` one.

A suite is a sub-package with a `__main__.py`, or a module, whose name has no leading underscore.
"""
