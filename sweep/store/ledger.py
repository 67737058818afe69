"""The trial ledger: every parameter set that was ever tried, on which data (DESIGN.md 8).

Append-only Parquet files below `<storage.root>/ledger/`. Deleting results does not delete a try,
and trying again does not make it two.
"""

import hashlib
import json
from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sweep.store.atomic import replacing
from sweep.store.copies import fetched
from sweep.store.place import Place, matching, place

_META = b"detector-sweep"


class Ledger:
    """The ledger of a storage root.

    Parameters
    ----------
    storage_root
        `storage.root`.
    """

    def __init__(self, storage_root: Place | str) -> None:
        self.path = place(storage_root) / "ledger"

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
        name = hashlib.sha256(text.encode() + tries.tobytes()).hexdigest()[:24]
        target = self.path / f"{detector}-{name}.parquet"
        if not target.exists():
            schema = pa.schema([("set_key", pa.uint64())], {_META: text.encode()})
            with replacing(target) as temporary:
                pq.write_table(pa.table([tries], schema=schema), temporary, compression="zstd")
        return target

    def count(self, detector: str, sessions: Mapping[str, Collection[str]]) -> int:
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
        for file in matching(self.path, f"{detector}-*.parquet"):
            parquet = pq.ParquetFile(fetched(file, fixed=True))
            about = json.loads(parquet.schema_arrow.metadata[_META])
            if about["detector"] != detector or not any(
                wanted.get(symbol, set()).intersection(days)
                for symbol, days in about["sessions"].items()
            ):
                continue
            group = tries.setdefault((about["revision"], about["settings"]), [])
            group.append(parquet.read()["set_key"].to_numpy())
        return sum(len(np.unique(np.concatenate(parts))) for parts in tries.values())
