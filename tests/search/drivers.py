"""A sweep in a process of its own, to be killed: it needs a function that it can import."""

from sweep.search.runner import run_sweep


def drive(spec, link):
    """Run a sweep and tell through a pipe how far it is."""
    run_sweep(spec, on_progress=lambda now: link.send((now.stage, now.done)))
