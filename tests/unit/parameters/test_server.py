"""The HTTP server of the cache, over a responder of the test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from inspect import isawaitable
from typing import Any, Self

import aiohttp
import pytest

from extension.aws.errors import UpstreamError
from extension.http.messages import Head, Reply
from extension.http.requests import LONGEST_REMEMBERED, REMEMBERED_HEADS
from extension.parameters.access import Tokens
from extension.parameters.answer import Result, Served, secret_body
from extension.parameters.hooks import Hooks
from extension.parameters.request import Query
from extension.parameters.response import GENERIC, HEALTHY
from extension.parameters.server import Exchange, Server
from extension.process.log import Log
from tests.doubles import LogLines, ManualClock
from tests.running_cache import stop_serving
from tests.waiting import PATIENCE_S


class Bench:
    """A server over a responder that can fail."""

    def __init__(self) -> None:
        self.lines = LogLines()
        self.error: Exception | None = None
        self.asked: list[tuple[str, str]] = []
        self._socket = sock = socket.create_server(("127.0.0.1", 0))
        self.port = sock.getsockname()[1]
        clock = ManualClock()
        log = Log(clock=clock, level="DEBUG", sink=self.lines)
        self.server = Server(self._respond, sockets=[sock], clock=clock, log=log)

    async def _respond(self, head: Head) -> Reply:
        self.asked.append((head.method, head.target))
        if self.error is not None:
            raise self.error
        return HEALTHY

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop_serving(self._socket, self.server)

    async def get(self, target: str = "/") -> tuple[int, str]:
        """Return status and body."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{target}") as response,
        ):
            return response.status, await response.text()


async def test_target_arrives_as_it_was_spelled() -> None:
    """Nothing is decoded, joined or normalised on the way."""
    async with Bench() as bench:
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
        writer.write(b"GET //a/%2f/../?b=%41+c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await reader.read()
        writer.close()
        assert bench.asked == [("GET", "//a/%2f/../?b=%41+c")]


async def test_fault_is_reported_by_its_type_alone() -> None:
    """400 with the generic text; the text of the exception is in neither reply nor log."""
    async with Bench() as bench:
        bench.error = ValueError("hunter2")
        assert await bench.get() == (400, GENERIC)
        (line,) = bench.lines.parsed
        assert (line["level"], line["error"]) == ("ERROR", "ValueError")
        assert "hunter2" not in bench.lines.lines[0]


def head(
    headers: dict[str, str],
    *,
    method: str = "GET",
    target: str = "/",
    minor: int = 1,
    size: int = 100,
) -> Head:
    """Return the head of a request."""
    return Head(
        method, target, minor, headers, length=0, keeps_alive=True, size=size, fingerprint=1
    )


class Lookup:
    """A look-up that finds what it is given, and takes two seconds where it asks AWS."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.found: Served | None = None
        self.answer: Served | UpstreamError = UpstreamError("NotFound", message="said")
        self.asked: list[tuple[str, str | None, bool]] = []

    def find(self, query: Query, *, traceparent: str | None, keep: bool) -> Served | None:
        """Return what is in memory."""
        return self.found

    async def get(self, query: Query, *, traceparent: str | None, keep: bool) -> Served:
        """Return or raise what AWS says."""
        self.asked.append((query.key.name, traceparent, keep))
        self.clock.advance(2)
        if isinstance(self.answer, UpstreamError):
            raise self.answer
        return self.answer


class Desk:
    """An exchange over that look-up, with a token."""

    def __init__(self, *, environ: Mapping[str, str] | None = None, **more: Any) -> None:
        self.clock = ManualClock()
        self.lookup = Lookup(self.clock)
        self.ready = self.keeps = True
        self.answers: list[tuple[Result, float, float]] = []
        self.renewed: tuple[str, ...] = ()
        hooks = Hooks(log=Log(clock=self.clock, sink=LogLines()))
        hooks.on_answer = lambda result, *, age_s, waited_s: self.answers.append(
            (result, age_s, waited_s)
        )
        settings: dict[str, Any] = {"json_errors": False, "decrypt": False, **more}
        self.exchange = Exchange(
            tokens=Tokens(
                environ or {"AWS_SESSION_TOKEN": "t"}, renew=self._renew, clock=self.clock
            ),
            lookup=self.lookup,  # type: ignore[arg-type]  # what of it is used
            ready=lambda: self.ready,
            keeps=lambda: self.keeps,
            clock=self.clock,
            hooks=hooks,
            **settings,
        )

    async def _renew(self) -> tuple[str, ...]:
        return self.renewed

    async def get(
        self, target: str = "/secretsmanager/get?secretId=s", *, method: str = "GET", **headers: str
    ) -> Reply:
        """Return the reply to a request."""
        given = {"host": "localhost", "x-aws-parameters-secrets-token": "t"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        reply = self.exchange.reply(head(given, method=method, target=target))
        return await reply if isawaitable(reply) else reply


VALUE = Served(secret_body({"ARN": "a", "SecretString": "v"}), Result.HIT, 3.0)


async def test_health_needs_no_token() -> None:
    """It says nothing; every other request to that path is judged like any other."""
    desk = Desk()
    assert await desk.get("/ping", x_aws_parameters_secrets_token="") == HEALTHY
    assert (await desk.get("/ping", method="POST")).status == 404
    assert (await desk.get("/ping?", x_aws_parameters_secrets_token="")).status == 401


async def test_what_is_in_memory_is_answered_at_once() -> None:
    """Without a wait, and with the age that it has."""
    desk = Desk()
    desk.lookup.found = VALUE
    assert (await desk.get()).body == VALUE.body
    assert desk.answers == [(Result.HIT, 3.0, 0.0)]
    assert desk.lookup.asked == []


@pytest.mark.parametrize(
    ("result", "waited_s"), [(Result.MISS, 2.0), (Result.STALE, 2.0), (Result.HIT, 0.0)]
)
async def test_how_long_aws_was_waited_for(result: Result, waited_s: float) -> None:
    """A value that was in memory after all was not waited for."""
    desk = Desk()
    desk.lookup.answer = VALUE._replace(result=result)
    assert (await desk.get()).status == 200
    assert desk.answers == [(result, 3.0, waited_s)]


async def test_an_error_of_aws_is_an_answer_too() -> None:
    """It was waited for, and has no age."""
    desk = Desk()
    reply = await desk.get()
    assert (reply.status, reply.body.decode()) == (400, GENERIC)
    assert desk.answers == [(Result.ERROR, 0.0, 2.0)]


@pytest.mark.parametrize(
    ("setting", "accept", "is_json"),
    [
        (False, "", False),
        (True, "", True),
        (False, "application/json", True),
        (False, "*/*", False),
    ],
)
async def test_errors_in_json(setting: bool, accept: str, is_json: bool) -> None:
    """For all, or for the caller that accepts nothing else: those of AWS, of a query, of a form."""
    desk = Desk(json_errors=setting)
    by_key = "/secretsmanager/get?secretId=s&jsonKey=k"
    replies = [await desk.get(accept=accept), await desk.get("/nope", accept=accept)]
    desk.lookup.answer = VALUE
    replies.append(await desk.get(by_key, accept=accept))
    desk.lookup.found = VALUE
    replies.append(await desk.get(by_key, accept=accept))
    content_type = "application/json" if is_json else "text/plain"
    assert [each.headers["Content-Type"] for each in replies] == [content_type] * 4


@pytest.mark.parametrize(("traceparent", "passed_on"), [("x" * 128, "x" * 128), ("x" * 129, None)])
async def test_a_callers_span_is_passed_on(traceparent: str, passed_on: str | None) -> None:
    """Unless it is longer than any can be."""
    desk = Desk()
    desk.lookup.answer = VALUE
    await desk.get(traceparent=traceparent)
    await desk.get()
    desk.keeps = False
    await desk.get()
    assert desk.lookup.asked == [("s", passed_on, True), ("s", None, True), ("s", None, False)]


async def test_before_it_is_ready_no_value_is_served() -> None:
    """What is wrong with a request is said nevertheless."""
    desk = Desk()
    desk.lookup.found, desk.ready = VALUE, False
    reply = await desk.get()
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (400, "NotReadyException")
    assert (await desk.get("/nope")).status == 404


async def test_a_token_is_judged_before_everything_else() -> None:
    """A new one may come from the endpoint: then the request is answered like any other."""
    desk = Desk(environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/"})
    desk.lookup.found = VALUE
    assert (await desk.get("/nope")).status == 401
    desk.renewed = ("t",)
    desk.clock.advance(1)
    assert (await desk.get()).body == VALUE.body
    desk = Desk(environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/"})
    desk.renewed, desk.lookup.answer = ("t",), VALUE._replace(result=Result.MISS)
    assert (await desk.get()).status == 200


@pytest.mark.parametrize("near", [True, False])
async def test_names_of_containers_count_where_they_are_expected(near: bool) -> None:
    """Elsewhere they are foreign."""
    desk = Desk(from_near=near)
    desk.lookup.found = VALUE
    assert (await desk.get(host="secrets")).status == (200 if near else 400)


async def test_several_values_are_looked_up_once_each() -> None:
    """One that is asked for twice has two results."""
    desk = Desk()
    reply = await desk.get(
        "/secretsmanager/getMany?secretId=a&secretId=b&secretId=a", traceparent="p"
    )
    assert reply.body.count(b'"id":"a"') == 2
    assert desk.lookup.asked == [("a", "p", True), ("b", "p", True)]
    assert [result for result, _, _ in desk.answers] == [Result.ERROR] * 2


@pytest.mark.parametrize(
    ("minor", "headers", "status"),
    [(0, {}, 200), (0, {"host": "h"}, 400), (1, {}, 400), (1, {"host": "localhost"}, 200)],
)
async def test_http_1_0_needs_no_host(minor: int, headers: dict[str, str], status: int) -> None:
    """A host that it names is judged, though."""
    desk = Desk()
    desk.lookup.found = VALUE
    given = {"x-aws-parameters-secrets-token": "t", **headers}
    reply = desk.exchange.reply(head(given, target="/secretsmanager/get?secretId=s", minor=minor))
    assert isinstance(reply, Reply)
    assert reply.status == status


async def test_each_reply_has_a_date() -> None:
    """By the clock of the process; what is no request is answered without one."""
    async with Bench() as bench:
        for request, date in (
            (b"GET / HTTP/1.1\r\n\r\n", b"Thu, 01 Jan 2026 12:00:00 GMT"),
            (b"\0", b""),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
            writer.write(request)
            writer.write_eof()
            async with asyncio.timeout(PATIENCE_S):
                reply = await reader.read()
            writer.close()
            assert (b"\r\nDate: " + date in reply) == bool(date)
            assert (b"Date" in reply) == bool(date)


@pytest.mark.parametrize(
    ("target", "size", "is_remembered"),
    [
        ("/secretsmanager/get?secretId=s", LONGEST_REMEMBERED, True),
        ("/secretsmanager/get?secretId=s", LONGEST_REMEMBERED + 1, False),
        ("/secretsmanager/getMany?secretId=s", 100, False),
    ],
)
def test_a_head_that_is_repeated_is_read_once(target: str, size: int, is_remembered: bool) -> None:
    """Unless what is remembered would take much memory; it is read again then."""
    exchange = Desk().exchange
    given = {"host": "localhost", "traceparent": "p"}
    first, second = (exchange._asked(head(dict(given), target=target, size=size)) for _ in range(2))
    assert first == second
    assert (first is second) == is_remembered


def test_heads_that_differ_in_a_header_are_read_apart() -> None:
    """And no more of them are kept than a function repeats."""
    exchange = Desk().exchange
    for number in range(2 * REMEMBERED_HEADS):
        asked = exchange._asked(head({"host": "localhost", "traceparent": str(number)}))
        assert asked.traceparent == str(number)
    assert exchange._remembered.cache_info().currsize == REMEMBERED_HEADS


def test_a_fault_before_the_look_up_is_a_reply_too() -> None:
    """Its type is in the log."""
    bench = Bench()

    def respond(*_: object) -> Reply:
        raise ValueError("hunter2")

    bench.server._respond = respond
    reply = bench.server._handle(head({}), b"")
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body.decode()) == (400, GENERIC)
    assert [each["error"] for each in bench.lines.parsed] == ["ValueError"]
    bench._socket.close()


async def test_no_body_is_waited_for() -> None:
    """A GET has none: one that is announced is not read, and the connection ends."""
    async with Bench() as bench:
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            reply = await reader.read()
        writer.close()
        assert reply.startswith(b"HTTP/1.1 200 ")
        assert b"Connection: close" in reply
