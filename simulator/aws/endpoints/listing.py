"""ListObjectsV2: keys in order of their UTF-8, in pages, folded at a delimiter.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote
from xml.sax.saxutils import escape

from simulator.aws.endpoints.answers import Answer, AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.aws.endpoints.bucket import StoredObject

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_PAGE = 1000


def list_objects(bucket: str, objects: Iterable[StoredObject], *, query: str) -> Answer:
    """Return one page of the keys that the query asks for; raises AwsError."""
    asked = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    size = _page_size(asked.get("max-keys", str(_PAGE)))
    after = _after(asked)
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
    names: dict[str, StoredObject | None] = {}
    for it in sorted(objects, key=lambda it: it.key.encode()):
        if it.key.startswith(prefix):
            folded = _folded(it.key, prefix, delimiter)
            names.setdefault(folded or it.key, None if folded else it)
    left = [name for name in names if name.encode() > after.encode()]
    page = left[:size]
    elements = _head(bucket, prefix, delimiter, size, asked)
    if len(left) > size and page:
        token = base64.urlsafe_b64encode(page[-1].encode()).decode()
        elements += f"<NextContinuationToken>{token}</NextContinuationToken>"
    truncated = str(len(left) > size and bool(page)).lower()
    elements += f"<IsTruncated>{truncated}</IsTruncated><KeyCount>{len(page)}</KeyCount>"
    is_quoted = asked.get("encoding-type") == "url"
    elements += "".join(_entry(name, names[name], is_quoted=is_quoted) for name in page)
    body = f'<ListBucketResult xmlns="{_NAMESPACE}">{elements}</ListBucketResult>'
    return Answer(
        headers={"Content-Type": "application/xml"},
        body=f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode(),
    )


def _page_size(text: str) -> int:
    if not text.isdecimal():
        raise AwsError("InvalidArgument", "Provided max-keys not an integer or within range")
    return min(int(text), _PAGE)


def _after(asked: dict[str, str]) -> str:
    token = asked.get("continuation-token")
    if token is None:
        return asked.get("start-after", "")
    try:
        return base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError):
        message = "The continuation token provided is incorrect"
        raise AwsError("InvalidArgument", message) from None


def _folded(key: str, prefix: str, delimiter: str) -> str:
    """Return the common prefix that stands for a key; empty if the key stands for itself."""
    if not delimiter:
        return ""
    start, found, _ = key[len(prefix) :].partition(delimiter)
    return f"{prefix}{start}{delimiter}" if found else ""


def _head(bucket: str, prefix: str, delimiter: str, size: int, asked: dict[str, str]) -> str:
    fields = {"Name": bucket, "Prefix": prefix, "MaxKeys": str(size)}
    if delimiter:
        fields["Delimiter"] = delimiter
    if asked.get("encoding-type") == "url":
        fields["EncodingType"] = "url"
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items())


def _entry(name: str, stored: StoredObject | None, *, is_quoted: bool) -> str:
    fields = quote(name) if is_quoted else escape(name)
    if stored is None:
        return f"<CommonPrefixes><Prefix>{fields}</Prefix></CommonPrefixes>"
    return (
        f"<Contents><Key>{fields}</Key>"
        f"<LastModified>{stored.modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
        f"<ETag>{escape(stored.etag)}</ETag><Size>{len(stored.body)}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )
