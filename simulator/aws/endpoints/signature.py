"""Whether a request is signed as Signature Version 4 asks: botocore's own signer computes it again.

What is hashed are the bytes as received. The one liberty: botocore leaves some headers (User-Agent,
say) unsigned, and AWS takes them signed, so exactly the headers that a request calls signed count.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from simulator.aws.endpoints import signature_errors as errors

if TYPE_CHECKING:
    from simulator.aws.endpoints.hosts import Place
    from simulator.aws.endpoints.keys import AccessKey, Keyring
    from simulator.aws.endpoints.request import Received

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
STAMP = "%Y%m%dT%H%M%SZ"
_ALGORITHM = "AWS4-HMAC-SHA256"
_LATITUDE = {"s3": timedelta(minutes=15)}
_USUAL_LATITUDE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What the Authorization header says."""

    key_id: str
    scope: tuple[str, ...]
    signed: tuple[str, ...]
    signature: str


def verify(request: Received, *, place: Place, keys: Keyring, now: datetime) -> AccessKey:
    """Return the key that signed the request; raises AwsError, in the words of the service."""
    claim = _claim(request, place)
    key = _key(request, claim, keys, place)
    stamp = _stamp(request, place)
    _check_scope(claim, place, stamp)
    _check_time(stamp, place, now)
    _check_headers(request, claim, place)
    _check_payload(request, place)
    canonical, to_sign, expected = _computed(request, claim, place, key, stamp)
    if expected != claim.signature:
        raise errors.mismatch(place, canonical=canonical, to_sign=to_sign)
    return key


def key_id_of(request: Received) -> str:
    """Return the access key id that a request names; empty if it names none."""
    _, _, rest = request.header("authorization").partition("Credential=")
    return rest.partition("/")[0]


def _claim(request: Received, place: Place) -> _Claim:
    header = request.header("authorization")
    algorithm, _, rest = header.partition(" ")
    if algorithm != _ALGORITHM:
        raise errors.missing(place)
    pairs = (part.strip().partition("=") for part in rest.split(","))
    fields = {name: value for name, _, value in pairs}
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not fields.get(name):
            raise errors.incomplete(place, f"Authorization header requires '{name}' parameter.")
    key_id, *scope = fields["Credential"].split("/")
    if len(scope) != 4:
        raise errors.incomplete(place, "Credential must have exactly 5 slash-delimited elements.")
    signed = tuple(fields["SignedHeaders"].split(";"))
    return _Claim(key_id=key_id, scope=tuple(scope), signed=signed, signature=fields["Signature"])


def _key(request: Received, claim: _Claim, keys: Keyring, place: Place) -> AccessKey:
    key = keys.find(claim.key_id)
    if key is None:
        raise errors.unknown_key(place)
    if request.header("x-amz-security-token") != key.token:
        raise errors.wrong_token(place)
    if keys.is_expired(key):
        raise errors.expired(place)
    return key


def _stamp(request: Received, place: Place) -> str:
    stamp = request.header("x-amz-date")
    try:
        datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise errors.incomplete(
            place, "Authorization header requires existence of a valid 'X-Amz-Date' header."
        ) from None
    return stamp


def _check_scope(claim: _Claim, place: Place, stamp: str) -> None:
    day, region, service, end = claim.scope
    if region != place.region:
        raise errors.wrong_region(place, found=region)
    if service != place.service:
        raise errors.wrong_service(place, found=service)
    if end != "aws4_request":
        raise errors.bad_scope(
            place, "Credential should be scoped with a valid terminator: 'aws4_request'."
        )
    if day != stamp[:8]:
        raise errors.bad_scope(
            place,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{day}' != '{stamp[:8]}', from '{stamp}'.",
        )


def _check_time(stamp: str, place: Place, now: datetime) -> None:
    sent = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    # Whole seconds on both sides, as the stamps of the messages have them.
    now = now.replace(microsecond=0)
    latitude = _LATITUDE.get(place.service, _USUAL_LATITUDE)
    if not now - latitude <= sent <= now + latitude:
        raise errors.skewed(place, sent=sent, now=now, latitude=latitude)


def _check_headers(request: Received, claim: _Claim, place: Place) -> None:
    if "host" not in claim.signed:
        raise errors.bad_scope(place, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    if place.service == "s3":
        names = {name.lower() for name, _ in request.headers}
        unsigned = sorted(it for it in names - set(claim.signed) if it.startswith("x-amz-"))
        if unsigned:
            raise errors.not_signed(place, unsigned)


def _check_payload(request: Received, place: Place) -> None:
    claimed = request.header("x-amz-content-sha256")
    if place.service == "s3" and claimed == UNSIGNED_PAYLOAD:
        return
    computed = hashlib.sha256(request.body).hexdigest()
    if place.service == "s3" and not claimed:
        raise errors.payload_hash_missing()
    if claimed not in ("", computed):
        raise errors.payload_mismatch(place, claimed=claimed, computed=computed)


def _computed(
    request: Received, claim: _Claim, place: Place, key: AccessKey, stamp: str
) -> tuple[str, str, str]:
    """Return canonical request, string to sign and signature, as botocore makes them."""
    kind = S3SigV4Auth if place.service == "s3" else SigV4Auth
    credentials = Credentials(key.key_id, key.secret, key.token or None)
    signer = kind(credentials, place.service, place.region)
    signer.headers_to_sign = lambda request: request.headers
    again = _as_botocore_has_it(request, claim)
    again.context["timestamp"] = stamp
    try:
        canonical = signer.canonical_request(again)
        to_sign = signer.string_to_sign(again, canonical)
    except UnicodeError:
        return "", "", ""
    return canonical, to_sign, signer.signature(to_sign, again)


def _as_botocore_has_it(request: Received, claim: _Claim) -> AWSRequest:
    query = f"?{request.query}" if request.query else ""
    again = AWSRequest(
        method=request.method,
        url=f"https://{request.host}{request.path}{query}",
        data=request.body,
    )
    again.headers = HTTPHeaders()
    for name, value in request.headers:
        if name.lower() in claim.signed:
            again.headers.add_header(name.lower(), value)
    return again
