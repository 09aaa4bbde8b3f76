"""One S3 bucket: objects are put, read, deleted and listed, with server-side encryption noted.

Only what a writer and a replayer of small objects need: no versions, parts, ACLs or ranges.
Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from simulator.aws.endpoints.answers import Answer, AwsError
from simulator.aws.endpoints.encryption import Encryption, encryption_of
from simulator.aws.endpoints.listing import list_objects

if TYPE_CHECKING:
    from simulator.aws.endpoints.hosts import Place
    from simulator.aws.endpoints.request import Received
    from simulator.aws.endpoints.trouble import Trouble

_MAX_KEY_BYTES = 1024
_STORED_HEADERS = ("Content-Type", "Content-Encoding", "Cache-Control", "Content-Disposition")
_HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object; `headers` are those that come back with it, metadata included."""

    key: str
    body: bytes
    headers: dict[str, str]
    encryption: Encryption
    modified: datetime

    @property
    def etag(self) -> str:
        """The entity tag, with its quotes."""
        return f'"{hashlib.md5(self.body).hexdigest()}"'


class Bucket:
    """The bucket of the account; `objects` by key is open to tests.

    `wants_encryption` is what a bucket policy asks of every PutObject, for example "aws:kms".
    """

    def __init__(self, name: str, *, region: str, trouble: Trouble) -> None:
        self.name = name
        self.region = region
        self.objects: dict[str, StoredObject] = {}
        self.wants_encryption = ""
        self._trouble = trouble

    def take(self, request: Received, *, place: Place, now_ns: int) -> Answer:
        """Answer a request whose signature is right; raises AwsError."""
        name, key = address(request, place)
        if name != self.name:
            details = {"BucketName": name}
            message = "The specified bucket does not exist"
            raise AwsError("NoSuchBucket", message, status=404, details=details)
        match operation_of(request, place):
            case "ListObjectsV2":
                self._trouble.check_access("s3:ListBucket", resource=self._arn())
                return list_objects(self.name, self.objects.values(), query=request.query)
            case "PutObject":
                return self._put(key, request, now_ns)
            case "GetObject" | "HeadObject":
                return self._get(key, request)
            case "DeleteObject":
                self._trouble.check_access("s3:DeleteObject", resource=self._arn(key))
                self.objects.pop(key, None)
                return Answer(status=204)
            case operation:
                raise AwsError("NotImplemented", f"{operation} is not simulated.", status=501)

    def _put(self, key: str, request: Received, now_ns: int) -> Answer:
        self._trouble.check_access("s3:PutObject", resource=self._arn(key))
        encryption = encryption_of(request, wanted=self.wants_encryption)
        if encryption.is_kms:
            self._trouble.check_access("kms:GenerateDataKey", resource=encryption.key_id or "*")
        _check_body(key, request)
        if request.header("if-none-match") == "*" and key in self.objects:
            message = "At least one of the pre-conditions you specified did not hold"
            raise AwsError("PreconditionFailed", message, status=412)
        self.objects[key] = stored = StoredObject(
            key=key,
            body=request.body,
            headers=_kept_headers(request),
            encryption=encryption,
            modified=datetime.fromtimestamp(now_ns // 1_000_000_000, UTC),
        )
        return Answer(headers={"ETag": stored.etag, **encryption.headers})

    def _get(self, key: str, request: Received) -> Answer:
        self._trouble.check_access("s3:GetObject", resource=self._arn(key))
        stored = self.objects.get(key)
        if stored is None:
            message = "The specified key does not exist."
            raise AwsError("NoSuchKey", message, status=404, details={"Key": key})
        headers = {
            "ETag": stored.etag,
            "Last-Modified": stored.modified.strftime(_HTTP_DATE),
            **stored.headers,
            **stored.encryption.headers,
        }
        return Answer(headers=headers, body=stored.body)

    def _arn(self, key: str = "") -> str:
        return f"arn:aws:s3:::{self.name}{f'/{key}' if key else ''}"


def address(request: Received, place: Place) -> tuple[str, str]:
    """Return bucket and key, in virtual-host style or in path style."""
    path = unquote(request.path.removeprefix("/"))
    if place.bucket:
        return place.bucket, path
    bucket, _, key = path.partition("/")
    return bucket, key


def operation_of(request: Received, place: Place) -> str:
    """Return the name of the call, as the S3 API has it."""
    _, key = address(request, place)
    if not key:
        is_list = request.method == "GET" and "list-type=2" in request.query.split("&")
        return "ListObjectsV2" if is_list else f"{request.method} of a bucket"
    return f"{request.method.capitalize()}Object"


def _check_body(key: str, request: Received) -> None:
    if not request.header("content-length"):
        message = "You must provide the Content-Length HTTP header."
        raise AwsError("MissingContentLength", message, status=411)
    if len(key.encode()) > _MAX_KEY_BYTES:
        raise AwsError("KeyTooLongError", "Your key is too long")
    digests = {
        "content-md5": hashlib.md5(request.body).digest(),
        "x-amz-checksum-sha256": hashlib.sha256(request.body).digest(),
        "x-amz-checksum-crc32": zlib.crc32(request.body).to_bytes(4, "big"),
    }
    for name, digest in digests.items():
        if request.header(name) not in ("", base64.b64encode(digest).decode()):
            raise AwsError("BadDigest", f"The {name} you specified did not match what we received.")


def _kept_headers(request: Received) -> dict[str, str]:
    kept = {name: request.header(name.lower()) for name in _STORED_HEADERS}
    metadata = {
        name: value for name, value in request.headers if name.lower().startswith("x-amz-meta-")
    }
    return {name: value for name, value in kept.items() if value} | metadata
