"""Hydra configuration, importable as `pkg://conf`: one primary YAML per job, groups beneath."""
