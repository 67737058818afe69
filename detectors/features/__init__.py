"""Features of a signal bar, from minute bars (DETECTORS.md sections 3 and 4).

`build_features` assembles a `FeatureTable`; every other module holds the kernels of one subsection.
"""
