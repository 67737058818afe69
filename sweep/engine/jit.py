"""Kernel decorator of the engine: options of `detectors.jit`, cache keyed by the engine too."""

from pathlib import Path

from detectors.jit import compiler

kernel = compiler(Path(__file__).parent)
