"""A request is taken when botocore's signer comes to the same signature, and refused else."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from simulator.aws.endpoints import AccessKey, AwsEndpoints
from tests.simulator.aws.conftest import Post
from tests.simulator.aws.messages import span, spans
from tests.simulator.aws.signed import NOW_S, PROTOBUF, Signed

URL = "https://xray.eu-central-1.amazonaws.com/v1/traces"
BODY = spans(span()).SerializeToString()
FIVE_MINUTES = 300


async def test_a_signed_request_is_taken(aws: AwsEndpoints, post: Post) -> None:
    """It is answered with an empty message, and kept decoded and as it came."""
    response = await post("traces", BODY)

    assert (response.status, response.body) == (200, b"")
    assert response.headers["content-type"] == "application/x-protobuf"
    assert [span.name for span in aws.spans] == ["work"]
    assert aws.accepted[0].request.body == BODY
    assert aws.exchanges[0].key_id == aws.key.key_id


async def test_a_permanent_key_needs_no_token(aws: AwsEndpoints, post: Post) -> None:
    """A user's key has no session token, and none is asked for."""
    key = AccessKey(key_id="AKIAUSER", secret="s", token="")
    aws.keys.add(key)

    assert (await post("traces", BODY, key=key)).status == 200


async def test_what_is_signed_are_the_compressed_bytes(aws: AwsEndpoints) -> None:
    """A hash of what was there before gzip is a wrong hash."""
    compressed = gzip.compress(BODY)
    headers = {**PROTOBUF, "Content-Encoding": "gzip"}
    right = Signed(url=URL, body=compressed, headers=headers)
    wrong = Signed(url=URL, body=BODY, headers=headers)

    assert (await right.send(aws.url)).status == 200
    response = await wrong.send(aws.url, body=compressed)
    assert (response.status, response.error) == (403, "InvalidSignatureException")
    assert response.message.startswith("The request signature we calculated does not match")
    assert "The Canonical String for this request should have been" in response.message


@pytest.mark.parametrize("name", ["User-Agent", "x-aws-log-group", "Content-Encoding"])
async def test_further_headers_may_go_unsigned(aws: AwsEndpoints, name: str) -> None:
    """Clients add headers after signing; AWS does not mind."""
    signed = Signed(url=URL, body=BODY, unsigned={name: "identity"})

    assert (await signed.send(aws.url)).status == 200


async def test_a_signed_header_may_not_change(aws: AwsEndpoints) -> None:
    """Each header in the list of signed ones has the value that was signed."""
    signed = Signed(url=URL, body=BODY, headers={**PROTOBUF, "x-note": "a  b"})

    assert (await signed.send(aws.url, headers={"x-note": "a b"})).status == 200
    assert (await signed.send(aws.url, headers={"x-note": "c"})).error == _INVALID


_INVALID = "InvalidSignatureException"
_ROTATED = AccessKey(key_id="AKIDROTATED", secret="new", token="new-token")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"service": "logs"}, _INVALID, "Credential should be scoped to correct service: 'xray'."),
        ({"region": "us-east-1"}, _INVALID, "Credential should be scoped to a valid region"),
        (
            {"key": AccessKey(key_id="AKIDNOBODY")},
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        (
            {"key": AccessKey(token="of another key")},
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        ({"key": AccessKey(token="")}, "UnrecognizedClientException", "The security token"),
        ({"key": AccessKey(secret="wrong")}, _INVALID, "The request signature we calculated"),
        ({"at_s": NOW_S - FIVE_MINUTES - 1}, _INVALID, "Signature expired: "),
        ({"at_s": NOW_S + FIVE_MINUTES + 1}, _INVALID, "Signature not yet current: "),
    ],
)
async def test_wrong_signature_is_named(
    aws: AwsEndpoints, post: Post, changes: dict[str, Any], error: str, message: str
) -> None:
    """The name and the words are AWS's; nothing is kept."""
    response = await post("traces", BODY, **changes)

    assert (response.status, response.error) == (403, error)
    assert response.message.startswith(message)
    assert response.headers["content-type"] == "application/json"
    assert not aws.accepted
    assert [(it.status, it.error) for it in aws.refused] == [(403, error)]


@pytest.mark.parametrize("seconds", [-FIVE_MINUTES, FIVE_MINUTES])
async def test_five_minutes_are_still_right(post: Post, seconds: int) -> None:
    """The bounds themselves are inside."""
    assert (await post("traces", BODY, at_s=NOW_S + seconds)).status == 200


async def test_expired_signature_says_by_how_much(post: Post) -> None:
    """The message has both times, as production logs have it."""
    response = await post("traces", BODY, at_s=NOW_S - FIVE_MINUTES - 1)

    assert response.message == (
        "Signature expired: 20261118T110139Z is now earlier than 20261118T110140Z "
        "(20261118T110640Z - 5 min.)"
    )


async def test_clock_of_aws_is_in_the_date(aws: AwsEndpoints, post: Post) -> None:
    """A sender whose clock is wrong can read the right time from the refusal, and use it."""
    aws.trouble.clock_skew_s = 3600
    refused = await post("traces", BODY)

    assert refused.error == _INVALID
    assert refused.headers["date"] == "Wed, 18 Nov 2026 12:06:40 GMT"
    assert (await post("traces", BODY, at_s=NOW_S + 3600)).status == 200


async def test_rotated_key_is_expired(aws: AwsEndpoints, post: Post) -> None:
    """After a rotation the old key is refused as expired, and the new one is accepted."""
    aws.keys.rotate(_ROTATED)
    response = await post("traces", BODY)

    assert (response.status, response.error) == (403, "ExpiredTokenException")
    assert (await post("traces", BODY, key=_ROTATED)).status == 200


async def test_token_and_signature_come_from_one_key(aws: AwsEndpoints) -> None:
    """The token of one key beside the signature of another is refused."""
    aws.keys.add(_ROTATED)
    signed = Signed(url=URL, body=BODY)
    response = await signed.send(aws.url, headers={"X-Amz-Security-Token": _ROTATED.token})

    assert response.error == "UnrecognizedClientException"


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("Bearer ACWLabc", "MissingAuthenticationTokenException"),
        ("AWS4-HMAC-SHA256 Credential=a/b", "IncompleteSignatureException"),
        (
            "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c",
            "IncompleteSignatureException",
        ),
    ],
)
async def test_half_a_signature_is_named(aws: AwsEndpoints, header: str, error: str) -> None:
    """What is missing is reported before anything is computed."""
    response = await Signed(url=URL, body=BODY).send(aws.url, headers={"Authorization": header})

    assert (response.status, response.error) == (403, error)


async def test_host_must_be_signed(aws: AwsEndpoints) -> None:
    """A signature that would be right at any host is right at none."""
    authorization = Signed(url=URL, body=BODY).signed_headers()["Authorization"]
    changed = {"Authorization": authorization.replace("host;", "")}

    response = await Signed(url=URL, body=BODY).send(aws.url, headers=changed)
    assert response.message.startswith("'Host' must be a 'SignedHeader'")


async def test_wrong_content_hash_is_refused(aws: AwsEndpoints) -> None:
    """A hash in a header must be that of the body, and no word stands for one."""
    for sent in ("UNSIGNED-PAYLOAD", "0" * 64):
        headers = {**PROTOBUF, "X-Amz-Content-SHA256": sent}
        response = await Signed(url=URL, body=BODY, headers=headers).send(aws.url)
        assert response.error == _INVALID


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_status_of_a_bad_signature_can_be_chosen(
    aws: AwsEndpoints, post: Post, status: Any
) -> None:
    """AWS's sources disagree on the status; the name of the error is the same."""
    aws.trouble.authentication_status = status
    response = await post("traces", BODY, key=AccessKey(key_id="AKIDNOBODY"))

    assert (response.status, response.error) == (status, "UnrecognizedClientException")


async def test_name_of_an_error_can_be_in_a_header_alone(aws: AwsEndpoints, post: Post) -> None:
    """REST services of AWS name an error in x-amzn-ErrorType."""
    aws.trouble.error_form = "header"
    response = await post("traces", BODY, key=AccessKey(key_id="AKIDNOBODY"))

    assert response.headers["x-amzn-errortype"] == "UnrecognizedClientException"
    assert response.error == ""
