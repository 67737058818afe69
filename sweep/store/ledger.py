"""The trial ledger: every parameter set that was ever tried, on which data (DESIGN.md 8).

Append-only Parquet files below `<storage.root>/ledger/`. Deleting results does not delete a try,
and trying again does not make it two.
"""

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sweep.store.atomic import replacing
from sweep.store.copies import fetched
from sweep.store.place import Place, matching, place

FOLDER = "ledger"
_META = b"detector-sweep"


@dataclasses.dataclass(frozen=True)
class Tries:
    """Tries of a detector on shared data.

    Attributes
    ----------
    distinct
        Sets, each once whatever the number of sweeps that tried it under the same settings.
    sweeps
        Sweeps that made them.
    """

    distinct: int
    sweeps: int


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
        tries = np.unique(keys)
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

    def admit(self, name: str, content: bytes) -> None:
        """Take in a file of another ledger.

        Raises
        ------
        ValueError
            If the content is not what the name says.
        """
        try:
            parquet = pq.ParquetFile(pa.BufferReader(content))
            text = parquet.schema_arrow.metadata[_META].decode()
            tries = parquet.read()["set_key"].to_numpy()
            expected = _name(json.loads(text)["detector"], text, tries)
        except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
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
        sweeps = set()
        for file in matching(self.path, f"{detector}-*.parquet"):
            parquet, about = _opened(file)
            if about["detector"] != detector or not any(
                wanted.get(symbol, set()).intersection(days)
                for symbol, days in about["sessions"].items()
            ):
                continue
            group = tries.setdefault((about["revision"], about["settings"]), [])
            group.append(parquet.read()["set_key"].to_numpy())
            sweeps.add(about["sweep"])
        distinct = sum(len(np.unique(np.concatenate(parts))) for parts in tries.values())
        return Tries(distinct, len(sweeps))

    def rows(self, detector: str) -> list[dict[str, Any]]:
        """Return what SQL knows of the files of a detector: paths, counts, ranges."""
        found = []
        for file in matching(self.path, f"{detector}-*.parquet"):
            parquet, about = _opened(file)
            if about["detector"] == detector:
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


def _name(detector: str, about: str, tries: NDArray[np.uint64]) -> str:
    """Return the name of a file, which says what it holds."""
    digest = hashlib.sha256(about.encode() + tries.tobytes()).hexdigest()
    return f"{detector}-{digest[:24]}.parquet"


def _opened(file: Place) -> tuple[pq.ParquetFile, dict[str, Any]]:
    parquet = pq.ParquetFile(fetched(file, fixed=True))
    about: dict[str, Any] = json.loads(parquet.schema_arrow.metadata[_META])
    return parquet, about
