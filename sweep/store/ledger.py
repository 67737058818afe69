"""The trial ledger: every parameter set that was ever tried, on which data (DESIGN.md 8).

Append-only Parquet files below `<storage.root>/ledger/`. Deleting results does not delete a try,
and trying again does not make it two.
"""

import dataclasses
import datetime as dt
import functools
import hashlib
import json
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sweep.store.atomic import replacing
from sweep.store.bounds import file_fault
from sweep.store.copies import fetched
from sweep.store.place import Place, matching, place

FOLDER = "ledger"
_META = b"detector-sweep"
_FILE = r"{}-[0-9a-f]{{24}}\.parquet"
_ABOUT = {"detector": str, "revision": int, "settings": str, "sessions": dict, "sweep": str}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # all that goes into SQL
_MOST_REVISION = 1_000_000
_FAULTS = (pa.ArrowException, OSError, RecursionError, KeyError, TypeError, ValueError)
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Tries:
    """Tries of a detector on shared data.

    Attributes
    ----------
    distinct
        Sets, each once whatever the number of sweeps that tried it under the same settings.
    sweeps
        Sweeps that made them.
    unread
        Names of ledger files of the detector that cannot be read: nobody knows their tries.
    """

    distinct: int
    sweeps: int
    unread: tuple[str, ...] = ()


def each_once(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return each key once, rising; a million that nearly rise take 0.05 s, `numpy.unique` 0.7."""
    rising = np.sort(keys)
    first = np.ones(len(rising), np.bool_)
    first[1:] = rising[1:] != rising[:-1]
    return rising[first]


class Ledger:
    """The ledger of a storage root.

    Parameters
    ----------
    storage_root
        `storage.root`.
    """

    def __init__(self, storage_root: Place | str) -> None:
        self.path = place(storage_root) / FOLDER

    def append(
        self,
        *,
        detector: str,
        revision: int,
        settings: str,
        keys: NDArray[np.uint64],
        sessions: Mapping[str, Collection[str]],
        sweep: str,
    ) -> Place | None:
        """Record tries.

        Parameters
        ----------
        detector, revision
            What was tried.
        settings
            Hash of the settings it was tried under.
        keys
            uint64 [tries], keys of the parameter sets.
        sessions
            symbol -> ISO dates that the sweep looks at, hold-out included.
        sweep
            Id of the sweep, for the record.

        Returns
        -------
        Place or None
            The file, named by its content: the same tries again are the same file. None without
            keys.
        """
        tries = each_once(keys)
        if len(tries) == 0:
            return None
        about = {
            "detector": detector,
            "revision": revision,
            "settings": settings,
            "sessions": {symbol: sorted(days) for symbol, days in sorted(sessions.items())},
            "sweep": sweep,
        }
        text = json.dumps(about, sort_keys=True, separators=(",", ":"))
        target = self.path / _name(detector, text, tries)
        if not target.exists():
            schema = pa.schema([("set_key", pa.uint64())], {_META: text.encode()})
            with replacing(target) as temporary:
                pq.write_table(pa.table([tries], schema=schema), temporary, compression="zstd")
        return target

    def files(self, detector: str) -> dict[str, Place]:
        """Return the files of a detector by name."""
        return {file.name: file for file in matching(self.path, f"{detector}-{'?' * 24}.parquet")}

    def admit(self, detector: str, name: str, content: bytes) -> None:
        """Take in a file of another ledger; nothing in it is trusted.

        Parameters
        ----------
        detector
            Whose tries were asked for.
        name, content
            The file.

        Raises
        ------
        ValueError
            If it is no ledger file of the detector, or the content is not what the name says.
        """
        if not re.fullmatch(_FILE.format(re.escape(detector)), name):
            raise ValueError(f"{name!r} is no name of a ledger file of {detector}")
        try:
            parquet = pq.ParquetFile(pa.BufferReader(content))
            about = _about(parquet)
            text = parquet.schema_arrow.metadata[_META].decode()
            expected = _name(about["detector"], text, _tries(parquet))
        except _FAULTS as error:
            raise ValueError(f"{name} is no ledger file: {error}") from error
        if name != expected:
            raise ValueError(f"ledger file {name} was changed: its content belongs to {expected}")
        with replacing(self.path / name) as temporary:
            temporary.write_bytes(content)

    def count(self, detector: str, sessions: Mapping[str, Collection[str]]) -> Tries:
        """Return the distinct tries of a detector on data that shares a symbol-session.

        Parameters
        ----------
        detector
            Name; its earlier revisions count.
        sessions
            symbol -> ISO dates.
        """
        wanted = {symbol: set(days) for symbol, days in sessions.items()}
        tries: dict[tuple[int, str], list[NDArray[np.uint64]]] = {}
        sweeps, unread = set(), list[str]()
        for file, parquet, about in self._opened(detector, unread):
            if not any(
                wanted.get(symbol, set()).intersection(days)
                for symbol, days in about["sessions"].items()
            ):
                continue
            try:
                keys = _tries(parquet)
            except _FAULTS as error:
                _left_out(file, error)
                unread.append(file.name)
                continue
            tries.setdefault((about["revision"], about["settings"]), []).append(keys)
            sweeps.add(about["sweep"])
        distinct = sum(len(each_once(np.concatenate(parts))) for parts in tries.values())
        own = re.compile(_FILE.format(re.escape(detector)))
        return Tries(distinct, len(sweeps), tuple(filter(own.fullmatch, unread)))

    def rows(self, detector: str) -> list[dict[str, Any]]:
        """Return what SQL knows of the files of a detector: paths, counts, ranges."""
        found = []
        for file, parquet, about in self._opened(detector):
            days = sorted(day for own in about["sessions"].values() for day in own)
            found.append(
                {
                    "path": f"{FOLDER}/{file.name}",
                    "detector": detector,
                    "revision": about["revision"],
                    "settings_hash": about["settings"],
                    "tries": parquet.metadata.num_rows,
                    "sweep_id": about["sweep"],
                    "first_session": dt.date.fromisoformat(days[0]) if days else None,
                    "last_session": dt.date.fromisoformat(days[-1]) if days else None,
                }
            )
        return found

    def _opened(
        self, detector: str, unread: list[str] | None = None
    ) -> Iterator[tuple[Place, pq.ParquetFile, dict[str, Any]]]:
        """Yield the files of a detector; those that are no ledger files are told and left out."""
        for file in matching(self.path, f"{detector}-*.parquet"):
            source = pa.OSFile(str(fetched(file, fixed=True)))
            try:
                parquet = pq.ParquetFile(source)
                about = _about(parquet)
            except _FAULTS as error:
                _left_out(file, error)
                if unread is not None:
                    unread.append(file.name)
                continue
            if about["detector"] == detector:
                yield file, parquet, about


def _name(detector: str, about: str, tries: NDArray[np.uint64]) -> str:
    """Return the name of a file, which says what it holds."""
    digest = hashlib.sha256(about.encode() + tries.tobytes()).hexdigest()
    return f"{detector}-{digest[:24]}.parquet"


def _about(parquet: pq.ParquetFile) -> dict[str, Any]:
    """Return what a file says of its tries, if all of it is there and of its kind."""
    fault = file_fault(parquet.metadata)
    if fault:
        raise ValueError(fault)
    if not parquet.schema_arrow.field("set_key").type.equals(pa.uint64()):
        raise ValueError("set_key is not uint64")
    about = json.loads(parquet.schema_arrow.metadata[_META])
    for key, kind in _ABOUT.items():
        if type(about[key]) is not kind:
            raise ValueError(f"{key} must be of type {kind.__name__}, is {about[key]!r:.60}")
        if kind is str and not _NAME.fullmatch(about[key]):
            raise ValueError(f"{key} must be 1 to 64 letters and digits, is {about[key]!r:.60}")
    if not 0 <= about["revision"] <= _MOST_REVISION:
        raise ValueError(f"revision must be in 0..{_MOST_REVISION}, is {about['revision']!s:.20}")
    for symbol, days in about["sessions"].items():
        if not isinstance(days, list):
            raise ValueError(f"sessions of {symbol} must be a list, is {days!r:.60}")  # noqa: TRY004 - a fault of a file
        for day in days:
            dt.date.fromisoformat(day)
    return dict(about)


def _tries(parquet: pq.ParquetFile) -> NDArray[np.uint64]:
    """Read the tries of a file."""
    keys = parquet.read(["set_key"])["set_key"]
    if keys.null_count:
        raise ValueError("set_key has nulls")
    found: NDArray[np.uint64] = keys.to_numpy()
    return found


def _left_out(file: Place, error: Exception) -> None:
    _warn(
        f"{file} is no ledger file, its tries are not counted; restore it from a copy, or remove "
        f"it where no sweep wrote it: {error}"
    )


@functools.cache
def _warn(text: str) -> None:
    """Say something once."""
    _log.warning(text)
