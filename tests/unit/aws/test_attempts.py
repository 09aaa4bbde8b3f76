"""The attempts of one call: counted, ended where nothing waits, and signed again once."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from extension.aws.attempts import Attempts
from extension.aws.call import Call, Service
from extension.aws.client_builder import Client
from extension.aws.errors import TIMEOUT, UNUSABLE, UpstreamError

HOST = "ssm.eu-west-1.amazonaws.com"


class Identity:
    """Credentials that are renewed on demand, if they can be."""

    def __init__(self, *, are_renewable: bool) -> None:
        self.renewals = 3
        self.are_renewable = are_renewable
        self.expired: list[int] = []

    def load_credentials(self) -> None:
        """Return none: nothing is signed here."""

    def expire(self, *, since: int) -> None:
        """Note when it was asked to renew them."""
        self.expired.append(since)


class Botocore:
    """A client that answers with what it is given, one after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.meta = type("Meta", (), {"endpoint_url": f"https://{HOST}/"})

    def get_parameter(self, **arguments: Any) -> Any:
        """Return or raise the next answer."""
        self.asked.append(arguments)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


ANSWER = {"Parameter": {}, "ResponseMetadata": {"RequestId": "r-1"}}


def refusal(code: str, *, message: str = "said", status: int = 400) -> ClientError:
    """Return what botocore raises for an error that AWS answered."""
    metadata = {"RequestId": "r-2", "HTTPStatusCode": status}
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata},
        "GetParameter",
    )


class Bench:
    """One call, and a client with answers for it."""

    def __init__(self, *answers: Any, are_renewable: bool = True, service: str = "SSM") -> None:
        self.identity = Identity(are_renewable=are_renewable)
        self.botocore = Botocore(*answers)
        self.client = Client(service, self.botocore, self.identity, "")
        self.call = Call(
            service=Service.SSM, operation="GetParameter", name="a", arguments={"Name": "a"}
        )
        self.attempts = Attempts()
        self.attempts.begin(self.call)

    def ask(self) -> Any:
        """Return the answer."""
        return self.attempts.ask(self.client, "get_parameter", self.call.arguments)

    def error(self) -> UpstreamError:
        """Return the error that there is in place of an answer."""
        with pytest.raises(UpstreamError) as raised:
            self.ask()
        return raised.value


def test_an_answer_names_its_request() -> None:
    """AWS support asks for it; an emulator may not send one."""
    bench = Bench(ANSWER, {})
    assert bench.ask() == ANSWER
    assert bench.call.request_id == "r-1"
    assert bench.botocore.asked == [{"Name": "a"}]
    bench.ask()
    assert bench.call.request_id == ""


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException"])
def test_expired_credentials_are_renewed_once(code: str) -> None:
    """The credentials that signed the refused request are renewed; a second refusal is final."""
    bench = Bench(refusal(code), ANSWER)
    assert bench.ask() == ANSWER
    assert bench.identity.expired == [3]
    again = Bench(refusal(code), refusal(code))
    assert again.error().transient
    assert len(again.botocore.asked) == 2


def test_what_cannot_be_renewed_is_not_tried_again() -> None:
    """Credentials in the environment stay the same: AWS's refusal is final."""
    bench = Bench(refusal("ExpiredToken"), are_renewable=False)
    assert not bench.error().transient
    assert bench.identity.expired == []


def test_other_credentials_that_have_expired_are_not_these() -> None:
    """STS refuses those of the function, within the call of a role's client."""
    error = UpstreamError("ExpiredToken", service="STS")
    bench = Bench(error)
    assert bench.error() is error
    assert bench.identity.expired == []


def test_a_signature_of_another_time_is_made_again() -> None:
    """A freeze lay between signing and sending; the credentials are still good."""
    bench = Bench(refusal("RequestExpired"), ANSWER)
    assert bench.ask() == ANSWER
    assert bench.identity.expired == []
    late = refusal("SignatureDoesNotMatch", message="Signature expired: 1 is now earlier than 2")
    assert Bench(late, ANSWER).ask() == ANSWER


@pytest.mark.parametrize(
    ("code", "status", "transient"),
    [
        ("AccessDeniedException", 400, False),
        ("ThrottlingException", 400, True),
        ("Whatever", 503, True),
        ("SignatureDoesNotMatch", 403, False),
    ],
)
def test_a_refusal_is_told_as_aws_wrote_it(code: str, status: int, transient: bool) -> None:
    """With its request; only trouble is worth another call."""
    bench = Bench(refusal(code, status=status))
    error = bench.error()
    assert (error.code, error.message, error.service) == (code, "said", "SSM")
    assert (error.request_id, bench.call.request_id) == ("r-2", "r-2")
    assert error.transient is transient
    assert len(bench.botocore.asked) == 1


@pytest.mark.parametrize(
    ("message", "action"),
    [
        ("not authorized to perform: ssm:GetParameter", "ssm:GetParameter on it"),
        ("The ciphertext refers to a KMS key that is not there", "kms:Decrypt on its key"),
    ],
)
def test_a_denial_names_the_permission(message: str, action: str) -> None:
    """In our own words: AWS's may hold more than may be logged."""
    denied = Bench(refusal("AccessDeniedException", message=message)).error()
    assert denied.reason == f"check that the role may call {action}"
    assert Bench(refusal("ParameterNotFound", message=message)).error().reason == ""


def test_a_denial_by_sts_is_not_one_of_the_value() -> None:
    """What a role lacks is said by the role."""
    assert Bench(refusal("AccessDenied"), service="STS").error().reason == ""


def test_a_refusal_without_a_code_is_unusable() -> None:
    """Something that is not AWS has answered."""
    error = Bench(ClientError({}, "GetParameter")).error()
    assert (error.code, error.message, error.request_id) == (UNUSABLE, "", "")
    assert not error.transient


@pytest.mark.parametrize(
    ("raised", "transient"),
    [
        (ReadTimeoutError(endpoint_url=HOST), True),
        (EndpointConnectionError(endpoint_url=HOST), True),
        (ResponseParserError("rubbish"), True),
        (ParamValidationError(report="x"), False),
    ],
)
def test_without_an_answer_the_type_says_why(raised: Exception, transient: bool) -> None:
    """A network that fails may work again; a request that cannot be made never does."""
    error = Bench(raised).error()
    assert (error.code, error.service) == (type(raised).__name__, "SSM")
    assert error.transient is transient


def test_the_host_is_part_of_the_reason() -> None:
    """As the client names it."""
    bench = Bench(ReadTimeoutError(endpoint_url="x"))
    assert bench.error().reason == f"{HOST} accepts connections and does not answer"


def test_attempts_of_botocore_are_counted() -> None:
    """Each before it is made, unless nothing waits for the call any more."""
    bench = Bench()
    bench.attempts.before()
    bench.attempts.before()
    assert bench.call.attempts == 2
    bench.call.abandoned = True
    with pytest.raises(UpstreamError) as raised:
        bench.attempts.before()
    error = raised.value
    assert (error.code, error.service, error.transient) == (TIMEOUT, "SSM", True)
    assert bench.call.attempts == 2


@pytest.mark.parametrize(
    ("answers", "throttles"),
    [
        ([None, {}, {"Error": {}}, {"Error": {"Code": "AccessDeniedException"}}], 0),
        ([{"Error": {"Code": "ThrottlingException"}}, {"Error": {"Code": "SlowDown"}}], 2),
    ],
)
def test_answers_that_slow_us_down_are_counted(answers: list[Any], throttles: int) -> None:
    """Those with a code of throttling, and no others."""
    bench = Bench()
    for answer in answers:
        bench.attempts.after(parsed_response=answer)
    assert bench.call.throttles == throttles
