"""Server-side encryption of an object, as the headers of its PUT ask for it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.aws.endpoints.answers import AwsError
from simulator.aws.endpoints.keys import caller

if TYPE_CHECKING:
    from simulator.aws.endpoints.request import Received

ALGORITHM = "x-amz-server-side-encryption"
KEY_ID = f"{ALGORITHM}-aws-kms-key-id"
BUCKET_KEY = f"{ALGORITHM}-bucket-key-enabled"
_ALGORITHMS = ("AES256", "aws:kms", "aws:kms:dsse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """`algorithm` is AES256 where the PUT asked for none: S3 encrypts everything since 2023."""

    algorithm: str = "AES256"
    key_id: str = ""
    bucket_key: bool = False
    was_asked: bool = False

    @property
    def is_kms(self) -> bool:
        """Whether a key of KMS encrypts it."""
        return self.algorithm != "AES256"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an answer that name it."""
        headers = {ALGORITHM: self.algorithm, KEY_ID: self.key_id}
        headers[BUCKET_KEY] = "true" if self.bucket_key else ""
        return {name: value for name, value in headers.items() if value}


def encryption_of(request: Received, *, wanted: str) -> Encryption:
    """Return the encryption that a PUT asks for; raises AwsError for one that cannot be.

    `wanted` is what a policy demands; a PUT without it is denied.
    """
    algorithm, key_id = request.header(ALGORITHM), request.header(KEY_ID)
    if algorithm not in ("", *_ALGORITHMS):
        raise AwsError("InvalidArgument", "The encryption method specified is not supported")
    if key_id and algorithm not in _ALGORITHMS[1:]:
        message = (
            "Server Side Encryption with AWS KMS managed key requires HTTP header "
            "x-amz-server-side-encryption : aws:kms"
        )
        raise AwsError("InvalidArgument", message)
    if wanted and algorithm != wanted:
        message = (
            f"User: {caller()} is not authorized to perform: s3:PutObject "
            "with an explicit deny in a resource-based policy"
        )
        raise AwsError("AccessDenied", message, status=403)
    return Encryption(
        algorithm=algorithm or "AES256",
        key_id=key_id,
        bucket_key=request.header(BUCKET_KEY).lower() == "true",
        was_asked=bool(algorithm),
    )
