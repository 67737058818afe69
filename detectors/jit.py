"""The one place with numba options.

`error_model="numpy"` so that a division by zero gives inf or NaN as in numpy; no fastmath, because
it would allow reordered sums and so different trades on different machines; no `parallel`, because
Ray and the engine's own threads own the cores. `nogil` lets those threads run side by side.

Compiled kernels are kept on disk. Numba keys its cache by the file that holds a kernel and does
not see that a kernel *called* from it changed in another file, so the cache folder's name is a
digest of every source file of the packages that hold kernels: any change compiles afresh, no stale
code can run.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core import config as numba_config

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def _cache_root() -> Path:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "detector-sweep" / "kernels"


def _digest(folders: tuple[Path, ...]) -> str:
    sha = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for folder in folders:
        for source in sorted(folder.rglob("*.py")):
            sha.update(source.relative_to(folder).as_posix().encode())
            sha.update(source.read_bytes())
    return sha.hexdigest()[:16]


def compiler(
    *folders: Path, inline: bool = False, counted: bool = True
) -> Callable[[Kernel], Kernel]:
    """Make the kernel decorator of a package.

    Parameters
    ----------
    *folders
        Folders whose sources decide what a cached kernel may call; `detectors` is always among
        them.
    inline
        Compile kernels into the kernels that call them.
    counted
        Count references of arrays. Without, a kernel makes no arrays, and hands slices of those it
        is given to others for nothing.

    Returns
    -------
    callable
        Decorator: a plain Python function over numpy arrays and scalars becomes a compiled kernel.
        With `NUMBA_DISABLE_JIT=1` the function stays plain Python.
    """
    options: dict[str, Any] = {
        "cache": True,
        "error_model": "numpy",
        "nogil": True,
        "forceinline": inline,
        "_nrt": counted,
    }
    cache = _cache_root() / _digest((Path(__file__).parent, *folders))

    def decorate(function: Kernel) -> Kernel:
        before = vars(numba_config)["CACHE_DIR"]
        vars(numba_config)["CACHE_DIR"] = str(cache)
        try:
            compiled = numba.njit(**options)(function)
        finally:
            vars(numba_config)["CACHE_DIR"] = before
        return cast("Kernel", compiled)

    return decorate


kernel = compiler()
