"""Which requests to AWS are signed, by whom, and how often they are sent."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from extension.process.clock import SystemClock
from extension.process.log import Log
from extension.process.waits import Budget
from extension.settings.aws_hosts import SignedFor
from extension.telemetry.export.answers import Answer
from extension.telemetry.export.aws_requests import AwsRequests
from extension.telemetry.export.bucket import Bucket, Route
from extension.telemetry.export.connection_failures import NotSignedError
from extension.telemetry.export.log_stream import GROUP, STREAM, LogStream
from extension.telemetry.export.outcome import judge_status
from extension.telemetry.export.s3_location import location_of
from extension.telemetry.export.target import Target, is_loopback
from tests.doubles import LogLines, SequentialIds

GATEWAY = SignedFor(service="execute-api", region="r")
XRAY, LOGS = SignedFor(service="xray", region="r"), SignedFor(service="logs", region="r")
OK, GONE = Answer(status=200), Answer(status=400, error_type="ResourceNotFoundException")
EXPIRED = Answer(status=403, error_type="ExpiredTokenException")
SKEWED = Answer(status=403, error_type="RequestTimeTooSkewed", date="Wed, 21 Oct 2015 07:28:00 GMT")


class Signer:
    """Signs with a number, and has so many other credentials."""

    def __init__(self, *, others: int = 0, fails: bool = False) -> None:
        self.renewals = 0
        self.signed: list[tuple[str, str, dict[str, str], bytes, str]] = []
        self.times: list[float] = []
        self._others, self._fails = others, fails

    def sign(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        service: str,
        region: str,
    ) -> dict[str, str]:
        """Sign one request."""
        if self._fails:
            raise ValueError("no credentials")
        self.signed.append((method, url, dict(headers), body, f"{service} {region}"))
        return {"Authorization": str(len(self.signed))}

    def renew_since(self, renewals: int) -> bool:
        """Take other credentials, if there are any."""
        assert renewals == self.renewals
        self.renewals += 1
        return self.renewals <= self._others

    def set_time(self, aws_s: float) -> None:
        """Note the time."""
        self.times.append(aws_s)


class Stage:
    """Requests to AWS, which answers with a list, then with success."""

    def __init__(self, *answers: Answer, signer: Signer | None = None) -> None:
        self.signer = signer
        self.lines = LogLines()
        log = Log(clock=SystemClock(), sink=self.lines)
        self.stream = LogStream("group", ids=SequentialIds(), log=log)
        self.aws = AwsRequests(signer, stream=self.stream)
        self.sent: list[tuple[str, bytes, Mapping[str, str]]] = []
        self._answers = list(answers)

    async def send(self, target: Target, headers: Mapping[str, str] | None = None) -> Answer:
        """Send an export."""
        named = headers or {"content-type": "a/b", "x-other": "o"}
        return await self.aws.send(target, b"body", named, send=self._send)

    async def _send(
        self, target: Target, body: bytes, headers: Mapping[str, str], *, alone: bool
    ) -> Answer:
        assert not alone  # nothing here is a dead connection
        self.sent.append((target.url, body, headers))
        return self._answers.pop(0) if self._answers else OK


def target(service: SignedFor | None, *, is_signed: bool = True) -> Target:
    """Return a target of AWS."""
    return Target(
        url="https://xray.r.amazonaws.com/v1/traces?x=a%2Fb",
        headers={"x-own": "1"},
        compression="none",
        timeout_s=1.0,
        aws=service,
        is_signed=is_signed,
    )


async def test_what_is_signed_is_what_leaves() -> None:
    """The headers that nothing on the way changes, and the whole body."""
    signer = Signer()
    stage = Stage(signer=signer)
    assert await stage.send(target(XRAY)) == OK
    [(method, url, headers, body, where)] = signer.signed
    assert (method, url, body, where) == (
        "POST", "https://xray.r.amazonaws.com/v1/traces?x=a/b", b"body", "xray r",
    )  # fmt: skip
    assert headers == {"content-type": "a/b"}
    assert stage.sent[0][2] == {"content-type": "a/b", "x-other": "o", "Authorization": "1"}


@pytest.mark.parametrize(
    ("service", "is_signed", "signer"),
    [(XRAY, False, Signer()), (XRAY, True, None), (None, True, Signer())],
)
async def test_what_is_not_to_be_signed_leaves_as_it_is(
    service: SignedFor | None, *, is_signed: bool, signer: Signer | None
) -> None:
    """The user may sign it, or a proxy."""
    stage = Stage(signer=signer)
    await stage.send(target(service, is_signed=is_signed))
    assert stage.sent[0][2] == {"content-type": "a/b", "x-other": "o"}


@pytest.mark.parametrize(
    ("answers", "others", "sent", "final"),
    [
        ([EXPIRED], 1, 2, OK),
        ([EXPIRED], 0, 1, EXPIRED),
        ([EXPIRED, EXPIRED], 2, 2, EXPIRED),
        ([SKEWED, EXPIRED], 1, 3, OK),
        ([SKEWED, SKEWED], 0, 2, SKEWED),
        ([GONE], 1, 1, GONE),
    ],
)
async def test_each_remedy_is_tried_once(
    answers: list[Answer], others: int, sent: int, final: Answer
) -> None:
    """Other credentials if there are any, AWS's time in any case."""
    signer = Signer(others=others)
    stage = Stage(*answers, signer=signer)
    assert await stage.send(target(XRAY)) == final
    assert len(stage.sent) == sent
    assert signer.times == ([1_445_412_480.0] if SKEWED in answers else [])


async def test_without_a_signer_nothing_is_cured() -> None:
    """And a signer without credentials sends nothing."""
    stage = Stage(EXPIRED)
    assert await stage.send(target(XRAY)) == EXPIRED
    failing = Stage(signer=Signer(fails=True))
    with pytest.raises(NotSignedError, match=r"^ValueError: no credentials$"):
        await failing.send(target(XRAY))
    assert failing.sent == []


async def test_an_answer_without_a_date_sets_no_clock() -> None:
    """A freeze may have made the signature old: it is sent once more."""
    signer = Signer()
    stage = Stage(Answer(status=403, error_type="RequestExpired"), signer=signer)
    assert await stage.send(target(XRAY)) == OK
    assert signer.times == []


async def test_a_log_stream_is_created_before_the_first_records() -> None:
    """Once; its names are in the headers of each export."""
    stage = Stage(signer=Signer())
    stage.stream.use("sandbox:*1")
    for _ in range(2):
        await stage.send(target(LOGS))
    create, first, second = stage.sent
    assert create[0] == "https://xray.r.amazonaws.com"
    assert json.loads(create[1]) == {"logGroupName": "group", "logStreamName": "sandbox--1"}
    assert create[2]["X-Amz-Target"] == "Logs_20140328.CreateLogStream"
    assert create[2]["x-own"] == "1"
    for each in (first, second):
        assert (each[2][GROUP], each[2][STREAM]) == ("group", "sandbox--1")


async def test_a_log_stream_that_is_gone_is_created_again_once() -> None:
    """If it had been there before."""
    stage = Stage(OK, GONE, signer=Signer())
    assert await stage.send(target(LOGS)) == GONE
    assert len(stage.sent) == 2
    again = Stage(OK, OK, GONE, signer=Signer())
    await again.send(target(LOGS))
    assert await again.send(target(LOGS)) == OK
    assert [b"logGroupName" in body for _, body, _ in again.sent] == [
        True, False, False, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "is_created", "causes"),
    [
        ([OK], True, []),
        ([Answer(status=400, error_type="ResourceAlreadyExistsException")], True, []),
        ([GONE, OK, OK], True, []),
        ([GONE, Answer(status=400, error_type="ResourceAlreadyExistsException"), OK], True, []),
        ([Answer(status=500)], False, ["status 500"]),
        ([GONE, Answer(status=400, error_type="Other")], False, ["status 400 Other"]),
    ],
)
async def test_a_log_group_is_created_if_need_be(
    answers: list[Answer], *, is_created: bool, causes: list[str]
) -> None:
    """A line says what does not work."""
    stage = Stage(*answers, signer=Signer())
    await stage.send(target(LOGS))
    assert stage.stream.is_created is is_created
    assert [line["cause"] for line in stage.lines.parsed] == causes
    assert len(stage.sent) == len(answers) + 1


async def test_a_complaint_is_repeated_when_it_changes() -> None:
    """Or comes again after it was gone."""
    denied, busy = Answer(status=400, error_type="A"), Answer(status=500)
    stage = Stage(denied, OK, denied, OK, busy, OK, denied, OK, signer=Signer())
    for _ in range(4):
        await stage.send(target(LOGS))
    assert len(stage.lines.parsed) == 3


async def test_a_stream_of_the_user_is_not_created() -> None:
    """Nor one that is not signed by us."""
    stage = Stage(signer=Signer())
    await stage.send(target(LOGS), {STREAM: "mine"})
    await stage.send(target(LOGS, is_signed=False))
    assert len(stage.sent) == 2
    assert stage.sent[0][2][STREAM] == "mine"


def test_another_sandbox_has_another_stream() -> None:
    """The same name changes nothing."""
    stage = Stage()
    assert len(stage.stream.headers({})[STREAM]) == 16
    stage.stream.use("a")
    stage.stream.is_created = True
    known = []
    for name in ("a", "b"):
        stage.stream.use(name)
        known.append(stage.stream.is_created)
    assert known == [True, False]
    assert stage.stream.headers({})[STREAM] == "b"


class Exchange:
    """The connection to S3, which notes what it is asked for."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[tuple[str, str, Mapping[str, str], int]] = []
        self._answers = list(answers)

    async def exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], **more: object
    ) -> Answer:
        """Take a request."""
        del body
        self.asked.append((method, url, headers, more["max_bytes"]))  # type: ignore[arg-type]
        return self._answers.pop(0) if self._answers else OK


async def test_a_file_has_the_headers_of_its_encryption() -> None:
    """Signed with the rest; a request without any has none."""
    signer, exchange = Signer(), Exchange()
    route = Route(location=location_of("s3://b/p", region="r"), put_headers={"x-amz-sse": "k"})
    bucket = Bucket(route, post=exchange, signer=signer)  # type: ignore[arg-type]
    assert (await bucket.put("a", b"x", Budget(1.0, clock=SystemClock()))).kind == "accepted"
    assert signer.signed[0][2] == {"Content-Type": "application/octet-stream", "x-amz-sse": "k"}
    assert await bucket.ask("GET", "https://b/", max_bytes=3) == OK
    assert signer.signed[1][2] == {}
    assert [each[3] for each in exchange.asked] == [65_536, 3]


async def test_s3_is_asked_twice_where_the_next_signature_differs() -> None:
    """With other credentials, or with its own time."""
    expired = Answer(status=400, content=b"<Code>ExpiredToken</Code>")
    skewed = Answer(
        status=403, content=b"<Code>RequestTimeTooSkewed</Code>",
        date="Wed, 21 Oct 2015 07:28:00 GMT",
    )  # fmt: skip
    missing = Answer(status=404, content=b"<Code>NoSuchBucket</Code>")
    route = Route(location=location_of("s3://b/p", region="r"), put_headers={})
    for answers, others, asked, times in (
        ([expired], 1, 2, 0), ([expired], 0, 1, 0), ([skewed], 0, 2, 1), ([missing], 1, 1, 0),
        ([expired, expired], 5, 2, 0),
    ):  # fmt: skip
        signer, exchange = Signer(others=others), Exchange(*answers)
        bucket = Bucket(route, post=exchange, signer=signer)  # type: ignore[arg-type]
        await bucket.ask("GET", "https://b/")
        assert (len(exchange.asked), len(signer.times)) == (asked, times)


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://localhost:4318", True), ("http://127.0.0.1", True), ("http://127.9.1.1/x", True),
        ("http://[::1]:4318", True), ("http://10.0.0.1", False), ("https://otlp.example", False),
        ("nonsense", False), ("http://localhost.example.com", False),
    ],
)  # fmt: skip
def test_which_urls_name_this_sandbox(url: str, *, is_here: bool) -> None:
    """By their host."""
    assert is_loopback(url) is is_here


@pytest.mark.parametrize(("service", "kind"), [(XRAY, "kept"), (GATEWAY, "rejected")])
def test_a_fault_without_a_name_is_of_aws_or_of_what_is_behind_it(
    service: SignedFor, kind: str
) -> None:
    """AWS's own endpoints have nothing behind them."""
    outcome = AwsRequests.refine(target(service), judge_status(500), Answer(status=500))
    assert outcome.kind == kind
