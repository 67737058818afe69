"""Tries of machines that share a database but no storage root: ledger files change hands in it.

A ledger file is named by its content and never changes, so either side only ever lacks files. What
was fetched stays: it counts also when the database is away. A file that is not what its name says
is told and left where it is; the others come.
"""

import logging
from collections.abc import Sequence

from sweep.store.copies import fetched
from sweep.store.database import Database
from sweep.store.ledger import Ledger

TABLE = "ledger_files"
_log = logging.getLogger(__name__)


def share_tries(ledger: Ledger, db: Database, detectors: Sequence[str]) -> int:
    """Hand over the ledger files that a database lacks, then fetch those that the ledger lacks.

    Parameters
    ----------
    ledger, db
        Both sides.
    detectors
        Whose tries.

    Returns
    -------
    int
        Files fetched.

    Raises
    ------
    StoreTransient, StoreTerminal
        If the database is away.
    """
    found = db.read(TABLE, columns=["path", "detector"], where={"detector": list(detectors)})
    stored = {row["path"]: row["detector"] for row in found.to_pylist()}
    own = {name: (file, one) for one in detectors for name, file in ledger.files(one).items()}
    for name in sorted(own.keys() - stored.keys()):
        file, detector = own[name]
        content = fetched(file, fixed=True).read_bytes()
        row = {"path": name, "detector": detector, "content": content}
        db.upsert(TABLE, [row], update=False)
    missing = sorted(stored.keys() - own.keys())
    faults = []
    for name in missing:
        (content,) = db.read(TABLE, columns=["content"], where={"path": name})["content"]
        try:
            ledger.admit(stored[name], name, content.as_py())
        except ValueError as error:
            faults.append(str(error))
    if faults:
        told = "%s: %s; these tries are not counted, remove the rows of %s"
        _log.warning(told, db.place, "; ".join(faults), TABLE)
    return len(missing) - len(faults)
