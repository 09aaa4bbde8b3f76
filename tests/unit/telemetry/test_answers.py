"""What an endpoint says, in every language that endpoints speak."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote, unquote

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from extension.telemetry.export.answers import (
    LONGEST_SAID,
    Answer,
    EndpointMessage,
    credentials_in,
    quoted,
    read_text,
)
from extension.telemetry.export.outcome import judge
from extension.telemetry.otlp.exporter import read_answer

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
STATUS = b"\x08\x03\x12\x14missing service.name\x1a\x02\x0a\x00"
"""A google.rpc.Status: a code, a message and a detail."""


DEEP = b'{"error":' * 900 + b"{}" + b"}" * 900
"""Less deep than the decoder takes, and deeper than a message is looked for in."""

PATH_KEY = "ZaVnC4dhaV0mQx7Rk2pLw9Ts5Yb8Nc3Uf1Gh6Je4Ko=="
"""As Sumo Logic has it in the path of an endpoint."""


def partial(rejected: int, message: str) -> bytes:
    """Return a partial success in protobuf."""
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = rejected
    response.partial_success.error_message = message
    content: bytes = response.SerializeToString()
    return content


@pytest.mark.parametrize(
    ("status", "content_type", "content", "message"),
    [
        (200, PROTOBUF, b"", EndpointMessage()),
        (200, PROTOBUF, partial(2, "too old"), EndpointMessage(rejected_items=2, text="too old")),
        (200, PROTOBUF, partial(0, "slow down"), EndpointMessage(text="slow down")),
        (200, PROTOBUF, partial(-3, ""), EndpointMessage()),
        (200, PROTOBUF, b"\xff\xff", EndpointMessage()),
        (200, JSON, b"{}", EndpointMessage()),
        (200, JSON, b'{"partialSuccess":{"rejectedSpans":"1"}}', EndpointMessage(rejected_items=1)),
        (200, JSON, b'{"partialSuccess":{"rejectedDataPoints":3,"errorMessage":"bad"}}',
         EndpointMessage(rejected_items=3, text="bad")),
        (200, JSON, b'{"partialSuccess":{"rejectedSpans":"-1"}}', EndpointMessage()),
        (200, JSON, b'{"message":"accepted"}', EndpointMessage()),
        (200, JSON, b'{"partial_success":{"rejected_spans":2,"error_message":"old"}}',
         EndpointMessage(rejected_items=2, text="old")),
        (200, JSON, b'\xef\xbb\xbf{"partialSuccess":{"rejectedLogRecords":2.0}}',
         EndpointMessage(rejected_items=2)),
        (200, JSON, b'"ok"', EndpointMessage()),
        (200, JSON, b"null", EndpointMessage()),
        (200, PROTOBUF, b'{"partialSuccess":{"rejectedSpans":"1"}}',
         EndpointMessage(rejected_items=1)),
        (200, "", partial(1, "old"), EndpointMessage(rejected_items=1, text="old")),
        (200, "text/plain", partial(1, "old"), EndpointMessage()),
        (200, "text/html", b"OK", EndpointMessage()),
        (200, "text/html", b"\n<!DOCTYPE html><p>Sign in", EndpointMessage(is_none=True)),
        (200, "text/html", b"\xef\xbb\xbf<html>", EndpointMessage(is_none=True)),
        (200, "text/html", b"<!-- proxy --><html>", EndpointMessage(is_none=True)),
        (200, "text/html", b"<head><title>Sign in", EndpointMessage(is_none=True)),
        (200, PROTOBUF, b'<?xml version="1.0"?><r/>', EndpointMessage(is_none=True)),
        (400, PROTOBUF, STATUS, EndpointMessage(text="missing service.name")),
        (400, PROTOBUF, b"plain", EndpointMessage(text="plain")),
        (400, JSON, b'{"code":3,"message":"no such field"}', EndpointMessage(text="no such field")),
        (403, JSON, b'{"errors":[{"detail":"denied"}]}', EndpointMessage(text="denied")),
        (400, JSON, b'{"error":{"code":3,"details":[{"reason":"deep"}]}}',
         EndpointMessage(text="deep")),
        (400, JSON, b'{"title":"bad"}', EndpointMessage(text='{"title":"bad"}')),
        (400, JSON, b"{}", EndpointMessage()),
        (400, "application/xml", b"<Error>no</Error>", EndpointMessage(text="<Error>no</Error>")),
        (400, "text/plain", b"bad \xff", EndpointMessage(text="bad \ufffd")),
        (502, "text/html", b"<html><h1>Bad Gateway</h1></html>", EndpointMessage()),
        (502, "text/html", b"<h1>Bad Gateway</h1>", EndpointMessage()),
        (502, "", b"<!-- x --> <HTML lang=en>Bad", EndpointMessage()),
        (400, JSON, b"[" * 100_000, EndpointMessage(text="[" * 100_000)),
        (400, JSON, DEEP, EndpointMessage(text=DEEP.decode())),
        (200, JSON, b'{"partialSuccess":{"errorMessage":%b}}' % DEEP, EndpointMessage()),
    ],
    ids=range(38),
)  # fmt: skip
def test_answers(status: int, content_type: str, content: bytes, message: EndpointMessage) -> None:
    """Counts and messages are found; what is not understood is shown as text or not at all."""
    answer = Answer(status=status, content=content, content_type=content_type)
    assert read_answer(answer) == message


@pytest.mark.parametrize(("content", "language"), [(b"<html>", "HTML"), (b"<Result/>", "XML")])
def test_a_sign_in_page_is_no_acknowledgement(content: bytes, language: str) -> None:
    """Its status is 200, and all the data would be lost without a word."""
    answer = Answer(status=200, content=content)
    outcome = judge(answer, read_answer(answer))
    assert outcome.kind == "rejected"
    assert outcome.cause.startswith(f"answers {language}, not OTLP")


def test_any_success_is_one_for_the_json_format() -> None:
    """Its receivers are written by users, and may answer with a page."""
    answer = Answer(status=200, content=b"<html>thanks", content_type="text/html")
    assert judge(answer, read_text(answer)).kind == "accepted"


def test_a_message_is_cut_and_on_one_line() -> None:
    """Whatever is in it."""
    said = quoted("a\n\x1b[31mb\x00" + "x" * 1000, hiding=())
    assert said.startswith("a [31mb x")
    assert len(said) == LONGEST_SAID + 1


BASIC = base64.b64encode(b"shop:correct-horse:battery").decode()


@pytest.mark.parametrize(
    "echo",
    ["Bearer s3cr3t", "s3cr3t", f"Basic {BASIC}", BASIC, "shop:correct-horse:battery",
     "correct-horse:battery", "key%20one", "key one"],
)  # fmt: skip
def test_what_we_are_known_by_is_not_repeated(echo: str) -> None:
    """An endpoint may quote the key that it refuses, in any of its forms."""
    headers = {"authorization": "Bearer s3cr3t", "x-other": f"Basic {BASIC}", "x-key": "key one"}
    hiding = credentials_in("https://h/x?token=t0k3n&v=1", headers)
    body = json.dumps({"message": f"bad key: {echo}, token t0k3n"}).encode()
    message = read_text(Answer(status=401, content=body))
    assert quoted(message.text, hiding=hiding) == "bad key: [hidden], token [hidden]"


@pytest.mark.parametrize(
    "url",
    [
        f"https://h/receiver/v1/otlp/{PATH_KEY}",
        f"https://h/receiver/{PATH_KEY}/otlp/v1/traces?v=1",
        f"https://h/otlp?{PATH_KEY}",
        f"https://h/otlp?key={PATH_KEY}&v=1",
        f"https://h/otlp?v=1&{PATH_KEY}",
        "https://h/otlp/" + PATH_KEY.replace("=", "%3D"),
        "https://h/otlp?key=" + PATH_KEY.replace("=", "%3d"),
    ],
)
@pytest.mark.parametrize("echo", [PATH_KEY, PATH_KEY[:20], quote(PATH_KEY)])
def test_a_key_in_the_url_is_not_repeated(url: str, echo: str) -> None:
    """Gateways name the path that they do not know; its words are repeated."""
    said = quoted(
        f"no handler for /receiver/v1/otlp/{echo}/v1/traces", hiding=credentials_in(url, {})
    )
    assert said == "no handler for /receiver/v1/otlp/[hidden]/v1/traces"


def test_a_plus_in_a_query_is_hidden_as_it_is_written() -> None:
    """It means a blank to some servers, and itself to others."""
    hiding = credentials_in("https://h/otlp?code=ab+cd+12", {})
    assert quoted("code ab+cd+12, ab cd 12", hiding=hiding) == "code [hidden], [hidden]"


@pytest.mark.parametrize("shown", [8, 20, 99, 100])
def test_the_beginning_of_a_long_credential_is_not_repeated_either(shown: int) -> None:
    """Servers cut what they quote."""
    token = "".join(map(chr, range(33, 126))) + "abcdefg"
    hiding = credentials_in("https://h/x", {"authorization": f"Bearer {token}"})
    echo = f"got {token[:shown]}... and {token[:shown]}! too"
    assert quoted(echo, hiding=hiding) == "got [hidden]... and [hidden]! too"


@pytest.mark.parametrize("value", ["k3y-of-16-bytes-/+and=its/rest", "abcdefgh%2Fijklmnopqrst"])
@pytest.mark.parametrize("kept", [1.0, 0.8])
def test_a_credential_is_hidden_beyond_what_a_url_would_encode(value: str, kept: float) -> None:
    """Whichever of its forms an endpoint repeats, and as much as it repeats of that."""
    hiding = credentials_in("https://h/x", {"x-key": value})
    encoded = quote(value, safe="")
    lower = re.sub("%..", lambda escape: escape[0].lower(), encoded)
    for form in (value, encoded, lower, quote(value, safe="/="), unquote(value)):
        echo = re.sub("%.?$", "", form[: int(kept * len(form))])
        assert quoted(f"bad key {echo} again", hiding=hiding) == "bad key [hidden] again"


def test_credentials_that_overlap_are_hidden_together() -> None:
    """What is left of one would say much of it."""
    hiding = ["abcd", "cdefghijklmnopqrst", "rstu"]
    assert quoted("xabcdefghijklmnopqrstuy abcd", hiding=hiding) == "x[hidden]y [hidden]"


def test_a_word_that_a_credential_begins_with_is_repeated() -> None:
    """Only what is long is recognised by its beginning, and not by a few characters."""
    hiding = credentials_in(
        "https://h/x", {"x-a": "internal-key", "x-b": "tenant-1-aaaaaaaaaaaaaaa"}
    )
    assert quoted("an internal error of tenant 2", hiding=hiding) == "an internal error of tenant 2"


def test_hiding_takes_time_by_the_length_of_an_answer() -> None:
    """An endpoint that repeats a beginning as often as it can costs no more than any other."""
    hiding = credentials_in("https://h/x", {"x-a": "12345678" * 2})
    assert quoted("12345678_" * 7000, hiding=hiding).startswith("[hidden]_[hidden]_")


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("key 0000000000000000000s3cr3t end", "000000000000000s3cr3t"),
        ("abcdefghabcdefghabcdefghXYZ123 end", "abcdefghabcdefghXYZ123"),
    ],
)
def test_a_key_that_begins_within_what_looks_like_its_beginning_is_hidden(
    said: str, secret: str
) -> None:
    """Its first characters repeat themselves, and the text has them once more before it."""
    shown = quoted(said, hiding={secret})
    assert shown.endswith("[hidden] end")
    assert not any(shown.count(secret[at:]) for at in range(len(secret) - 3))


def test_a_message_of_the_longest_length_is_whole() -> None:
    """One character more, and it is cut."""
    assert quoted("x" * LONGEST_SAID, hiding=()) == "x" * LONGEST_SAID
    assert quoted("x" * (LONGEST_SAID + 1), hiding=()) == "x" * LONGEST_SAID + "…"


def test_the_longer_secret_is_hidden_first() -> None:
    """Else the rest of it would stay."""
    assert quoted("abcdef", hiding=["abc", "abcdef"]) == "[hidden]"


@pytest.mark.parametrize(("value", "is_hidden"), [("k3y", False), ("k3y4", True)])
def test_short_words_of_a_header_are_not_hidden(value: str, *, is_hidden: bool) -> None:
    """They are words of every message."""
    hiding = credentials_in(f"https://h/x?a={value}", {"x-key": value})
    assert (value in hiding) is is_hidden


@pytest.mark.parametrize(
    ("content", "content_type", "is_page"),
    [
        (b"<html>", "", True),
        (b"<h1>Sign in", "text/html; charset=utf-8", True),
        (b"<Error>", "application/xml", False),
        (b'{"message": "<html> is no OTLP"}', "", False),
        (b"Bad Gateway", "text/html", False),
    ],
)
def test_a_page_is_markup_that_is_html(content: bytes, content_type: str, *, is_page: bool) -> None:
    """A text that mentions HTML is the endpoint's words, and so is one of a wrong type."""
    answer = Answer(status=502, content=content, content_type=content_type)
    assert answer.is_page is is_page
    assert bool(read_text(answer).text) is not is_page
