"""Day files in a bucket: listed once, downloaded range by range into a cache, checked, renamed.

LIST says what exists, GET what is allowed: 403 is final, 404 is a file that went away since the
listing, anything passing is tried again. Facts: massive.com/knowledge-base, S3 flat files.
"""

import asyncio
import contextlib
import datetime as dt
import functools
import os
import re
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import aiohttp
import s3fs
from botocore.exceptions import BotoCoreError, ClientError
from fsspec.asyn import sync

from sweep.ingest.inflate import BarsError
from sweep.ingest.products import Product
from sweep.ingest.sources import LocalFlatFiles, SourceFile, flat_file_cache
from sweep.store.lease import lease
from sweep.store.place import Place
from sweep.store.retry import TRANSIENT_STATUS, Retry, SourceTransient, retry_after

Answer = TypeVar("Answer")

KEY_ID, SECRET = "MASSIVE_S3_ACCESS_KEY_ID", "MASSIVE_S3_SECRET_ACCESS_KEY"
ENDPOINT = "https://files.massive.com"

#: Bytes asked for at once: four seconds of the vendor's slowest stream; a cut costs no more.
RANGE = 4 << 20
#: Longest wait for one range: a stream that trickles is given up and asked for again.
RANGE_TIMEOUT_S = 120.0
_LEASE_S = 3600.0
#: How a request is tried again.
PATIENCE = Retry()

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv\.gz")
_KEY_CODES = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthFailure"})
_PASSING_CODES = frozenset({"SlowDown", "RequestTimeout", "Throttling", "InternalError"})
_PASSING = (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError)


class S3FlatFiles:
    """Day files in the vendor's layout in a bucket, behind a cache; picklable, without its keys.

    Parameters
    ----------
    bucket, prefix
        Where they lie; the prefix is empty or ends in a slash.
    endpoint
        URL of the server.
    cache
        Local folder of downloaded files.
    retry
        How a request is tried again.
    """

    def __init__(
        self, bucket: str, prefix: str, endpoint: str, cache: Path, retry: Retry | None = None
    ) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self.endpoint = endpoint
        self.cache = cache
        self.retry = retry or PATIENCE
        self._listed: dict[str, dict[dt.date, SourceFile]] = {}

    @classmethod
    def at(
        cls, root: str, cache: Path, *, endpoint: str = ENDPOINT, retry: Retry | None = None
    ) -> "S3FlatFiles":
        """Check the URL and the environment, and return the source; nothing is asked yet.

        Raises
        ------
        ValueError
            If the URL names no bucket, or a key is not in the environment.
        """
        parts = urlsplit(root)
        if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc:
            raise ValueError("source.root of a bucket must read s3://bucket or s3://bucket/folder")
        missing = [name for name in (KEY_ID, SECRET) if not os.environ.get(name)]
        if missing:
            raise ValueError(
                f"source.root {root} needs the environment variable {' and '.join(missing)} "
                "(S3 keys of your dashboard, for flat files); set it, or give a local folder"
            )
        prefix = parts.path.strip("/")
        return cls(parts.netloc, f"{prefix}/" if prefix else "", endpoint, cache, retry)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the listing behind: a worker gets its file by value."""
        return {**self.__dict__, "_listed": {}}

    def __repr__(self) -> str:
        """Return the place."""
        return f"S3FlatFiles({self.describe('')!r}, endpoint={self.endpoint!r})"

    @property
    def name(self) -> str:
        """Return `flatfiles`."""
        return "flatfiles"

    def describe(self, key: str) -> str:
        """Return the URL of a file."""
        return f"s3://{self.bucket}/{self.prefix}{key}"

    def days(self, product: Product) -> list[dt.date]:
        """Return the days that have a file, rising; the bucket is listed once."""
        return sorted(self._listing(product))

    def find(self, product: Product, day: dt.date) -> SourceFile | None:
        """Return the file of a day as listed, versioned by its ETag."""
        return self._listing(product).get(day)

    def open(self, file: SourceFile) -> BinaryIO:
        """Open the compressed bytes of a file, downloading it where it is not in the cache."""
        self.fetch(file)
        return self._cached(file).open("rb")

    def cached(self, file: SourceFile) -> bool:
        """Tell whether this version of a file is in the cache."""
        path = self._cached(file)
        return path.is_file() and path.stat().st_size == file.size

    def fetch(self, file: SourceFile, tell: Callable[[int], None] | None = None) -> None:
        """Bring a file into the cache: a temporary name, size and ETag checked, a rename.

        Parameters
        ----------
        file
            Version to bring; a version that came since is refused.
        tell
            Called with the bytes of every range that arrived.

        Raises
        ------
        PermissionError
            If it is not in the plan; final.
        FileNotFoundError
            If it is gone since the listing.
        BarsError
            If it was replaced.
        OSError
            If it cannot be written, or does not come in time.
        """
        if self.cached(file):
            return
        target = self._cached(file)
        with lease(target.parent / f".{file.day}.lock", timeout_s=_LEASE_S):
            if self.cached(file):  # another process was faster
                return
            for leftover in target.parent.glob(f".{file.day}.*.tmp"):
                leftover.unlink(missing_ok=True)
            temporary = target.parent / f".{file.day}.{uuid.uuid4().hex}.tmp"
            try:
                with temporary.open("xb") as out:
                    for begin in range(0, file.size, RANGE):
                        chunk = self._range(file, begin, min(begin + RANGE, file.size))
                        out.write(chunk)
                        if tell is not None:
                            tell(len(chunk))
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
            for other in target.parent.glob(f"{file.day}.*.csv.gz"):
                if other != target:
                    other.unlink(missing_ok=True)

    def _range(self, file: SourceFile, begin: int, end: int) -> bytes:
        place = self.describe(file.key)

        async def read(client: Any) -> bytes:  # noqa: ANN401 - s3fs has no types
            answer = await client._call_s3(  # noqa: SLF001 - the only way to headers and If-Match
                "get_object",
                Bucket=self.bucket,
                Key=self.prefix + file.key,
                IfMatch=f'"{file.version}"',
                Range=f"bytes={begin}-{end - 1}",
            )
            async with answer["Body"] as body:
                content: bytes = await body.read()
            etag = answer.get("ETag", "").strip('"')
            if etag != file.version:
                raise _replaced(place)
            if len(content) != end - begin:
                raise SourceTransient(f"{len(content)} bytes came of {end - begin}")
            return content

        return self._ask(read, place, RANGE_TIMEOUT_S)

    def _listing(self, product: Product) -> Mapping[dt.date, SourceFile]:
        if product.name not in self._listed:
            base = f"{self.bucket}/{self.prefix}"
            folder = f"{base}{product.name}/minute_aggs_v1/"

            async def read(client: Any) -> Any:  # noqa: ANN401 - s3fs has no types
                return await client._find(folder, detail=True)  # noqa: SLF001 - the async form

            found: dict[dt.date, SourceFile] = {}
            place = self.describe(f"{product.name}/")
            try:
                listed = self._ask(read, place, RANGE_TIMEOUT_S)
            except FileNotFoundError as error:
                raise ValueError(
                    f"No data found: {self.endpoint} has no bucket {self.bucket}; check "
                    "source.root and source.endpoint"
                ) from error
            for path, details in listed.items():
                match = _NAME.fullmatch(path.rpartition("/")[2])
                if match is None:
                    continue
                with contextlib.suppress(ValueError):  # 2025-02-31
                    day = dt.date.fromisoformat(match.group(1))
                    key = product.key(day)
                    if path == base + key:
                        version = details["ETag"].strip('"')
                        found[day] = SourceFile(product, day, key, version, details["size"])
            self._listed[product.name] = found
        return self._listed[product.name]

    def _ask(
        self, request: Callable[[Any], Coroutine[Any, Any, Answer]], place: str, timeout_s: float
    ) -> Answer:
        client = _client(self.endpoint)

        async def limited() -> Answer:
            return await asyncio.wait_for(request(client), timeout_s)

        def once() -> Answer:
            try:
                answer: Answer = sync(client.loop, limited)
            except (*_PASSING, ClientError) as error:
                raise _fault(error, place) from None
            return answer

        return self.retry.run(once, place)

    def _cached(self, file: SourceFile) -> Path:
        day = Path(file.key)
        version = re.sub(r"[^0-9A-Za-z-]", "_", file.version)
        return self.cache / day.parent / f"{file.day}.{version}.csv.gz"


def day_files(
    where: str | os.PathLike[str], root: Place, endpoint: str = ENDPOINT
) -> LocalFlatFiles | S3FlatFiles:
    """Return the day files below a local folder or `s3://` URL; `root` is `storage.root`."""
    text = os.fspath(where)
    if "://" not in text or text.startswith("file://"):
        return LocalFlatFiles.at(text)
    return S3FlatFiles.at(text, flat_file_cache(root), endpoint=endpoint)


def clean_cache(cache: Path, hours: float) -> int:
    """Remove downloaded files, and leavings of killed downloads, older than so many hours.

    Returns
    -------
    int
        Files removed.
    """
    before = time.time() - 3600 * hours
    removed = 0
    for pattern in ("*.csv.gz", ".*.tmp"):
        for path in cache.rglob(pattern):
            with contextlib.suppress(FileNotFoundError):  # another process cleans too
                if path.stat().st_mtime < before:
                    path.unlink()
                    removed += 1
    return removed


def _client(endpoint: str) -> Any:  # noqa: ANN401 - s3fs has no types
    """Return the connection pool of this process; keys come from the environment each time."""
    return _connected(endpoint, os.environ.get(KEY_ID, ""), os.environ.get(SECRET, ""))


@functools.lru_cache(maxsize=4)
def _connected(endpoint: str, key: str, secret: str) -> Any:  # noqa: ANN401 - s3fs has no types
    client = s3fs.S3FileSystem(
        key=key,
        secret=secret,
        endpoint_url=endpoint,
        client_kwargs={"region_name": "us-east-1"},
        config_kwargs={
            "s3": {"addressing_style": "path"},
            "retries": {"total_max_attempts": 1},
            "connect_timeout": 15,
            "read_timeout": 60,
            "max_pool_connections": 32,
            "response_checksum_validation": "when_required",
        },
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    client.retries = 1  # one place tries again, and it reads Retry-After
    return client


def _fault(error: BaseException, place: str) -> Exception:
    """Return what a failure means: passing, refused, gone or wrong. No text of the server's."""
    origin: BaseException | None = error
    while origin is not None and not isinstance(origin, ClientError):
        origin = origin.__cause__
    if origin is None:
        return SourceTransient(type(error).__name__)
    head = origin.response.get("ResponseMetadata", {})
    status, code = int(head.get("HTTPStatusCode", 0)), str(origin.response["Error"].get("Code"))
    if status in TRANSIENT_STATUS or code in _PASSING_CODES:
        wait = head.get("HTTPHeaders", {}).get("retry-after")
        return SourceTransient(f"{status} {code}", retry_after(wait))
    return _final(status, code, place)


def _final(status: int, code: str, place: str) -> Exception:
    """Return the error of an answer that no later try changes."""
    if status == 404:
        return FileNotFoundError(f"{place} is not there (404): it went away since it was listed")
    if status == 412:
        return _replaced(place)
    if code in _KEY_CODES:
        return PermissionError(
            f"{place}: the S3 keys are not accepted ({status} {code}); check {KEY_ID}, {SECRET} "
            "and source.endpoint"
        )
    if code == "RequestTimeTooSkewed":
        return PermissionError(f"{place}: refused ({status} {code}); set this machine's clock")
    if status in (401, 403):
        return PermissionError(
            f"{place}: refused ({status} {code}): not in your plan, or older than its history; "
            "leave it out, or try source=rest"
        )
    return OSError(f"{place}: the server answered {status} {code}")


def _replaced(place: str) -> BarsError:
    return BarsError(f"{place} was replaced while it was read; run the backfill again")
