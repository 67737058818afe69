"""How far long work has come: a bar on a terminal, plain log lines elsewhere."""

import datetime as dt
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.table import Column
from rich.text import Text

_log = logging.getLogger(__name__)

LINE_SECONDS = 10.0


NARROW = 110
"""Columns of a terminal below which the bar is short, so that figures are never cut."""


class _Count(ProgressColumn):
    """Items done and wanted."""

    def render(self, task: Task) -> Text:
        """Return both, empty where they are not counted."""
        text = "" if task.total is None else f"{task.completed:,.0f}/{task.total:,.0f}"
        return Text(text, style="progress.download", no_wrap=True)


class _Rate(ProgressColumn):
    """Items per second."""

    def render(self, task: Task) -> Text:
        """Return the rate, empty before it is known."""
        return Text(f"{task.speed:,.1f}/s" if task.speed else "", style="progress.data.speed")


class _Left(ProgressColumn):
    """Time that is left, or that it took."""

    def render(self, task: Task) -> Text:
        """Return it, empty before it is known."""
        seconds = task.finished_time if task.finished else task.time_remaining
        if seconds is None:
            return Text("")
        text = str(dt.timedelta(seconds=round(seconds)))
        return Text(f"in {text}" if task.finished else f"{text} left", style="progress.remaining")


class Reporter:
    """Progress of a job, stage by stage; a context manager.

    Parameters
    ----------
    console
        Where the bar is drawn; standard error by default, so that output can be piped.
    clock
        Seconds, for the lines of a job without a terminal.
    """

    def __init__(
        self, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20 if self._console.width >= NARROW else 8),
            _Count(),
            _Rate(),
            _Left(),
            TextColumn(
                "{task.fields[transfer]}",
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            console=self._console,
            expand=True,
        )
        self._stage: str | None = None
        self._moves = False
        self._task: TaskID | None = None
        self._started = 0.0
        self._first = 0
        self._first_size = 0
        self._spoken = 0.0

    def __enter__(self) -> Self:
        """Start drawing."""
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop drawing; the last state stays on screen."""
        if self._console.is_terminal:
            self._bars.stop()

    def update(
        self,
        stage: str,
        done: int = 0,
        total: int = 0,
        failed: int = 0,
        size: int = 0,
        note: str = "",
    ) -> None:
        """Say where the work is.

        Parameters
        ----------
        stage
            What is being done, in words.
        done, total
            Items finished and wanted, 0 of 0 before they are known.
        failed
            Items that failed, among those done.
        size
            Bytes that came so far, 0 where they are not counted.
        note
            What else is to be said, such as the best result so far.
        """
        fresh = stage != self._stage
        if fresh:
            self._stage, self._moves = stage, False
            self._started, self._first, self._first_size = self._clock(), done, size
        elif not self._moves and done > self._first:
            # Workers start and compile before the first item: a rate counts from there.
            self._moves = True
            self._started, self._first, self._first_size = self._clock(), done, size
        elapsed = self._clock() - self._started
        came = size - self._first_size
        transfer = f"{came / elapsed / 1e6:,.1f} MB/s" if came > 0 and elapsed > 0 else note
        if self._console.is_terminal:
            self._draw(stage, done, total, failed, transfer, fresh=fresh)
        else:
            self._speak(stage, done, total, failed, transfer, fresh=fresh)

    def _draw(
        self, stage: str, done: int, total: int, failed: int, transfer: str, *, fresh: bool
    ) -> None:
        text = stage + (f" ({failed:,} failed)" if failed else "")
        if fresh or self._task is None:
            if self._task is not None:
                self._bars.stop_task(self._task)
            self._task = self._bars.add_task(
                text, total=total or None, completed=done, transfer=transfer
            )
        self._bars.update(
            self._task,
            description=text,
            total=total or None,
            completed=done,
            transfer=transfer,
        )

    def _speak(
        self, stage: str, done: int, total: int, failed: int, transfer: str, *, fresh: bool
    ) -> None:
        now = self._clock()
        finished = 0 < total <= done
        if not fresh and not finished and now - self._spoken < LINE_SECONDS:
            return
        self._spoken = now
        parts = [stage]
        if total:
            parts.append(f"{done:,} of {total:,}")
        elapsed = now - self._started
        if elapsed > 0 and done > self._first:
            rate = (done - self._first) / elapsed
            parts.append(f"{rate:,.1f}/s")
            if done < total:
                parts.append(f"{dt.timedelta(seconds=round((total - done) / rate))} left")
        if transfer:
            parts.append(transfer)
        if failed:
            parts.append(f"{failed:,} failed")
        event = {"event": "progress", "stage": stage, "done": done, "total": total}
        _log.info(", ".join(parts), extra={"event": event | {"failed": failed}})
