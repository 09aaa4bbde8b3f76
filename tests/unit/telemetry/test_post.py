"""One POST as the HTTP client is asked for it, and what is read of the answer."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiohttp import ClientConnectorCertificateError
from aiohttp.client_reqrep import ConnectionKey

from extension.process.authorities import Places
from extension.process.clock import SystemClock
from extension.process.frozen import replace
from extension.process.waits import Budget
from extension.settings.aws_hosts import SignedFor
from extension.telemetry.export.answers import Answer, EndpointMessage
from extension.telemetry.export.compression import COMPRESSORS, LARGE_BYTES
from extension.telemetry.export.connection_failures import NO_THREAD
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.post import MAX_ANSWER_BYTES, Post
from extension.telemetry.export.target import Target
from extension.telemetry.export.tls import _BUNDLES, _as_file
from tests.doubles import no_thread

URL = "https://otlp.example.com/v1/traces"


class Content:
    """The body of an answer, of which each read gives some bytes."""

    def __init__(self, body: bytes, *, at_once: int) -> None:
        self._left, self._at_once = body, at_once

    async def read(self, most: int) -> bytes:
        """Return the next bytes."""
        size = min(most, self._at_once)
        chunk, self._left = self._left[:size], self._left[size:]
        return chunk


class Response:
    """An answer."""

    def __init__(
        self, body: bytes, headers: Mapping[str, str], *, status: int, at_once: int
    ) -> None:
        self.status, self.headers = status, headers
        self.content = Content(body, at_once=at_once)

    async def __aenter__(self) -> Response:
        return self

    async def __aexit__(self, *_: object) -> None:
        return


class Session:
    """An HTTP client that notes what it is asked for."""

    def __init__(
        self,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        status: int = 200,
        at_once: int = 1_000_000,
    ) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self._answer = body, headers or {}, status, at_once

    def post(self, url: str, **more: Any) -> Response:
        """Take a POST."""
        return self.request("POST", url, **more)

    def request(self, method: str, url: object, **more: Any) -> Response:
        """Take a request."""
        self.asked.append((method, str(url), more))
        body, headers, status, at_once = self._answer
        return Response(body, headers, status=status, at_once=at_once)


def target(**fields: Any) -> Target:
    """Return a target."""
    whole = {"headers": {"x-key": "k3y"}, "compression": "none", "timeout_s": 5.0, **fields}
    return Target(url=URL, **whole)


async def opened(session: Session, to: Target | None = None) -> Post:
    """Return what posts with this client."""
    post = Post({"traces": to} if to else {}, clock=SystemClock())
    await post.close()
    post._connections._sharing = post._connections._alone = session  # type: ignore[assignment]
    return post


async def send(
    session: Session, to: Target | None = None, body: bytes = b"body", **more: Any
) -> Outcome:
    """Send once."""
    post = await opened(session, to or target())
    budget = Budget(5.0, clock=SystemClock())
    return await post.send("traces", [body], content_type="a/b", budget=budget, **more)


async def test_a_request_says_what_it_is_and_follows_no_redirect() -> None:
    """With the user's headers and ours; without a context of its own no authority is trusted."""
    session, context = Session(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    await send(session)
    await send(session, target(tls=context, proxy="http://p:1"))
    (method, url, first), (_, _, second) = session.asked
    assert (method, url, first["data"]) == ("POST", URL, b"body")
    assert first["headers"] == {
        "x-key": "k3y", "Accept-Encoding": "identity", "Content-Type": "a/b",
    }  # fmt: skip
    assert [each["ssl"] for each in (first, second)] == [True, context]
    assert [each["proxy"] for each in (first, second)] == [None, "http://p:1"]
    assert not first["allow_redirects"]


@pytest.mark.parametrize("size", [4, LARGE_BYTES - 1, LARGE_BYTES])
@pytest.mark.parametrize("compression", ["gzip", "deflate", "none"])
async def test_a_body_of_any_size_is_compressed(compression: str, size: int) -> None:
    """And says how, if it is."""
    session = Session()
    await send(session, target(compression=compression), b"x" * size)
    [(_, _, asked)] = session.asked
    assert asked["data"] == COMPRESSORS[compression](b"x" * size)
    named = asked["headers"].get("Content-Encoding")
    assert named == (None if compression == "none" else compression)


@pytest.mark.parametrize(
    ("compression", "size", "by_a_thread"),
    [
        ("gzip", LARGE_BYTES, True), ("gzip", LARGE_BYTES - 1, False), ("none", LARGE_BYTES, False),
    ],
)  # fmt: skip
async def test_a_large_body_is_compressed_by_a_thread(
    monkeypatch: pytest.MonkeyPatch, compression: str, size: int, *, by_a_thread: bool
) -> None:
    """The event loop has GETs to answer meanwhile; what takes no time needs no thread."""
    threads: list[threading.Thread] = []

    def compress(body: bytes) -> bytes:
        threads.append(threading.current_thread())
        return body

    monkeypatch.setitem(COMPRESSORS, compression, compress)
    await send(Session(), target(compression=compression), b"x" * size)
    assert [each is not threading.main_thread() for each in threads] == [by_a_thread]


class NoThreads(ThreadPoolExecutor):
    """A sandbox in which the function has all threads that there may be."""

    def submit(self, *_: Any, **__: Any) -> Any:
        """Start none."""
        no_thread()


async def test_without_a_thread_a_large_body_is_compressed_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The function may have all threads that a sandbox may have."""
    monkeypatch.setattr("threading.Thread.start", no_thread)
    session = Session()
    outcome = await send(session, target(compression="gzip"), b"x" * LARGE_BYTES)
    assert outcome.kind == "accepted"
    [(_, _, asked)] = session.asked
    assert asked["data"] == COMPRESSORS["gzip"](b"x" * LARGE_BYTES)


async def test_without_a_thread_a_name_is_not_found_and_the_data_waits() -> None:
    """It is a failure of the export, as one of the network is, and says what is missing."""
    asyncio.get_running_loop().set_default_executor(NoThreads())
    elsewhere = replace(target(), url="http://otlp.invalid/v1/traces")
    post = Post({"traces": elsewhere}, clock=SystemClock())
    budget = Budget(10, clock=SystemClock())
    outcome = await post.send("traces", [b"x"], content_type="text/plain", budget=budget)
    await post.close()
    assert (outcome.kind, outcome.cause) == ("kept", f"RuntimeError: {NO_THREAD}")


async def test_an_answer_is_read_up_to_a_bound() -> None:
    """However it comes; compressed or not."""
    seen: list[Answer] = []

    def read(answer: Answer) -> EndpointMessage:
        seen.append(answer)
        return EndpointMessage()

    large = b"x" * (MAX_ANSWER_BYTES + 10)
    for body, encoding, content in (
        (b"abc", "", b"abc"),
        (large, "", large[:MAX_ANSWER_BYTES]),
        (gzip.compress(b"abc"), "gzip", b"abc"),
        (gzip.compress(b"abc"), " X-GZIP ", b"abc"),
        (gzip.compress(large), "gzip", large[:MAX_ANSWER_BYTES]),
        (b"no gzip", "gzip", b""),
        (b"abc", "br", b"abc"),
    ):
        for at_once in (1000, 1_000_000):
            await send(Session(body, {"Content-Encoding": encoding}, at_once=at_once), read=read)
            assert seen[-1].content == content


async def test_an_answer_has_its_headers() -> None:
    """By which it is judged."""
    headers = {"Content-Type": "a/b", "Date": "d", "Retry-After": "7", "X-Amzn-ErrorType": "E"}
    answers: list[Answer] = []

    def read(answer: Answer) -> EndpointMessage:
        answers.append(answer)
        return EndpointMessage(text="bad key k3y")

    outcome = await send(
        Session(b"x", headers, status=503), target(variable="DISPATCH_POST_URI"), read=read
    )
    assert answers == [
        Answer(
            status=503, content=b"x", content_type="a/b", date="d", retry_after="7", error_type="E"
        )
    ]
    assert (outcome.kind, outcome.retry_after_s, outcome.variable, outcome.said) == (
        "kept", 7.0, "DISPATCH_POST_URI", "bad key k3y",
    )  # fmt: skip


async def test_without_a_target_nothing_is_sent() -> None:
    """Its credentials are not resolved; with one it is."""
    session = Session()
    post = await opened(session)
    budget = Budget(5.0, clock=SystemClock())
    outcome = await post.send("traces", [b"x"], content_type="a/b", budget=budget)
    assert (outcome.kind, session.asked) == ("unauthenticated", [])
    post.use({"traces": target()})
    assert (await post.send("traces", [b"x"], content_type="a/b", budget=budget)).kind == "accepted"
    outcome = await post.send("logs", [b"x"], content_type="a/b", budget=budget)
    assert outcome.kind == "unauthenticated"


@pytest.mark.parametrize(("method", "data"), [("PUT", b"body"), ("GET", None)])
async def test_a_signed_request_leaves_as_it_was_signed(method: str, data: bytes | None) -> None:
    """Its URL is not encoded again, and its answer stays as it is, up to a bound."""
    url = "https://b.s3.amazonaws.com/a%2Fb?list-type=2&prefix=%2B"
    session = Session(gzip.compress(b"abc"), {"Date": "d", "Content-Encoding": "gzip"}, status=201)
    post = await opened(session)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for tls, most in ((None, 65_536), (context, 3)):
        answer = await post.exchange(
            method,
            url,
            b"body",
            {"x": "y"},
            alone=False,
            tls=tls,
            proxy="http://p:1",
            max_bytes=most,
        )
        assert answer == Answer(status=201, content=gzip.compress(b"abc")[:most], date="d")
    asked = session.asked[0]
    assert asked[:2] == (method, url)
    assert asked[2] == {
        "data": data, "headers": {"x": "y", "Accept-Encoding": "identity"}, "ssl": True,
        "proxy": "http://p:1", "allow_redirects": False,
    }  # fmt: skip
    assert session.asked[1][2]["ssl"] is context


def test_a_path_of_a_certificate_stays_one() -> None:
    """A text of PEM gets one, as long as it is needed."""
    with _as_file("/a/path") as path:
        assert path == "/a/path"
    with _as_file(" -----BEGIN x") as path, open(path) as file:  # noqa: PTH123
        assert file.read() == " -----BEGIN x"


KEY = ConnectionKey("h", 443, True, True, None, None, None)


class Untrusted(Session):
    """A server whose authority is unknown so many times."""

    def __init__(self, *, times: int) -> None:
        super().__init__()
        self._times = times

    def request(self, method: str, url: object, **more: Any) -> Response:
        """Take a request, or find that the server is not to be trusted."""
        response = super().request(method, url, **more)
        if len(self.asked) <= self._times:
            raise ClientConnectorCertificateError(KEY, ValueError("unknown"))
        return response


@pytest.mark.parametrize(
    ("has_context", "has_bundle", "times", "asked", "kind"),
    [
        (True, True, 2, 3, "accepted"),
        (True, True, 4, 3, "kept"),
        (True, False, 2, 2, "kept"),
        (False, False, 2, 2, "kept"),
    ],
)
async def test_the_bundle_of_the_image_is_trusted_once_it_is_needed(
    *, has_context: bool, has_bundle: bool, times: int, asked: int, kind: str
) -> None:
    """If the user has not chosen whom to trust; each connection is tried twice."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if has_context else None
    if context and has_bundle:
        _BUNDLES[context] = certifi()
    session = Untrusted(times=times)
    assert (await send(session, target(tls=context))).kind == kind
    assert len(session.asked) == asked


async def test_what_was_not_trusted_meanwhile_is_asked_again_with_the_bundle() -> None:
    """Another signal's request may have read it: then it is not read again."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _BUNDLES[context] = certifi()

    class Racing(Untrusted):
        def request(self, method: str, url: object, **more: Any) -> Response:
            _BUNDLES.pop(context, None)
            return super().request(method, url, **more)

    session = Racing(times=1)
    assert (await send(session, target(tls=context))).kind == "accepted"
    assert len(session.asked) == 2
    assert context.get_ca_certs() == []


def certifi() -> str:
    """Return a bundle of authorities that exists."""
    return Places().find_bundle()


class Refining:
    """Requests to AWS, all of which are refused in the end."""

    async def send(
        self, target: Target, body: bytes, headers: Mapping[str, str], *, send: Any
    ) -> Answer:
        """Send it once, with a signature."""
        signed = {**headers, "Authorization": "signed"}
        answer: Answer = await send(target, body, signed, alone=False)
        return answer

    def refine(self, target: Target, outcome: Outcome, answer: Answer) -> Outcome:
        """Say that it was refused."""
        del target, answer
        return replace(outcome, kind="rejected", cause="by AWS")


@pytest.mark.parametrize(
    ("service", "cause"), [(SignedFor(service="xray", region="r"), "by AWS"), (None, "")]
)
async def test_aws_is_asked_and_read_by_its_rules(service: SignedFor | None, cause: str) -> None:
    """It gets a signature; another endpoint has neither."""
    session = Session()
    post = await opened(session, target(aws=service))
    post._aws = Refining()  # type: ignore[assignment]
    budget = Budget(5.0, clock=SystemClock())
    outcome = await post.send("traces", [b"x"], content_type="a/b", budget=budget)
    assert outcome.cause == cause
    [(_, _, asked)] = session.asked
    assert ("Authorization" in asked["headers"]) is (service is not None)


async def test_an_answer_that_does_not_come_in_time_is_a_timeout() -> None:
    """The batch is kept, and the endpoint is left alone for longer than after a refusal."""

    class Late(Session):
        def request(self, method: str, url: object, **more: Any) -> Response:
            raise TimeoutError

    outcome = await send(Late())
    assert outcome == Outcome(kind="kept", cause="timeout", timed_out=True)


async def test_without_rules_of_aws_its_service_is_an_endpoint_like_others() -> None:
    """As where a proxy in front of it signs."""
    session = Session()
    outcome = await send(session, target(aws=SignedFor(service="xray", region="r")))
    assert (outcome.kind, len(session.asked)) == ("accepted", 1)


async def test_a_request_that_cannot_be_made_is_rejected() -> None:
    """Waiting does not cure it; a connection that fails is waited for."""

    class Broken(Session):
        error: Exception = ValueError()

        def request(self, method: str, url: object, **more: Any) -> Response:
            super().request(method, url, **more)
            raise self.error

    for error, kind in ((ValueError(), "rejected"), (OSError(), "kept")):
        session = Broken()
        session.error = error
        assert (await send(session)).kind == kind
        assert len(session.asked) == 1


async def test_what_cannot_be_requested_is_not_kept() -> None:
    """The library refuses some hosts when it resolves them: waiting does not cure that."""
    elsewhere = replace(target(), url="http://127.1:4318/v1/traces")
    post = Post({"traces": elsewhere}, clock=SystemClock())
    try:
        budget = Budget(10, clock=SystemClock())
        outcome = await post.send("traces", [b"x"], content_type="text/plain", budget=budget)
    finally:
        await post.close()
    assert (outcome.kind, outcome.cause) == ("rejected", "InvalidUrlClientError")
