"""PURE: where dead letters are stored: the URL of the bucket, and the key of each file.

Keys are those of the OpenTelemetry collector's awss3exporter with its defaults, so that its
awss3receiver finds them.
Source: https://github.com/open-telemetry/opentelemetry-collector-contrib, exporter/awss3exporter
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from extension.process.clock import NS_PER_S
from extension.process.frozen import Frozen
from extension.settings.aws_hosts import suffixes

SSE = "x-amz-server-side-encryption"
KEY = re.compile(
    r"(?:.*/)?year=\d+/month=\d+/day=\d+/hour=\d+/(?:minute=\d+/)?"
    r"(traces|logs|metrics)_[^/]+\.binpb(\.gz)?"
)
"""The keys of files that hold a request; the first group is the signal."""


class Location(Frozen):
    """A bucket and what all keys in it begin with."""

    bucket: str
    prefix: str
    region: str
    base_url: str
    """Of the bucket, without a slash at its end."""

    def url(self, key: str = "", query: str = "") -> str:
        """Return the URL of an object, or that of the bucket with a query."""
        path = f"{self.base_url}/{quote(key, safe='/-_.~')}"
        return f"{path}?{query}" if query else path


def location_of(
    uri: str, *, region: str, endpoint: str = "", use_fips: bool = False, dualstack: bool = False
) -> Location:
    """Return where `s3://bucket/prefix` is; `endpoint` is used in place of AWS's own."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if endpoint:
        base = f"{endpoint.rstrip('/')}/{bucket}"
    else:
        service = "s3-fips" if use_fips else "s3"
        host = f"{service}{'.dualstack' if dualstack else ''}.{region}.{suffixes(region)[0]}"
        # A certificate's wildcard covers no dots.
        base = f"https://{host}/{bucket}" if "." in bucket else f"https://{bucket}.{host}"
    return Location(bucket=bucket, prefix=prefix.strip("/"), region=region, base_url=base)


def key_of(prefix: str, signal: str, *, now_ns: int, unique: str) -> str:
    """Return the key of a file that is stored now."""
    now = datetime.fromtimestamp(now_ns // NS_PER_S, UTC)
    folder = f"{now:year=%Y/month=%m/day=%d/hour=%H/minute=%M}"
    return f"{prefix}/".lstrip("/") + f"{folder}/{signal}_{unique}.binpb.gz"


def encryption_headers(text: str) -> Mapping[str, str]:
    """Return the headers for `AES256`, `aws:kms` or `aws:kms:KEY`, in which KEY may be an ARN."""
    if not text.startswith("aws:kms"):
        return {SSE: text} if text else {}
    algorithm = "aws:kms:dsse" if re.match("aws:kms:dsse(:|$)", text) else "aws:kms"
    key = text.removeprefix(algorithm).lstrip(":")
    return {SSE: algorithm} | ({f"{SSE}-aws-kms-key-id": key} if key else {})
