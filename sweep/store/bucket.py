"""Objects of an S3 bucket: whole reads, whole writes, conditional writes, listings.

Everything passing is tried again within bounds. Keys come from where S3 programs look for them
(`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a profile, the machine's role), never from here.
"""

import contextlib
import dataclasses
import datetime as dt
import email.utils
import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sweep.store.retry import TRANSIENT_STATUS, Retry, SourceTransient, retry_after

Answer = TypeVar("Answer")

#: A server that restarts is waited for: about five minutes, then the command ends and can go on.
PATIENCE = Retry(tries=14, first_pause_s=0.5, longest_pause_s=30.0, limit_s=300.0)

_PASSING_CODES = frozenset(
    {"SlowDown", "RequestTimeout", "Throttling", "InternalError", "OperationAborted"}
)
_KEY_CODES = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthFailure"})
_CONFLICTS = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_KEY_ID = "AWS_ACCESS_KEY_ID"
_KEYS = f"{_KEY_ID} and AWS_SECRET_ACCESS_KEY"


class Conflict(Exception):  # noqa: N818 - an answer, nothing broke
    """A conditional write found another version there; read again."""


@dataclasses.dataclass(frozen=True)
class Object:
    """What a bucket says of an object.

    Attributes
    ----------
    etag
        Version of its content, in quotes as the server writes it.
    size
        Bytes.
    age_s
        Seconds since it was written, by the server's own clock; 0 in a listing.
    """

    etag: str
    size: int
    age_s: float = 0.0


@dataclasses.dataclass(frozen=True)
class Bucket:
    """A bucket of one server; picklable, without keys.

    Attributes
    ----------
    name
        Name.
    endpoint
        URL of the server; None: AWS, or what `AWS_ENDPOINT_URL` says.
    region
        None: what `AWS_REGION` or the profile says, else us-east-1.
    """

    name: str
    endpoint: str | None = None
    region: str | None = None

    def describe(self, key: str) -> str:
        """Return the URL of an object."""
        return f"s3://{self.name}/{key}"

    def head(self, key: str) -> Object | None:
        """Return what is known of an object, None where there is none."""
        try:
            return self._asked("head_object", key, _described)
        except FileNotFoundError:
            return None

    def get(self, key: str, *, last: int | None = None) -> tuple[bytes, Object]:
        """Return content and description of an object; with `last` so many bytes of its end.

        Raises
        ------
        FileNotFoundError
            If it is not there.
        """

        def whole(answer: Mapping[str, Any]) -> tuple[bytes, Object]:
            content: bytes = answer["Body"].read()
            about = _described(answer)
            if len(content) != about.size:
                raise SourceTransient(f"{len(content)} bytes came of {about.size}")
            return content, about

        ranged = {} if last is None else {"Range": f"bytes=-{last}"}
        return self._asked("get_object", key, whole, **ranged)

    def put(
        self,
        key: str,
        content: bytes | Path,
        *,
        expected: str | None = None,
        absent: bool = False,
    ) -> str:
        """Write an object whole, in one request; return its new ETag.

        Parameters
        ----------
        key
            Name.
        content
            Bytes, or a local file.
        expected
            Write only over this ETag.
        absent
            Write only where nothing is.

        Raises
        ------
        Conflict
            If the condition does not hold.
        """
        conditions = {"IfNoneMatch": "*"} if absent else {}
        if expected is not None:
            conditions["IfMatch"] = expected

        def tag(answer: Mapping[str, Any]) -> str:
            return str(answer["ETag"])

        if isinstance(content, bytes):
            return self._asked("put_object", key, tag, Body=content, **conditions)
        with content.open("rb") as body:
            return self._asked("put_object", key, tag, Body=body, **conditions)

    def delete(self, key: str) -> None:
        """Remove an object, where there is one."""
        with contextlib.suppress(FileNotFoundError):
            self._asked("delete_object", key, dict[str, Any])

    def names(self, prefix: str) -> tuple[dict[str, Object], list[str]]:
        """List one level below a prefix that is empty or ends in a slash.

        Returns
        -------
        tuple
            name -> description of its objects, and the names of its folders, both sorted.
        """
        files: dict[str, Object] = {}
        folders: list[str] = []
        more: dict[str, Any] = {}
        while True:
            page = self._asked(
                *("list_objects_v2", prefix, dict[str, Any]), Prefix=prefix, Delimiter="/", **more
            )
            for entry in page.get("Contents", ()):
                if name := entry["Key"][len(prefix) :]:
                    files[name] = Object(entry["ETag"], entry["Size"])
            cut = (entry["Prefix"][len(prefix) :] for entry in page.get("CommonPrefixes", ()))
            folders += [name.rstrip("/") for name in cut]
            if not page.get("IsTruncated"):
                return dict(sorted(files.items())), sorted(folders)
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _asked(
        self,
        action: str,
        key: str,
        read: Callable[[Mapping[str, Any]], Answer],
        **options: Any,  # noqa: ANN401 - of the action
    ) -> Answer:
        """Ask, again where the fault may pass, and read the answer; faults become plain words."""
        from botocore import exceptions  # noqa: PLC0415 - slow, and a local root needs none

        place = self.describe(key)
        client = _client(self.endpoint, self.region, (os.getpid(), os.environ.get(_KEY_ID)))
        named = options if "Prefix" in options else {"Key": key, **options}

        def once() -> Answer:
            body = named.get("Body")
            if body is not None and not isinstance(body, bytes):
                body.seek(0)
            try:
                return read(getattr(client, action)(Bucket=self.name, **named))
            except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
                raise PermissionError(f"{place} needs keys: set {_KEYS}") from None
            except exceptions.ClientError as error:
                raise _fault(error.response, place) from None
            except (exceptions.BotoCoreError, OSError) as error:
                raise SourceTransient(type(error).__name__) from None

        return PATIENCE.run(once, place)


def _described(answer: Mapping[str, Any]) -> Object:
    """Return the description in an answer; the server's two clocks give the age."""
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    written: dt.datetime | None = answer.get("LastModified")
    now = email.utils.parsedate_tz(headers.get("date", ""))
    age = 0.0
    if written is not None and now is not None:
        age = email.utils.mktime_tz(now) - written.timestamp()
    return Object(str(answer["ETag"]), int(answer["ContentLength"]), max(age, 0.0))


def _fault(response: Mapping[str, Any], place: str) -> Exception:
    """Return what an answer means: passing, refused, gone or a conflict. No text of the server."""
    head = response.get("ResponseMetadata", {})
    status = int(head.get("HTTPStatusCode", 0))
    code = str(response.get("Error", {}).get("Code", ""))
    if status == 412 or code in _CONFLICTS:
        return Conflict(place)
    if status in TRANSIENT_STATUS or code in _PASSING_CODES:
        return SourceTransient(
            f"{status} {code}", retry_after(head.get("HTTPHeaders", {}).get("retry-after"))
        )
    if code == "NoSuchBucket":
        return OSError(f"{place}: there is no such bucket; check storage.root and its server")
    gone = {404: FileNotFoundError(f"{place} is not there"), 416: EOFError(f"{place} is empty")}
    if status in gone:
        return gone[status]
    if code in _KEY_CODES or status in (401, 403):
        return PermissionError(
            f"{place}: refused ({status} {code}); check {_KEYS}, what they may do, and "
            "storage.endpoint"
        )
    return OSError(f"{place}: the server answered {status} {code}; check storage.root")


@functools.lru_cache(maxsize=8)
def _client(endpoint: str | None, region: str | None, whose: tuple[int, str | None]) -> Any:  # noqa: ANN401, ARG001
    """Return the connections of a process and account to a server."""
    from botocore import config, session  # noqa: PLC0415 - slow, and a local root needs none

    here = session.get_session()
    return here.create_client(
        "s3",
        endpoint_url=endpoint,
        region_name=region or here.get_config_variable("region") or "us-east-1",
        config=config.Config(
            retries={"total_max_attempts": 1},  # one place tries again
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=32,
            s3=None if endpoint is None else {"addressing_style": "path"},
            # Servers other than Amazon's know no trailing checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
