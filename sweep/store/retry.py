"""Try again what a remote source refused for the moment: backoff, jitter, Retry-After, bounded."""

import dataclasses
import datetime as dt
import email.utils
import itertools
import random
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

#: HTTP answers that a later try may not get: timeout, too early, too many, the server's faults.
TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class SourceTransient(Exception):  # noqa: N818 - named like the store's
    """A source failed in a way that a later try may not: 429, 5xx, timeout, cut connection.

    Parameters
    ----------
    reason
        In words, without secrets.
    retry_after_s
        Seconds that the server asks to wait, None where it does not say.
    """

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason, retry_after_s)
        self.reason = reason
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        """Return the reason."""
        return self.reason


@dataclasses.dataclass(frozen=True)
class Retry:
    """How often and how long one request is tried.

    Attributes
    ----------
    tries
        At most, at least 1.
    first_pause_s, longest_pause_s
        Pauses double from the first to the longest, seconds; half to all of each is waited.
    limit_s
        No pause starts that would end later than this after the first try, seconds.
    """

    tries: int = 6
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    limit_s: float = 300.0

    def run(self, action: Callable[[], Result], what: str) -> Result:
        """Do something, again after `SourceTransient`.

        Parameters
        ----------
        action
            Repeatable.
        what
            Names it in the error.

        Raises
        ------
        OSError
            When tries or time are used up.
        """
        started = time.monotonic()
        pause = self.first_pause_s
        for attempt in itertools.count(1):
            try:
                return action()
            except SourceTransient as error:
                wait = error.retry_after_s
                if wait is None:
                    wait = pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
                spent = time.monotonic() - started
                if attempt >= self.tries or spent + wait > self.limit_s:
                    asked = "" if error.retry_after_s is None else f", asked to wait {wait:.0f} s"
                    raise OSError(
                        f"{what}: gave up after {attempt} tries in {spent:.0f} s "
                        f"({error}{asked}); run the same command again later, what is done stays"
                    ) from error
            time.sleep(wait)
            pause = min(2 * pause, self.longest_pause_s)
        raise AssertionError


def retry_after(text: str | None, now: dt.datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, None where it says nothing usable.

    Parameters
    ----------
    text
        Seconds or an HTTP date.
    now
        An instant in UTC, this one without.
    """
    if text is None:
        return None
    try:
        return max(float(int(text)), 0.0)
    except ValueError:
        pass
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return max((when - (now or dt.datetime.now(dt.UTC))).total_seconds(), 0.0)
