"""Signed exports against the simulator's AWS, which computes every signature with botocore."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from extension.process.clock import NS_PER_S, Instant, SystemClock
from simulator.aws.endpoints import AccessKey, AwsEndpoints, AwsError
from tests.credentials_endpoint import CredentialsEndpoint
from tests.signed_exports import SignedExports, signed_exports
from tests.simulator.aws.messages import span, spans

NEW = AccessKey(key_id="ASIANEW", secret="new-secret", token="new-token")


def body() -> bytes:
    """Return a request of one span, of now."""
    encoded: bytes = spans(span(at_ns=SystemClock().now().wall_ns)).SerializeToString()
    return encoded


class WrongClock:
    """The machine's clock, and what it is ahead."""

    def __init__(self, ahead_s: float) -> None:
        self.ahead_s = ahead_s

    def now(self) -> Instant:
        """Return the moment that it shows."""
        now = SystemClock().now()
        return now._replace(wall_ns=now.wall_ns + round(self.ahead_s * NS_PER_S))


class FreezingClock(WrongClock):
    """Minutes pass between two looks at it."""

    def __init__(self) -> None:
        super().__init__(-400.0)

    def now(self) -> Instant:
        """Return the moment that it shows."""
        self.ahead_s += 200.0
        return super().now()


@pytest.fixture
async def aws() -> AsyncIterator[AwsEndpoints]:
    """AWS on loopback."""
    async with AwsEndpoints() as aws:
        yield aws


@pytest.fixture
async def exports(aws: AwsEndpoints) -> AsyncIterator[SignedExports]:
    """What exports there with valid credentials."""
    async with signed_exports(aws) as exports:
        yield exports


@pytest.fixture
async def endpoint(aws: AwsEndpoints) -> AsyncIterator[CredentialsEndpoint]:
    """An endpoint that hands out the key which AWS knows."""
    async with CredentialsEndpoint(token="unused", authorization="secret") as endpoint:
        endpoint.hand_out(aws.key)
        yield endpoint


def errors(aws: AwsEndpoints) -> list[str]:
    """How the requests ended, in their order."""
    return [each.error for each in aws.exchanges]


@pytest.mark.parametrize("compression", ["gzip", "none"])
async def test_signed_are_the_bytes_as_they_leave(aws: AwsEndpoints, compression: str) -> None:
    """Compressed or not, AWS computes the same signature, and reads the span."""
    async with signed_exports(aws, compression=compression, headers={"x-team": "a  b"}) as exports:
        outcome = await exports.send("traces", body())
    assert outcome.kind == "accepted", outcome
    assert len(aws.spans) == 1


async def test_rotated_credentials_are_fetched_once(
    aws: AwsEndpoints, endpoint: CredentialsEndpoint
) -> None:
    """A token that expires between two exports costs one refused request, and no data."""
    async with signed_exports(aws, environ=endpoint.environment) as exports:
        assert (await exports.send("traces", body())).kind == "accepted"
        aws.keys.rotate(NEW)
        endpoint.hand_out(NEW)
        assert (await exports.send("traces", body())).kind == "accepted"
    assert errors(aws) == ["", "ExpiredTokenException", ""]
    assert [each.key_id for each in aws.exchanges] == [aws.key.key_id, aws.key.key_id, NEW.key_id]
    assert endpoint.requests == 2


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_the_name_of_the_error_counts_not_its_status(
    aws: AwsEndpoints, endpoint: CredentialsEndpoint, status: int
) -> None:
    """Some services of AWS answer an expired token with 400, which alone would end a batch."""
    forms = {400: "body", 401: "header", 403: "status"}
    aws.trouble.authentication_status = status  # type: ignore[assignment]  # one of its literals
    aws.trouble.error_form = forms[status]  # type: ignore[assignment]  # likewise
    async with signed_exports(aws, environ=endpoint.environment) as exports:
        await exports.send("traces", body())
        aws.keys.rotate(NEW)
        outcome = await exports.send("traces", body())
        assert (outcome.kind, outcome.cause) == (
            "unauthenticated",
            f"status {status} ExpiredTokenException",
        )
        endpoint.hand_out(NEW)
        assert (await exports.send("traces", body())).kind == "accepted"


async def test_three_signals_renew_once(aws: AwsEndpoints, endpoint: CredentialsEndpoint) -> None:
    """Refused at the same time, they ask the endpoint together: one request, not three."""
    async with signed_exports(aws, environ=endpoint.environment) as exports:
        await exports.send("traces", body())
        aws.keys.rotate(NEW)
        endpoint.hand_out(NEW)
        outcomes = await asyncio.gather(*(exports.send("traces", body()) for _ in range(3)))
    assert {outcome.kind for outcome in outcomes} == {"accepted"}
    assert endpoint.requests == 2


async def test_credentials_of_the_environment_are_tried_once(
    aws: AwsEndpoints, exports: SignedExports
) -> None:
    """They cannot be renewed: the batch is kept, after one request."""
    aws.keys.expire()
    assert (await exports.send("traces", body())).kind == "unauthenticated"
    assert len(aws.exchanges) == 1


@pytest.mark.parametrize("ahead_s", [-7200.0, 7200.0])
async def test_a_wrong_clock_is_corrected_once(aws: AwsEndpoints, ahead_s: float) -> None:
    """The first refusal tells the time, and later requests are signed by it."""
    async with signed_exports(aws, clock=WrongClock(ahead_s)) as exports:
        for _ in range(2):
            assert (await exports.send("traces", body())).kind == "accepted"
    assert errors(aws) == ["InvalidSignatureException", "", ""]


async def test_a_clock_that_is_right_again_is_noticed(aws: AwsEndpoints) -> None:
    """After a thaw the clock may be wrong for a moment; its correction does not outlive that."""
    clock = WrongClock(-7200.0)
    async with signed_exports(aws, clock=clock) as exports:
        await exports.send("traces", body())
        clock.ahead_s = 0.0
        for _ in range(2):
            assert (await exports.send("traces", body())).kind == "accepted"
    assert errors(aws) == ["InvalidSignatureException", "", "InvalidSignatureException", "", ""]


async def test_a_wrong_clock_and_old_credentials_at_once(
    aws: AwsEndpoints, endpoint: CredentialsEndpoint
) -> None:
    """Each is cured once, in whatever order AWS finds them."""
    clock = WrongClock(0.0)
    async with signed_exports(aws, clock=clock, environ=endpoint.environment) as exports:
        await exports.send("traces", body())
        aws.keys.rotate(NEW)
        endpoint.hand_out(NEW)
        clock.ahead_s = -7200.0
        assert (await exports.send("traces", body())).kind == "accepted"
    assert errors(aws) == ["", "ExpiredTokenException", "InvalidSignatureException", ""]


async def test_each_attempt_has_a_signature_of_its_own(aws: AwsEndpoints) -> None:
    """A request that a freeze cut is sent again with a signature of the time after it."""
    aws.trouble.lost_answers = {"xray"}

    def thaw(_: object) -> None:
        if aws.exchanges:
            aws.trouble.lost_answers = set()

    aws.trouble.refuse = thaw
    async with signed_exports(aws, clock=FreezingClock()) as exports:
        assert (await exports.send("traces", body())).kind == "accepted"
    first, second = (each.request.header("x-amz-date") for each in aws.exchanges)
    assert first < second


async def test_without_credentials_nothing_is_sent(aws: AwsEndpoints) -> None:
    """The batch waits, and the line says why."""
    async with signed_exports(aws, environ={}) as exports:
        outcome = await exports.send("traces", body())
    assert (outcome.kind, aws.exchanges) == ("kept", [])
    assert "there are no AWS credentials" in outcome.cause


async def test_transaction_search_is_off(aws: AwsEndpoints, exports: SignedExports) -> None:
    """The batch is kept until a person has run the command that the line names."""
    aws.trouble.transaction_search_off = True
    outcome = await exports.send("traces", body())
    assert outcome.kind == "kept"
    assert outcome.cause == (
        "status 400 InvalidRequestException: Transaction Search is off: "
        "aws xray update-trace-segment-destination --destination CloudWatchLogs"
    )


async def test_a_missing_permission_is_named(aws: AwsEndpoints, exports: SignedExports) -> None:
    """The action that the role lacks stands in the line."""
    aws.trouble.denied = {"xray:PutTraceSegments"}
    outcome = await exports.send("traces", body())
    assert outcome.kind == "kept"
    assert outcome.cause.endswith("AccessDeniedException: the role needs xray:PutTraceSegments")


async def test_throttled(aws: AwsEndpoints, exports: SignedExports) -> None:
    """It is kept, as any 429 is, with what can be done about it."""
    aws.trouble.throttled = {"xray"}
    outcome = await exports.send("traces", body())
    assert outcome.kind == "kept"
    assert "AWS throttles" in outcome.cause


async def test_any_other_refusal_is_final(aws: AwsEndpoints, exports: SignedExports) -> None:
    """A batch that AWS calls invalid would be invalid again."""
    outcome = await exports.send("traces", b"\xff\xff")
    assert (outcome.kind, outcome.cause) == ("rejected", "status 400 InvalidRequestException")


async def test_the_signed_request_is_not_repeated_in_a_line(
    aws: AwsEndpoints, exports: SignedExports
) -> None:
    """A wrong signature is answered with the request, in which the session token stands."""

    def refuse(_: object) -> None:
        words = "The request signature does not match.\n\nThe Canonical String for this request"
        raise AwsError("InvalidSignatureException", f"{words} was\n'{aws.key.token}'\n", status=403)

    aws.trouble.refuse = refuse
    outcome = await exports.send("traces", body())
    assert (outcome.kind, outcome.said) == (
        "unauthenticated",
        "The request signature does not match.",
    )
