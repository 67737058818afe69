"""Run a script that makes a Ray cluster of several nodes, in a process and a folder of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOUND_DEAD_SOON = {
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "10",
}


def run_script(name, *arguments, timeout):
    """Run a script beside this file, given a folder for Ray; it has to end with 0."""
    folder = tempfile.mkdtemp(prefix="r")  # socket paths are limited to 107 bytes
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    try:
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name(name), folder, *arguments],
            env=os.environ | FOUND_DEAD_SOON | path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
