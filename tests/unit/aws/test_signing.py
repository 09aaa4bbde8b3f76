"""What is signed, with which credentials and at which time; the simulator's judge decides."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from extension.aws.credentials import SandboxCredentials
from extension.aws.errors import SettingError, UpstreamError
from extension.aws.signing import Signer
from extension.process.clock import NS_PER_S
from simulator.aws.endpoints import AccessKey
from simulator.aws.endpoints.hosts import Place
from simulator.aws.endpoints.keys import Keyring
from simulator.aws.endpoints.request import Received
from simulator.aws.endpoints.signature import verify
from tests.credentials_endpoint import CredentialsEndpoint
from tests.doubles import ManualClock

URL = "https://xray.eu-central-1.amazonaws.com/v1/traces"
HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
KEY = AccessKey()


def signed(signer: Signer, body: bytes = b"spans") -> Received:
    """Return a request as it arrives."""
    headers = signer.sign("POST", URL, HEADERS, body, service="xray", region="eu-central-1")
    return Received(
        method="POST",
        host="xray.eu-central-1.amazonaws.com",
        path="/v1/traces",
        query="",
        headers=(("Host", "xray.eu-central-1.amazonaws.com"), *headers.items()),
        body=body,
    )


def is_taken(request: Received, *, at_ns: int) -> bool:
    """Have AWS check the signature; raises its error."""
    now = datetime.fromtimestamp(at_ns / NS_PER_S, UTC)
    place = Place(service="xray", region="eu-central-1")
    return verify(request, place=place, keys=Keyring(KEY), now=now) == KEY


def test_a_signature_is_what_botocore_computes() -> None:
    """The body, the headers and the session token are those of the signature."""
    clock = ManualClock()
    signer = Signer(SandboxCredentials(KEY.environment), clock=clock)
    assert is_taken(signed(signer), at_ns=clock.wall_ns)


def test_it_is_made_at_the_time_of_aws() -> None:
    """A clock that is wrong by an hour is corrected, and its correction ends with it."""
    clock = ManualClock()
    signer = Signer(SandboxCredentials(KEY.environment), clock=clock)
    aws_ns = clock.wall_ns + 3600 * NS_PER_S
    signer.set_time(aws_ns / NS_PER_S)
    assert is_taken(signed(signer), at_ns=aws_ns)
    clock.advance(3600)
    signer.set_time(clock.wall_ns / NS_PER_S)
    assert is_taken(signed(signer), at_ns=clock.wall_ns)


def test_an_answer_that_was_under_way_is_no_skew() -> None:
    """A difference of seconds is not taken for a wrong clock."""
    clock = ManualClock()
    signer = Signer(SandboxCredentials(KEY.environment), clock=clock)
    signer.set_time(clock.wall_ns / NS_PER_S - 30)
    assert signed(signer).header("x-amz-date") == "20260101T120000Z"


def test_there_are_no_other_credentials_than_those_in_the_environment() -> None:
    """Refused ones are not tried a second time."""
    assert not Signer(SandboxCredentials(KEY.environment)).renew_since(0)


HELD = ("_access_key", "_secret_key", "_token", "_expiry_time", "_frozen_credentials")
"""Where botocore keeps what was fetched."""


async def test_a_snapshot_holds_no_credentials_that_were_fetched() -> None:
    """What was signed during init leaves nothing behind; the next signature fetches again."""
    async with CredentialsEndpoint(token="in-the-snapshot", authorization="secret") as endpoint:
        credentials = SandboxCredentials(endpoint.environment)
        signer = Signer(credentials)
        await asyncio.to_thread(signed, signer)
        found = credentials.load_credentials()
        before = [getattr(found, each) for each in HELD]
        signer.forget()
        after = [getattr(found, each) for each in HELD]
        endpoint.token = "restored"
        request = await asyncio.to_thread(signed, signer)
    assert all(before)
    assert after == [None] * len(HELD)
    assert request.header("x-amz-security-token") == "restored"


@pytest.mark.parametrize(("skew_s", "signed_at"), [(60, "120000"), (-60, "120000"), (61, "120101")])
def test_a_skew_of_up_to_a_minute_is_none(skew_s: int, signed_at: str) -> None:
    """AWS takes five; and a restored sandbox begins without any."""
    clock = ManualClock()
    signer = Signer(SandboxCredentials(KEY.environment), clock=clock)
    signer.set_time(clock.wall_ns / NS_PER_S + skew_s)
    assert signed(signer).header("x-amz-date") == f"20260101T{signed_at}Z"
    signer.forget()
    assert signed(signer).header("x-amz-date") == "20260101T120000Z"


def test_without_credentials_nothing_is_signed() -> None:
    """The setting is missing, and another attempt does not help."""
    with pytest.raises(SettingError):
        signed(Signer(SandboxCredentials({})))


async def test_an_endpoint_that_does_not_answer_may_answer_later() -> None:
    """The error is one that passes."""
    async with CredentialsEndpoint(token="t", authorization="a", status=500) as endpoint:
        signer = Signer(SandboxCredentials(endpoint.environment))
        with pytest.raises(UpstreamError) as raised:
            await asyncio.to_thread(signed, signer)
    assert (raised.value.code, raised.value.transient) == ("CredentialRetrievalError", True)


async def test_credentials_that_aws_refuses_are_renewed() -> None:
    """Once for all callers: a caller that was refused earlier finds newer credentials already."""
    async with CredentialsEndpoint(token="one", authorization="a") as endpoint:
        signer = Signer(SandboxCredentials(endpoint.environment))
        await asyncio.to_thread(signed, signer)
        assert signer.renewals == 1
        for endpoint.token, renew in (
            ("two", signer.renew), ("three", lambda: signer.renew_since(2)),
        ):  # fmt: skip
            renew()
            request = await asyncio.to_thread(signed, signer)
            assert request.header("x-amz-security-token") == endpoint.token
        assert signer.renew_since(1)
        endpoint.token = "four"
        request = await asyncio.to_thread(signed, signer)
    assert (request.header("x-amz-security-token"), signer.renewals) == ("three", 3)


@pytest.mark.parametrize(
    ("service", "url", "is_in_header"),
    [("s3", "https://b.s3.eu-west-1.amazonaws.com/k", True), ("xray", URL, False)],
)
def test_the_hash_of_a_body_is_a_header_for_s3(service: str, url: str, is_in_header: bool) -> None:
    """It wants one; and the body is signed in any case, also over plain HTTP."""
    signer = Signer(SandboxCredentials(KEY.environment), clock=ManualClock())
    for scheme in ("https", "http"):
        at = url.replace("https", scheme)
        headers = signer.sign("PUT", at, {}, b"b", service=service, region="eu-west-1")
        hashed = sha256(b"b").hexdigest() if is_in_header else None
        assert headers.get("X-Amz-Content-SHA256") == hashed
        other = signer.sign("PUT", at, {}, b"c", service=service, region="eu-west-1")
        assert headers["Authorization"] != other["Authorization"]
