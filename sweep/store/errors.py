"""What can go wrong with the SQL store, in the two kinds that a caller treats differently.

Texts hold a cause and a remedy, never a database URL, a password or a row.
"""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


class StoreTransient(Exception):  # noqa: N818 - the name that the house style fixes
    """The database is away for now: refused, restarting, locked. Trying again may help."""


class StoreTerminal(Exception):  # noqa: N818 - the name that the house style fixes
    """Trying again cannot help: wrong password, missing database or table, newer schema."""


def try_for(limit_s: float, action: Callable[[], Result]) -> Result:
    """Do something with the store, again after a transient failure, within a bounded time.

    Pauses double from 0.1 s to 5 s. The action must be repeatable, as all writes here are.

    Parameters
    ----------
    limit_s
        Seconds after which no further try starts, 0 or more; 0 tries once.
    action
        What to do.

    Returns
    -------
    Result
        What the action returns.

    Raises
    ------
    StoreTransient
        The last failure, when the time is over.
    StoreTerminal
        At once.
    """
    until = time.monotonic() + limit_s
    pause = FIRST_PAUSE_S
    while True:
        try:
            return action()
        except StoreTransient:
            if time.monotonic() + pause > until:
                raise
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
