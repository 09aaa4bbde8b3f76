"""A hostile OTLP endpoint gets the telemetry, and nothing else: no memory, no time, no say."""

from __future__ import annotations

import gzip

import pytest

from extension.process.clock import Instant, SystemClock
from extension.process.waits import Budget
from extension.telemetry.export.answers import Answer as Heard
from extension.telemetry.export.answers import EndpointMessage
from extension.telemetry.export.outcome import (
    LONGEST_RETRY_AFTER_S,
    Circuit,
    Outcome,
    retry_after_s,
)
from extension.telemetry.export.post import MAX_ANSWER_BYTES, Post
from extension.telemetry.export.target import Target
from tests.security.hostile_endpoint import Answer, HostileEndpoint, answering, for_ever, once

BUDGET_S = 1.0
OK = b"HTTP/1.1 200 OK\r\n"
METADATA = b"http://169.254.169.254/latest/meta-data/iam/security-credentials/"
BOMB_BYTES = 256 * 1_048_576
CHUNK = b"10000\r\n" + bytes(0x10000) + b"\r\n"


async def post(answer: Answer, *, times: int = 1) -> tuple[Outcome, HostileEndpoint, list[bytes]]:
    """Post one byte a few times; return the last outcome and what was made of the answers."""
    seen: list[bytes] = []

    def read(heard: Heard) -> EndpointMessage:
        seen.append(heard.content)
        return EndpointMessage()

    async with answering(answer) as endpoint:
        target = Target(url=endpoint.url, headers={}, compression="none", timeout_s=BUDGET_S)
        sender = Post({"traces": target}, clock=SystemClock())
        outcomes = [
            await sender.send(
                "traces",
                [b"x"],
                content_type="text/plain",
                budget=Budget(BUDGET_S, clock=SystemClock()),
                read=read,
            )
            for _ in range(times)
        ]
        await sender.close()
    return outcomes[-1], endpoint, seen


async def test_endless_answer_is_read_to_the_bound() -> None:
    """A body without an end is not waited for."""
    answer = for_ever(OK + b"Transfer-Encoding: chunked\r\n\r\n", CHUNK)
    _, _, [content] = await post(answer)
    assert len(content) == MAX_ANSWER_BYTES


async def test_bomb_is_unpacked_to_the_bound() -> None:
    """256 MiB in 256 KiB: what is not read is not unpacked either."""
    packed = gzip.compress(bytes(BOMB_BYTES), 1)
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    _, _, [content] = await post(once(head + packed))
    assert len(content) == MAX_ANSWER_BYTES


@pytest.mark.parametrize(
    "answer",
    [
        for_ever(OK, b"X-Header: " + b"y" * 4000 + b"\r\n"),
        for_ever(OK + b"X-Header: ", b"y" * 65_536),
        for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        for_ever(b"", b"\r\n" * 1000),
        once(OK + b"Content-Length: 100000\r\n\r\nx"),
    ],
    ids=["headers", "a header", "continue", "nothing", "less than announced"],
)
async def test_answer_without_an_end_keeps_the_batch(answer: Answer) -> None:
    """Neither is taken for success, and none costs more than the budget."""
    outcome, _, seen = await post(answer)
    assert (outcome.kind, seen) == ("kept", [])


@pytest.mark.parametrize("status", [b"301", b"302", b"303", b"307", b"308"])
async def test_redirect_leads_nowhere(status: bytes) -> None:
    """Not to the metadata service, and not to another path of the endpoint's own."""
    answer = once(
        b"HTTP/1.1 " + status + b" x\r\nLocation: " + METADATA + b"\r\nContent-Length: 0\r\n\r\n"
    )
    outcome, endpoint, _ = await post(answer)
    assert outcome.kind == "rejected"
    assert len(endpoint.heads) == 1


async def test_cookies_are_not_kept() -> None:
    """One answer changes nothing about the next request."""
    answer = once(OK + b"Set-Cookie: id=" + b"v" * 3000 + b"\r\nContent-Length: 0\r\n\r\n")
    _, endpoint, _ = await post(answer, times=3)
    assert len(endpoint.heads) == 3
    assert b"cookie" not in b"".join(endpoint.heads).lower()


@pytest.mark.parametrize("wish", ["9" * 7000, "-1", "1e9", "٣", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after_has_a_limit(wish: str) -> None:
    """An hour at most; what is no number of seconds is no wish."""
    circuit = Circuit()
    now = Instant(wall_ns=10**18, monotonic_ns=10**18)
    pause_s = retry_after_s(wish, date="Fri, 27 Nov 2026 00:00:00 GMT")
    circuit.learn(Outcome(kind="kept", retry_after_s=pause_s), now)
    later_ns = int((LONGEST_RETRY_AFTER_S + 1) * 1e9)
    later = Instant(wall_ns=now.wall_ns + later_ns, monotonic_ns=now.monotonic_ns + later_ns)
    assert circuit.allows(later)
