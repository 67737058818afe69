"""Command line entry points, one thin Hydra application per job: `python -m jobs.<name>`."""
