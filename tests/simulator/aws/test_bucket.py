"""The bucket: objects in both styles of address, lists, encryption, and S3's own errors."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from simulator.aws.endpoints import AccessKey, AwsEndpoints
from tests.simulator.aws.signed import NOW_S, REGION, Response, Signed

PATH_STYLE = f"https://s3.{REGION}.amazonaws.com/dead-letters"
VIRTUAL_HOST = f"https://dead-letters.s3.{REGION}.amazonaws.com"
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_SSE = "x-amz-server-side-encryption"


async def send(
    aws: AwsEndpoints, method: str, url: str, body: bytes = b"", **more: Any
) -> Response:
    """Send one request to S3."""
    headers = more.pop("headers", {})
    signed = Signed(url=url, method=method, body=body, headers=headers, service="s3", **more)
    return await signed.send(aws.url)


def error_of(response: Response) -> tuple[int, str]:
    """Return status and code of an error in XML."""
    assert response.headers["content-type"] == "application/xml"
    code = ET.fromstring(response.body).findtext("Code")
    return response.status, code or ""


def listed(response: Response) -> tuple[list[str], str | None]:
    """Return keys and folded prefixes in order, and the token of the next page."""
    assert response.status == 200
    root = ET.fromstring(response.body)
    keys = [it.text or "" for it in root.iter(f"{_NAMESPACE}Key")]
    folded = [it.text or "" for it in root.findall(f"{_NAMESPACE}CommonPrefixes/*")]
    return keys + folded, root.findtext(f"{_NAMESPACE}NextContinuationToken")


@pytest.mark.parametrize("style", [PATH_STYLE, VIRTUAL_HOST])
async def test_life_of_an_object(aws: AwsEndpoints, style: str) -> None:
    """Put, read with its headers, deleted, gone."""
    url = f"{style}/p/year%3D2026/traces%20%C3%A9.binpb.gz"
    headers = {"Content-Type": "application/gzip", "x-amz-meta-note": "n"}
    put = await send(aws, "PUT", url, b"content", headers=headers)
    got = await send(aws, "GET", url)

    assert list(aws.bucket.objects) == ["p/year=2026/traces é.binpb.gz"]
    assert (put.status, got.status, got.body) == (200, 200, b"content")
    assert put.headers["etag"] == got.headers["etag"] == f'"{hashlib.md5(b"content").hexdigest()}"'
    assert {name: got.headers[name.lower()] for name in headers} == headers
    assert (await send(aws, "DELETE", url)).status == 204
    assert error_of(await send(aws, "GET", url)) == (404, "NoSuchKey")
    assert (await send(aws, "DELETE", url)).status == 204
    operations = [it.operation for it in aws.exchanges]
    assert operations == [
        "PutObject", "GetObject", "DeleteObject", "GetObject", "DeleteObject",
    ]  # fmt: skip


async def test_list_in_pages(aws: AwsEndpoints) -> None:
    """Keys come in order of their bytes, from a prefix, a page at a time."""
    for key in ("p/b", "p/a", "q/c", "p/c"):
        await send(aws, "PUT", f"{PATH_STYLE}/{key}", b"x")
    asked = f"{PATH_STYLE}?list-type=2&max-keys=2&prefix=p%2F"
    first, token = listed(await send(aws, "GET", asked))
    second, end = listed(await send(aws, "GET", f"{asked}&continuation-token={token}"))

    assert (first, second, end) == (["p/a", "p/b"], ["p/c"], None)
    after = await send(aws, "GET", f"{VIRTUAL_HOST}/?list-type=2&start-after=p%2Fc")
    assert listed(after) == (["q/c"], None)
    folded = await send(aws, "GET", f"{PATH_STYLE}?delimiter=%2F&list-type=2")
    assert listed(folded) == (["p/", "q/"], None)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, {_SSE: "AES256"}),
        ({_SSE: "AES256"}, {_SSE: "AES256"}),
        (
            {
                _SSE: "aws:kms",
                f"{_SSE}-aws-kms-key-id": "alias/letters",
                f"{_SSE}-bucket-key-enabled": "true",
            },
            {
                _SSE: "aws:kms",
                f"{_SSE}-aws-kms-key-id": "alias/letters",
                f"{_SSE}-bucket-key-enabled": "true",
            },
        ),
    ],
)
async def test_encryption_is_noted(
    aws: AwsEndpoints, headers: dict[str, str], expected: dict[str, str]
) -> None:
    """What the PUT asked for is with the object, and in the answers."""
    url = f"{PATH_STYLE}/key"
    put = await send(aws, "PUT", url, b"x", headers=headers)
    got = await send(aws, "GET", url)

    for response in (put, got):
        assert {
            it: text for it, text in response.headers.items() if it.startswith(_SSE)
        } == expected
    encryption = aws.bucket.objects["key"].encryption
    assert (encryption.headers, encryption.was_asked) == (expected, bool(headers))


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({_SSE: "rot13"}, (400, "InvalidArgument")),
        ({_SSE: "AES256", f"{_SSE}-aws-kms-key-id": "k"}, (400, "InvalidArgument")),
        ({f"{_SSE}-aws-kms-key-id": "k"}, (400, "InvalidArgument")),
        ({"Content-MD5": base64.b64encode(b"0" * 16).decode()}, (400, "BadDigest")),
        ({"x-amz-checksum-sha256": "AAAA"}, (400, "BadDigest")),
    ],
)
async def test_bad_put(aws: AwsEndpoints, headers: dict[str, str], error: Any) -> None:
    """What cannot be is refused, and nothing is stored."""
    response = await send(aws, "PUT", f"{PATH_STYLE}/key", b"x", headers=headers)

    assert error_of(response) == error
    assert not aws.bucket.objects


async def test_policy_that_wants_encryption(aws: AwsEndpoints) -> None:
    """A bucket may deny what does not ask for its encryption."""
    aws.bucket.wants_encryption = "aws:kms"
    plain = await send(aws, "PUT", f"{PATH_STYLE}/key", b"x")
    encrypted = await send(aws, "PUT", f"{PATH_STYLE}/key", b"x", headers={_SSE: "aws:kms"})

    assert error_of(plain) == (403, "AccessDenied")
    assert encrypted.status == 200


async def test_put_only_if_absent(aws: AwsEndpoints) -> None:
    """If-None-Match keeps what is there."""
    headers = {"If-None-Match": "*"}
    url = f"{PATH_STYLE}/key"
    first = await send(aws, "PUT", url, b"1", headers=headers)
    second = await send(aws, "PUT", url, b"2", headers=headers)

    assert first.status == 200
    assert error_of(second) == (412, "PreconditionFailed")
    assert aws.bucket.objects["key"].body == b"1"


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("PUT", "/key", "s3:PutObject"),
        ("GET", "/key", "s3:GetObject"),
        ("DELETE", "/key", "s3:DeleteObject"),
        ("GET", "?list-type=2", "s3:ListBucket"),
    ],
)
async def test_missing_permission(aws: AwsEndpoints, method: str, path: str, action: str) -> None:
    """Each call has its action."""
    await send(aws, "PUT", f"{PATH_STYLE}/key", b"x")
    aws.trouble.denied.add(action)
    response = await send(aws, method, PATH_STYLE + path, b"y" if method == "PUT" else b"")

    assert error_of(response) == (403, "AccessDenied")
    assert action in response.body.decode()
    assert aws.bucket.objects["key"].body == b"x"


async def test_key_of_kms_may_be_denied(aws: AwsEndpoints) -> None:
    """Encryption with KMS takes a permission of its own."""
    aws.trouble.denied.add("kms:GenerateDataKey")
    response = await send(aws, "PUT", f"{PATH_STYLE}/key", b"x", headers={_SSE: "aws:kms"})

    assert error_of(response) == (403, "AccessDenied")
    assert (await send(aws, "PUT", f"{PATH_STYLE}/key", b"x")).status == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"region": "us-east-1"}, (400, "AuthorizationHeaderMalformed")),
        ({"key": AccessKey(key_id="AKIDNOBODY")}, (403, "InvalidAccessKeyId")),
        ({"key": AccessKey(token="other")}, (400, "InvalidToken")),
        ({"key": AccessKey(secret="wrong")}, (403, "SignatureDoesNotMatch")),
        ({"at_s": NOW_S - 901}, (403, "RequestTimeTooSkewed")),
        ({"at_s": NOW_S + 901}, (403, "RequestTimeTooSkewed")),
        ({"unsigned": {_SSE: "AES256"}}, (403, "AccessDenied")),
    ],
)
async def test_bad_signature(aws: AwsEndpoints, changes: dict[str, Any], error: Any) -> None:
    """S3 has names and statuses of its own, and fifteen minutes of patience."""
    response = await send(aws, "PUT", f"{PATH_STYLE}/key", b"x", **changes)

    assert error_of(response) == error
    assert not aws.bucket.objects


async def test_fifteen_minutes_are_still_right(aws: AwsEndpoints) -> None:
    """S3's bound itself is inside."""
    assert (await send(aws, "PUT", f"{PATH_STYLE}/key", b"x", at_s=NOW_S - 900)).status == 200


async def test_expired_key(aws: AwsEndpoints) -> None:
    """After a rotation S3 says ExpiredToken with 400."""
    aws.keys.expire()

    assert error_of(await send(aws, "GET", f"{PATH_STYLE}/key")) == (400, "ExpiredToken")


async def test_body_is_what_was_signed(aws: AwsEndpoints) -> None:
    """The hash in the header is compared with the body as received."""
    signed = Signed(url=f"{PATH_STYLE}/key", method="PUT", body=b"x", headers={}, service="s3")

    assert error_of(await signed.send(aws.url, body=b"y")) == (400, "XAmzContentSHA256Mismatch")


@pytest.mark.parametrize(
    ("service", "error"),
    [("throttled", (503, "SlowDown")), ("unavailable", (503, "ServiceUnavailable"))],
)
async def test_busy(aws: AwsEndpoints, service: str, error: Any) -> None:
    """S3 says both with 503."""
    getattr(aws.trouble, service).add("s3")

    assert error_of(await send(aws, "PUT", f"{PATH_STYLE}/key", b"x")) == error


async def test_other_bucket(aws: AwsEndpoints) -> None:
    """There is one bucket."""
    url = f"https://s3.{REGION}.amazonaws.com/other/key"

    assert error_of(await send(aws, "PUT", url, b"x")) == (404, "NoSuchBucket")


async def test_what_is_not_simulated_says_so(aws: AwsEndpoints) -> None:
    """Other calls are 501, whatever they are."""
    assert error_of(await send(aws, "POST", f"{PATH_STYLE}/key?uploads")) == (
        501, "NotImplemented",
    )  # fmt: skip
    assert (await send(aws, "GET", PATH_STYLE)).status == 501
