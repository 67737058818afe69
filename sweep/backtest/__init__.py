"""One run of configured detectors: trades, metrics, funnels, and what could not be judged."""
