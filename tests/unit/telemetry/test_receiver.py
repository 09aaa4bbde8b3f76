"""What the receiver does with requests before telemetry is open, and where it is off."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from extension.platform.events import Shutdown
from extension.process.log import Log
from extension.redaction.redactor import Redactor
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.health import Health
from extension.telemetry.receiver import door
from extension.telemetry.receiver.content import Posted
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.receiver.opening import connect_receiver
from extension.telemetry.receiver.receiver import MAX_KEPT_BYTES, receive
from tests.doubles import ManualClock
from tests.fuzz.test_decoder import Accepting, build
from tests.posted_requests import spans
from tests.running_receiver import Connection, RunningReceiver, request

BODY = spans("a", "b").SerializeToString()
JSON = "application/json"
END = Shutdown(reason="spindown", deadline_ms=0)


@pytest_asyncio.fixture
async def early() -> AsyncIterator[RunningReceiver]:
    """A receiver in front of telemetry that is not open yet."""
    running = RunningReceiver()
    await running.open()
    try:
        yield running
    finally:
        await running.close()


async def test_what_there_is_no_room_for_when_telemetry_opens(early: RunningReceiver) -> None:
    """It was accepted, and is counted."""
    for number in range(3):
        await early.post(spans(str(number)).SerializeToString())
    early.is_full = True
    early.take()
    assert early.taken == []
    assert early.receiver.counts.refused == {"waiting": 3}


async def test_so_much_is_kept_until_telemetry_opens(early: RunningReceiver) -> None:
    """What is beyond it is lost, which the answer says; a smaller request still fits."""
    half = b"{" + b" " * (MAX_KEPT_BYTES // 2 - 2) + b"}"
    answers = [(await early.post(each, content_type=JSON)).body for each in (half, half, b"{}")]
    assert answers[:2] == [b"{}", b"{}"]
    assert json.loads(answers[2])["partialSuccess"]["errorMessage"].startswith("lost")
    assert early.receiver.counts.refused == {"waiting": 1}
    early.take()
    assert [len(posted.body) for posted in early.taken] == [MAX_KEPT_BYTES // 2] * 2


async def test_what_was_kept_is_counted_where_telemetry_is_off(early: RunningReceiver) -> None:
    """And what comes later is accepted; one line tells of both."""
    await early.post(BODY)
    early.receiver.given_up()
    assert (await early.post(BODY, path="/v1/logs")).body == b""
    counts = early.receiver.counts
    assert counts.not_forwarded == {"traces": 1, "logs": 1}
    assert not early.receiver._kept
    assert not counts.refused
    await early.receiver.shut_down(END)
    [line] = map(json.loads, early.lines)
    assert line["message"] == "what the SDK sent is not exported"
    assert line["received.not_forwarded.traces"] == 1


@pytest.mark.parametrize("is_off", [True, False])
async def test_nothing_is_said_where_nothing_is_lost(
    early: RunningReceiver, *, is_off: bool
) -> None:
    """No request came, or telemetry has all of them and reports them itself."""
    if is_off:
        early.receiver.given_up()
    else:
        early.take()
        await early.post(BODY)
    await early.receiver.shut_down(END)
    assert early.lines == []


async def test_it_listens_on_bound_sockets() -> None:
    """From the moment on that it is made."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        lines: list[str] = []
        receiver = await receive([bound], log=Log(clock=ManualClock(), sink=lines.append))
        connection = Connection(*await asyncio.open_connection(*bound.getsockname()))
        try:
            await connection.send(request(BODY))
            assert (await connection.response()).status == 200
            assert receiver.counts.requests == {"traces": 1}
        finally:
            connection.writer.transport.abort()
            await receiver.close()


@pytest.mark.parametrize("form", ["otlp", "json"])
async def test_telemetry_reads_what_was_kept(early: RunningReceiver, form: str) -> None:
    """In the format JSON there is no place for it."""
    health = Health()
    telemetry = build(Accepting(), health, as_json=form == "json")
    await early.post(BODY)
    config = TelemetryConfig(post_uri="http://collector:4318", format=form)
    connect_receiver(early.receiver, telemetry, config=config, redactor=Redactor())
    counts = early.receiver.counts
    if form == "json":
        assert counts.not_forwarded == {"traces": 1}
        assert health.received is None
        return
    assert telemetry.reader.posted is not None
    assert health.received is counts
    telemetry.reader.read_all()
    assert counts.items == {"traces": 2}
    assert not counts.not_forwarded


@pytest.mark.parametrize(
    ("content_type", "body", "answer"),
    [("application/x-protobuf", BODY, b""), (JSON, b'{"resourceSpans":[]}', b"{}")],
)
async def test_a_fault_of_ours_is_a_success(
    early: RunningReceiver, content_type: str, body: bytes, answer: bytes
) -> None:
    """It must not cost the function time; it is counted."""

    def fail(posted: Posted) -> bool:
        raise LookupError(posted.signal)

    early.receiver.opened(fail)
    response = await early.post(body, content_type=content_type)
    assert (response.status, response.body) == (200, answer)
    assert response.headers["content-type"] == content_type
    assert early.receiver.counts.faults == {"LookupError": 1}
    assert early.receiver.counts.summary()["faults.LookupError"] == 1


@pytest.mark.parametrize(("limit", "most"), [(512, 64), (3, 3)])
def test_connections_are_bounded_also_where_there_are_few_descriptors(
    monkeypatch: pytest.MonkeyPatch, limit: int, most: int
) -> None:
    """The cache and the listener need some, too."""
    monkeypatch.setattr(door, "connection_limit", lambda: limit)
    opened = door.Door(take=lambda _: True, counts=ReceiverCounts())
    assert opened._server.connections._at_most == most
