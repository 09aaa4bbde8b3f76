"""Requests that botocore signs and http.client sends: nothing of ours is in between."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from simulator.aws.endpoints import AccessKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOW_S = 1_795_000_000
NOW_NS = NOW_S * 1_000_000_000
REGION = "eu-central-1"
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back; `headers` have names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """The name of an error in JSON."""
        return str(json.loads(self.body).get("__type", ""))

    @property
    def message(self) -> str:
        """The message of an error in JSON."""
        return str(json.loads(self.body)["message"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A request to a name of AWS, and how it is signed; `at_s` is Unix time of the signature."""

    url: str
    body: bytes = b""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: PROTOBUF)
    service: str = ""
    region: str = REGION
    key: AccessKey = field(default_factory=AccessKey)
    at_s: int = NOW_S
    unsigned: Mapping[str, str] = field(default_factory=dict)
    """Headers that are added after signing."""

    def signed_headers(self) -> dict[str, str]:
        """Return all headers, in the end with the signature."""
        service = self.service or urlsplit(self.url).netloc.split(".")[0]
        request = AWSRequest(
            method=self.method, url=self.url, data=self.body, headers=dict(self.headers)
        )
        at = datetime.fromtimestamp(self.at_s, UTC)
        request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
        credentials = Credentials(self.key.key_id, self.key.secret, self.key.token or None)
        kind = S3SigV4Auth if service == "s3" else SigV4Auth
        _sign(kind(credentials, service, self.region), request)
        return {"Host": urlsplit(self.url).netloc, **dict(request.headers), **self.unsigned}

    async def send(self, to: str, **changes: Any) -> Response:
        """Send it to a host and port over plain HTTP; `changes` are made after signing."""
        headers = {**self.signed_headers(), **changes.pop("headers", {})}
        return await asyncio.to_thread(_send, to, self, headers, **changes)

    async def send_through(self, proxy: str, *, bundle: Path) -> Response:
        """Send it over TLS through a proxy."""
        return await asyncio.to_thread(_send_through, proxy, self, bundle)


def _sign(signer: Any, request: AWSRequest) -> None:
    """Do what `add_auth` does, at the time that the request has already."""
    signer._modify_request_before_signing(request)
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(to_sign, request))


def _send(
    to: str, signed: Signed, headers: Mapping[str, str], body: bytes | None = None
) -> Response:
    parts = urlsplit(signed.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection(urlsplit(to).netloc, timeout=30)
    return _exchange(connection, signed.method, target, body or signed.body, headers)


def _send_through(proxy: str, signed: Signed, bundle: Path) -> Response:
    parts = urlsplit(signed.url)
    context = ssl.create_default_context(cafile=str(bundle))
    connection = http.client.HTTPSConnection(urlsplit(proxy).netloc, context=context, timeout=30)
    connection.set_tunnel(parts.netloc, 443)
    return _exchange(connection, signed.method, parts.path, signed.body, signed.signed_headers())


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: bytes,
    headers: Mapping[str, str],
) -> Response:
    try:
        connection.request(method, target, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return Response(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.getheaders()},
            body=answer.read(),
        )
    finally:
        connection.close()
