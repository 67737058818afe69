"""Time and memory of the evidence: `python -m benchmarks.evidence`."""
