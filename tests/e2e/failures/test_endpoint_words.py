"""The endpoint says what is wrong, and the user reads it."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from simulator.intake import Intake
from simulator.intake.replies import Answer, Raw, Reply
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import assert_no_line_says, assert_unharmed

PROTOBUF = {"Content-Type": "application/x-protobuf"}
HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}
GRPC = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00d"
"""The beginning of HTTP/2's SETTINGS, which a gRPC port answers with."""


def partial(rejected: int, message: str) -> bytes:
    """Return a partial success."""
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = message
    content: bytes = response.SerializeToString()
    return content


@pytest.mark.parametrize(
    ("answer", "message", "words"),
    [
        (Reply(headers=PROTOBUF, body=partial(1, "span too old")), "endpoint warns",
         {"rejected": 1, "said": "span too old"}),
        (Reply(headers=PROTOBUF, body=partial(0, "deprecated path")), "endpoint warns",
         {"rejected": 0, "said": "deprecated path"}),
        (Reply(headers=JSON, body=b'{"partialSuccess":{"rejectedSpans":"1"}}'), "endpoint warns",
         {"rejected": 1}),
        (Reply(headers=HTML, body=b"<!doctype html><title>Sign in"), "export rejected",
         {"cause": "answers HTML, not OTLP: a sign-in page or a proxy?"}),
        (Reply(status=400, body=b'{"message":"missing service.name"}'), "export rejected",
         {"cause": "status 400", "said": "missing service.name"}),
        (Raw(data=GRPC), "export failed",
         {"cause": "ClientResponseError: answers no HTTP/1.1 (4317 is gRPC, 4318 is HTTP)"}),
        (Reply(headers=JSON, body=b'{"partial_success":{"error_message":"too old"}}'),
         "endpoint warns", {"said": "too old"}),
        (Reply(headers=HTML, body=b"<!-- gateway -->\n<html>"), "export rejected",
         {"cause": "answers HTML, not OTLP: a sign-in page or a proxy?"}),
        (Reply(status=400, headers=JSON, body=b'{"title":"no tenant"}'), "export rejected",
         {"said": '{"title":"no tenant"}'}),
        (Reply(status=308, headers={"Location": "https://elsewhere.example/?key=k3y"}),
         "export rejected",
         {"cause": "status 308: redirects are not followed; does it expect https?"}),
        (Raw(data=b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), "export failed",
         {"cause": "ClientResponseError: its answer breaks the rules of HTTP/1.1"}),
        (Raw(data=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), "export failed",
         {"cause": "ClientPayloadError: its answer ends early"}),
    ],
    ids=["partial", "warning", "JSON", "HTML", "400", "gRPC", "other JSON", "hidden HTML",
         "untitled", "redirect", "malformed", "cut off"],
)  # fmt: skip
async def test_its_words_are_in_a_line(
    run: Run, answer: Answer, message: str, words: dict[str, object]
) -> None:
    """One line, with what it said and what that means."""
    async with (
        Intake(respond=[answer]) as intake,
        run(environment={"DISPATCH_POST_URI": intake.url}) as stage,
    ):
        answers = await stage.invoke({})
    assert_unharmed(stage, answers)
    [line] = [line for line in stage.own_lines if line["message"] == message]
    assert line["variable"] == "DISPATCH_POST_URI"
    assert words.items() <= line.items()


async def test_a_rejected_item_is_not_counted_as_accepted(run: Run) -> None:
    """Of a JSON answer, too."""
    reply = Reply(headers=JSON, body=b'{"partialSuccess":{"rejectedSpans":"1"}}')
    async with (
        Intake(respond=[reply]) as intake,
        run(environment={"DISPATCH_POST_URI": intake.url}) as stage,
    ):
        await stage.invoke({})
    assert stage.lost == {"dropped.partial_success": 1}
    assert stage.final_counts["traces_accepted"] == len(intake.spans) - 1


async def test_user_information_and_a_header_go_together(run: Run, intake: Intake) -> None:
    """The header is used, a line says so once, and everything arrives."""
    environment = {
        "DISPATCH_POST_URI": intake.url.replace("://", "://user:p4ssw0rd@"),
        "DISPATCH_POST_HEADERS": "authorization=Bearer%20abc,content-length=5",
        "DISPATCH_SIGNALS": "traces,logs",
    }
    async with run(environment=environment) as stage:
        answers = await stage.invoke({"print": ["line"]})
    assert_unharmed(stage, answers)
    assert stage.lost == {}
    assert {request.headers["Authorization"] for request in intake.requests} == {"Bearer abc"}
    lengths = [(int(each.headers["Content-Length"]), len(each.raw)) for each in intake.requests]
    assert lengths
    assert all(final_counts == sent for final_counts, sent in lengths)
    assert stage.causes == [
        "DISPATCH_POST_HEADERS: content-length is not for users to set",
        "DISPATCH_POST_URI: its user information gives way to an authorization header",
    ]
    assert_no_line_says(stage, "p4ssw0rd")


async def test_we_say_who_we_are(run: Run, intake: Intake) -> None:
    """Vendors look for the name and version of the sender."""
    async with run(environment={"DISPATCH_POST_URI": intake.url}) as stage:
        await stage.invoke({})
    [agent] = {request.headers["User-Agent"] for request in intake.requests}
    assert agent.startswith("lambda-dispatch/")
    assert " Python/3." in agent


@pytest.mark.parametrize(
    ("proxy", "cause"),
    [
        ("http://u:p4ssw0rd@127.0.0.1:1", "ClientProxyConnectionError: the proxy, "),
        ("socks5://u:p4ssw0rd@proxy", "SettingError: HTTPS_PROXY is not an http"),
    ],
)  # fmt: skip
async def test_a_proxy_that_does_not_work_is_explained(run: Run, proxy: str, cause: str) -> None:
    """The line names the variable, without the password in it."""
    environment = {"DISPATCH_POST_URI": "https://collector.invalid", "HTTPS_PROXY": proxy}
    async with run(environment=environment) as stage:
        answers = await stage.invoke({})
    assert_unharmed(stage, answers)
    assert stage.causes[0].startswith(cause)
    assert "HTTPS_PROXY" in stage.causes[0]
    assert_no_line_says(stage, "p4ssw0rd")
