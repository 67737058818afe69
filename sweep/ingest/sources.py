"""Where day files come from. A source lists days, finds one file and opens it; nothing else.

`LocalFlatFiles` reads the vendor's layout below a local folder; a bucket has the same methods.
"""

import dataclasses
import datetime as dt
import re
from pathlib import Path
from typing import BinaryIO, Protocol

from sweep.ingest.products import PRODUCTS, Product
from sweep.store.place import Place, cache_folder

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv\.gz")


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """One version of one day file.

    Attributes
    ----------
    product, day
        What it holds; `day` is the New York date.
    key
        Key below the source's root.
    version
        Changes when the content may have changed: ETag of an object, size and mtime of a file.
    size
        Compressed bytes.
    """

    product: Product
    day: dt.date
    key: str
    version: str
    size: int


def apart_from(place: str, error: str) -> str:
    """Return the text of an error about a file without the file, which the line names already."""
    return error.removeprefix(place).removeprefix(":").strip().removesuffix(f": '{place}'")


def flat_file_cache(root: Place) -> Path:
    """Return the folder for day files that were downloaded for a store."""
    return cache_folder(root) / "flatfiles"


class DaySource(Protocol):
    """What the ingest asks of a source of day files; picklable."""

    @property
    def name(self) -> str:
        """Value of the column `source` of its bars and coverage records."""

    def describe(self, key: str) -> str:
        """Return a text that names a file to a user."""

    def days(self, product: Product) -> list[dt.date]:
        """Return the days that have a file, rising."""

    def find(self, product: Product, day: dt.date) -> SourceFile | None:
        """Return the current version of a day's file, None where there is none."""

    def open(self, file: SourceFile) -> BinaryIO:
        """Open the compressed bytes of a file."""


@dataclasses.dataclass(frozen=True)
class LocalFlatFiles:
    """Day files in the vendor's layout below a local folder.

    Attributes
    ----------
    root
        Folder that holds `us_stocks_sip/`, `us_indices/`, ...
    """

    root: Path

    @classmethod
    def at(cls, root: str) -> "LocalFlatFiles":
        """Check the folder and return the source.

        Raises
        ------
        ValueError
            If the folder is missing or holds no product; the text says what was expected.
        """
        folder = Path(root.removeprefix("file://")).expanduser()
        if not folder.is_dir():
            raise ValueError(
                f"source.root {root} does not exist or is no folder; give the folder that holds "
                f"{'/, '.join(PRODUCTS)}/"
            )
        if not any((folder / name).is_dir() for name in PRODUCTS):
            inside = sorted(entry.name for entry in folder.iterdir())[:5]
            above = [parent for parent in folder.parents if parent.name in PRODUCTS]
            top = above[0].parent if above else folder.parent if folder.name in PRODUCTS else None
            hint = f"; did you mean {top}?" if top is not None else ""
            raise ValueError(
                f"source.root {root} holds none of {', '.join(PRODUCTS)} (found: "
                f"{', '.join(inside) or 'nothing'}); expected e.g. "
                f"{PRODUCTS['us_stocks_sip'].key(dt.date(2025, 1, 2))} below it{hint}"
            )
        return cls(folder)

    @property
    def name(self) -> str:
        """Return `flatfiles`."""
        return "flatfiles"

    def describe(self, key: str) -> str:
        """Return the path of a file."""
        return str(self.root / key)

    def days(self, product: Product) -> list[dt.date]:
        """Return the days that have a file at the key of their date, rising."""
        found = []
        for path in (self.root / product.name / "minute_aggs_v1").glob("*/*/*.csv.gz"):
            match = _NAME.fullmatch(path.name)
            if match is None:
                continue
            try:
                day = dt.date.fromisoformat(match.group(1))
            except ValueError:
                continue
            if path == self.root / product.key(day):
                found.append(day)
        return sorted(found)

    def find(self, product: Product, day: dt.date) -> SourceFile | None:
        """Return the file of a day, versioned by size and modification time."""
        key = product.key(day)
        try:
            stat = (self.root / key).stat()
        except FileNotFoundError:
            return None
        version = f"{stat.st_size:x}-{stat.st_mtime_ns:x}"
        return SourceFile(product, day, key, version, stat.st_size)

    def open(self, file: SourceFile) -> BinaryIO:
        """Open the compressed bytes of a file."""
        return (self.root / file.key).open("rb")
