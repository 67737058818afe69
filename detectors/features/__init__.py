"""Features of a signal bar, from minute bars (DETECTORS.md sections 3 and 4).

`build.build_features` assembles a `FeatureTable`; the other modules hold kernels, a subject each.
"""
