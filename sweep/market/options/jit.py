"""Kernel decorator of the options: settings of `detectors.jit`, cache keyed by this folder too."""

from pathlib import Path

from detectors.jit import compiler

kernel = compiler(Path(__file__).parent)
