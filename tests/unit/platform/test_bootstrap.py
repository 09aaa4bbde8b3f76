"""The bootstrap: sockets are bound, the process registers, and failures become problems."""

from __future__ import annotations

import _socket
import errno
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from extension.platform import bootstrap, early_calls, plain_http
from extension.platform.bootstrap import (
    Start,
    bind_and_register,
    is_on,
    is_tapped,
    register,
)
from extension.platform.early_calls import event_types
from extension.platform.plain_http import Address
from extension.platform.survive import answer_events
from extension.settings.config import read_config
from tests.sandbox import free_port
from tests.unit.platform.scripted_api import Api, api
from tests.waiting import PATIENCE_S

IDENTIFIER = "11111111-1111-4111-8111-111111111111"
FUNCTION = b'{"functionName":"f","functionVersion":"$LATEST","handler":"a.b"}\n'
REGISTERED = (
    b"HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: " + IDENTIFIER.encode() + b"\r\n"
    b"Content-Length: %d\r\n\r\n" % len(FUNCTION) + FUNCTION
)


@pytest.fixture(autouse=True)
def own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for marks belongs to the test."""
    monkeypatch.setattr("extension.platform.start_mark.FOLDER", str(tmp_path))
    return tmp_path


@contextmanager
def started(environ: dict[str, str]) -> Iterator[Start]:
    """Start with a free cache port, and close the sockets afterwards."""
    done = bind_and_register(
        {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(free_port()), **environ}
    )
    try:
        yield done
    finally:
        listening = (*done.cache_sockets, *done.otlp_sockets, done.telemetry_socket)
        late, _ = done.pending_registration or (None, False)
        for each in filter(None, [*listening, done.pending_next, late]):
            each.close()


def can_connect(address: tuple[str, int]) -> bool:
    """Return whether something listens there."""
    try:
        socket.create_connection(address, timeout=PATIENCE_S).close()
    except OSError:
        return False
    return True


def test_registers_by_its_file_name_for_both_events() -> None:
    """The name is that of the file in /opt/extensions, and the account id is requested."""
    with api(REGISTERED) as served, started({"AWS_LAMBDA_RUNTIME_API": served.address}) as done:
        assert done.identifier == IDENTIFIER
        assert done.registration == FUNCTION.strip()
        assert done.problems == []
    head, _, body = served.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /2020-01-01/extension/register HTTP/1.1\r\n")
    assert b"\r\nLambda-Extension-Name: lambda-dispatch\r\n" in head
    assert b"\r\nLambda-Extension-Accept-Feature: accountId\r\n" in head
    assert json.loads(body) == {"events": ["INVOKE", "SHUTDOWN"]}


@pytest.mark.parametrize("body", [b"", b"OK"])
def test_a_registration_that_describes_nothing_is_an_empty_object(body: bytes) -> None:
    """The function's name is in the environment, too."""
    answer = REGISTERED.partition(b"Content-Length")[0] + b"\r\n" + body
    with api(answer) as served, started({"AWS_LAMBDA_RUNTIME_API": served.address}) as done:
        assert (done.identifier, done.registration) == (IDENTIFIER, b"{}")


def test_on_managed_instances_shutdown_alone_is_registered() -> None:
    """Registering for INVOKE is refused there."""
    kind = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}
    with api(REGISTERED) as served, started({"AWS_LAMBDA_RUNTIME_API": served.address, **kind}):
        pass
    assert json.loads(served.requests[0].partition(b"\r\n\r\n")[2]) == {"events": ["SHUTDOWN"]}


def test_the_cache_listens_on_both_loopback_addresses_before_registering() -> None:
    """An early caller waits in the kernel instead of being refused."""
    port = free_port()
    with started({"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(port)}) as done:
        families = {each.family for each in done.cache_sockets}
        assert _socket.AF_INET in families
        assert can_connect(("127.0.0.1", port))
        if _socket.AF_INET6 in families:
            assert can_connect(("::1", port))
        assert done.listening == {each.fileno() for each in done.cache_sockets}


def test_telemetry_binds_only_when_it_is_wanted() -> None:
    """Without an endpoint there is no port that another process could post to."""
    with started({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9"}) as without:
        assert without.telemetry_socket is None
    wanted = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "DISPATCH_POST_URI": "http://h"}
    with started(wanted) as done:
        assert done.telemetry_socket is not None
        assert can_connect(("127.0.0.1", done.telemetry_socket.getsockname()[1]))


@pytest.mark.parametrize("uri", ["collector:4318", "grpc://h", " ", "localhost"])
def test_telemetry_does_not_bind_for_what_is_no_url(uri: str) -> None:
    """Nothing could be exported, so nothing is subscribed."""
    given = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "DISPATCH_POST_URI": uri}
    with started(given) as done:
        assert done.telemetry_socket is None


@pytest.mark.parametrize("value", ["false", "FALSE", " off ", "0"])
def test_disabled_binds_nothing(value: str) -> None:
    """When switched off, it registers and does nothing else."""
    with started({"DISPATCH_ENABLED": value, "DISPATCH_POST_URI": "http://h"}) as done:
        assert (done.cache_sockets, done.telemetry_socket) == ([], None)


@pytest.mark.parametrize("value", ["true", "ON", "1", " yes", "False", "off ", "0", "no", "", "x"])
def test_the_words_of_a_switch_are_those_of_the_configuration(value: str) -> None:
    """Bootstrap and configuration have the same rule."""
    environ = {"DISPATCH_ENABLED": value}
    assert is_on(environ, "DISPATCH_ENABLED") is read_config(environ)[0].process.enabled


@pytest.mark.parametrize("value", ["abc", "0", "65536", "-1", "2773x", "٢٧٧٣", "9" * 30])
def test_a_bad_port_falls_back(value: str) -> None:
    """An invalid port gives the default port, or a problem if that is taken; never a crash."""
    with started({"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": value}) as done:
        ports = {each.getsockname()[1] for each in done.cache_sockets}
        assert ports == {2773} or "port 2773" in done.problems[0][1]


@pytest.mark.parametrize(
    ("value", "port"),
    [
        ("28731", 28731),
        (" 28731 ", 28731),
        ("1", 1),
        ("00080", 80),
        ("65535", 65535),
        ("", 2773),
        ("  ", 2773),
        ("0", None),
        ("65536", None),
        ("99999", None),
        ("+28731", None),
        ("-28731", None),
        ("028731", None),
        ("000028731", None),
        ("28731.0", None),
        ("2_8731", None),
        ("٢٧٧٣", None),
        ("²", None),
        ("2 773", None),
        ("port", None),
        ("9" * 30, None),
    ],
)
def test_the_port_that_is_bound_is_the_port_that_is_read(value: str, port: int | None) -> None:
    """Bootstrap and configuration have the same rule; None: the default, and a line says so."""
    environ = {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": value}
    config, problems = read_config(environ)
    assert config.parameters.http_port == (port or 2773)
    assert [each.variable for each in problems] == ([] if port else list(environ))
    with started(environ) as done:
        bound = {each.getsockname()[1] for each in done.cache_sockets}
        # A port that is taken, or that may not be bound, is named instead.
        assert bound == {port or 2773} or f"port {port or 2773} on" in done.problems[0][1]


def test_connections_of_the_last_process_do_not_keep_the_port() -> None:
    """After a reset they linger in the kernel, closed by the side that listened."""
    environ = {"DISPATCH_CACHE_PORT": str(free_port())}
    with (
        started(environ) as before,
        socket.socket(fileno=before.cache_sockets[0].detach()) as listening,
        socket.create_connection(listening.getsockname(), timeout=PATIENCE_S) as client,
    ):
        listening.accept()[0].close()
        assert client.recv(1) == b""
    with started(environ) as after:
        assert after.problems == []
        assert can_connect(after.cache_sockets[0].getsockname())


def test_a_port_in_use_is_reported() -> None:
    """The cache is switched off, by name; registering goes on."""
    with socket.create_server(("127.0.0.1", 0)) as taken, api(REGISTERED) as served:
        port = taken.getsockname()[1]
        environ = {
            "AWS_LAMBDA_RUNTIME_API": served.address,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(port),
        }
        with started(environ) as done:
            assert done.identifier == IDENTIFIER
            assert done.cache_sockets == []
            cause = f"no cache: port {port} on 127.0.0.1: Address already in use"
            assert done.problems == [("cache", cause)]


def test_another_process_on_ipv6_is_reported() -> None:
    """Node tries ::1 first: its GETs, and the token, would go to that process unnoticed."""
    port = free_port()
    try:
        taken = socket.create_server(("::1", port), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6")
    with taken, started({"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(port)}) as done:
        assert [each.family for each in done.cache_sockets] == [_socket.AF_INET]
        cause = f"no cache on ::1: another process has port {port} there; use 127.0.0.1"
        assert done.problems == [("cache", cause)]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n{}", "registration failed: status 403: {}"),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", "registration failed: status 200: {}"),
        (b"SSH-2.0\r\n\r\n", "registration failed: not an HTTP response"),
        (b"", "registration failed: not an HTTP response"),
    ],
)
def test_a_refusal_is_reported(answer: bytes, problem: str) -> None:
    """Any response without an identifier is a problem, not an exception."""
    with api(answer) as served, started({"AWS_LAMBDA_RUNTIME_API": served.address}) as done:
        assert done.identifier == ""
        assert done.problems == [("registration", problem)]


@pytest.mark.parametrize(
    ("answer", "requests"), [(REGISTERED, 1), (b"", 2), (b"HTTP/1.1 500 Oops\r\n\r\n", 2)]
)
def test_a_response_that_is_late_comes_before_another_request(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, requests: int
) -> None:
    """A second registration would be refused; what is lost, or has failed, is requested again."""
    monkeypatch.setattr("extension.platform.bootstrap.REGISTER_TIMEOUT_S", 0.1)
    is_missed = threading.Event()
    with api(answer, *[REGISTERED] * (requests - 1)) as served:
        served.before_answer = is_missed.wait
        start = Start(served.address)
        with pytest.raises(TimeoutError):
            register(start, {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"})
        is_missed.set()
        monkeypatch.setattr("extension.platform.bootstrap.REGISTER_TIMEOUT_S", PATIENCE_S)
        start.pending_registration[0].settimeout(PATIENCE_S)  # type: ignore[index]  # it is there
        register(start, {})
    assert (start.identifier, len(served.requests)) == (IDENTIFIER, requests)
    assert start.receives_invoke is (requests > 1)
    assert start.pending_registration is None


def test_a_response_that_is_late_twice_is_not_waited_for_alone() -> None:
    """Another request is made, which an API that was started again has not refused."""
    ours, theirs = _socket.socketpair()
    ours.settimeout(0.001)
    with closing(ours), closing(theirs), api(REGISTERED) as served:
        start = Start(served.address)
        start.pending_registration = ours, False
        register(start, {})
        assert start.pending_registration == (ours, False)
    assert (start.identifier, start.receives_invoke) == (IDENTIFIER, True)


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:x", "127.0.0.1:1"])
def test_an_unreachable_api_is_reported(address: str) -> None:
    """A wrong address, or one where nothing listens, is a problem, not an exception."""
    with started({"AWS_LAMBDA_RUNTIME_API": address}) as done:
        assert done.problems[0][1].startswith("registration failed: ")


def test_a_plain_exchange_reads_as_much_as_was_announced() -> None:
    """A server that keeps the connection open is not waited for."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with closing(connection):
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\n\r\nhello")
                connection.recv(1)  # until the client closes

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        answer = plain_http.exchange(
            Address(address), method="GET", path="/", headers={}, timeout_s=10
        )
        thread.join()
    assert (answer.status, answer.body) == (200, b"hello")


@pytest.mark.parametrize(
    "received", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 OK 200\r\n\r\n"]
)
def test_half_a_response_is_none(received: bytes) -> None:
    """The connection was lost in it, or it is of another protocol."""
    ours, theirs = _socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.sendall(received)
        theirs.shutdown(_socket.SHUT_WR)
        with pytest.raises(ValueError, match="not an HTTP response"):
            plain_http.receive(ours)


def test_the_last_resort_answers_events_until_shutdown() -> None:
    """With every other part broken, /next is called until the sandbox ends."""
    ok = b"HTTP/1.1 200 OK\r\n\r\n"
    answers = (
        ok + b'{"eventType":"INVOKE"}',
        b"HTTP/1.1 500 Oops\r\n\r\n",
        b"garbage",
        ok + b'{"eventType":"SHUTDOWN"}',
    )
    with api(*answers) as served:
        registered = Start(served.address)
        registered.identifier = IDENTIFIER
        answer_events(registered, {})
    assert len(served.requests) == 4
    assert f"Lambda-Extension-Identifier: {IDENTIFIER}".encode() in served.requests[0]


def test_the_last_resort_pauses_after_each_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to a second, so that it never calls in a tight loop; an event ends the row of failures."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    ok, failure = b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 500 Oops\r\n\r\n"
    invoke, end = ok + b'{"eventType":"INVOKE"}', ok + b'{"eventType":"SHUTDOWN"}'
    with api(*[failure] * 7, invoke, failure, invoke, end) as served:
        registered = Start(served.address)
        registered.identifier = IDENTIFIER
        assert answer_events(registered, {})
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 0.05]


def test_the_last_resort_registers_if_the_bootstrap_did_not() -> None:
    """Lambda waits for every extension to register: it tries until it succeeds."""
    end = b'HTTP/1.1 200 OK\r\n\r\n{"eventType":"SHUTDOWN"}'
    with api(b"HTTP/1.1 500 Oops\r\n\r\n", REGISTERED, end) as served:
        answer_events(Start(served.address), {})
    assert [request.split(b" ")[0] for request in served.requests] == [b"POST", b"POST", b"GET"]


TELEMETRY = {"DISPATCH_POST_URI": "http://h"}
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"OK"'
SECOND = {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "1"}


def calls(served: Api) -> list[bytes]:
    """Return method and path of each request."""
    return [b" ".join(each.split(b" ")[:2]) for each in served.requests]


REGISTER, SUBSCRIBE = b"POST /2020-01-01/extension/register", b"PUT /2022-07-01/telemetry"
NEXT = b"GET /2020-01-01/extension/event/next"


def test_a_first_start_subscribes_and_does_not_request_next() -> None:
    """Opening comes first; subscriptions are accepted only between registering and /next."""
    with (
        api(REGISTERED, OK) as served,
        started({"AWS_LAMBDA_RUNTIME_API": served.address, **TELEMETRY}) as done,
    ):
        assert (done.is_subscribed, done.pending_next) == (True, None)
        assert done.telemetry_socket is not None
        port = done.telemetry_socket.getsockname()[1]
    assert calls(served) == [REGISTER, SUBSCRIBE]
    wanted = json.loads(served.requests[1].partition(b"\r\n\r\n")[2])
    assert wanted["types"] == ["platform", "function", "extension"]
    assert wanted["destination"]["URI"] == f"http://sandbox.localdomain:{port}"
    assert wanted["buffering"] == {"maxItems": 1000, "maxBytes": 1_048_576, "timeoutMs": 25}


def test_a_repeated_start_requests_next_at_once() -> None:
    """It is part of an invocation: only the subscription comes before."""
    with api(REGISTERED, OK, REGISTERED, OK, b"") as served:
        environ = {"AWS_LAMBDA_RUNTIME_API": served.address, **TELEMETRY}
        with started(environ) as first:
            assert first.pending_next is None
        with started(environ) as second:
            assert second.pending_next is not None
            assert second.budget_s() == 0
    assert calls(served) == [REGISTER, SUBSCRIBE, REGISTER, SUBSCRIBE, NEXT]
    assert f"Lambda-Extension-Identifier: {IDENTIFIER}".encode() in served.requests[-1]


@pytest.mark.parametrize(
    ("value", "types"),
    [
        ("extension, platform", ["platform", "extension"]),
        ("FUNCTION", ["function"]),
        ("nonsense", ["platform", "function", "extension"]),
        (" , ", ["platform", "function", "extension"]),
    ],
)
def test_the_events_that_are_subscribed_are_those_that_are_read(
    value: str, types: list[str]
) -> None:
    """Bootstrap and configuration have the same rule."""
    assert list(event_types({"DISPATCH_EVENTS": value})) == types
    assert list(read_config({"DISPATCH_EVENTS": value})[0].telemetry.events) == types


def test_older_schemas_are_tried_until_the_platform_accepts_one() -> None:
    """Newest schema first; 202 means that there is no Telemetry API."""
    refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    for last, subscribed in ((b"200 OK", True), (b"202 Accepted", False)):
        answers = (REGISTERED, refused, b"HTTP/1.1 " + last + b"\r\nContent-Length: 0\r\n\r\n")
        with api(*answers) as served:
            environ = {"AWS_LAMBDA_RUNTIME_API": served.address, **TELEMETRY, **SECOND}
            with started(environ) as done:
                assert done.is_subscribed is subscribed
        schemas = [json.loads(each.partition(b"\r\n\r\n")[2]) for each in served.requests[1:]]
        assert [each["schemaVersion"] for each in schemas] == ["2025-01-29", "2022-12-13"]


@pytest.mark.parametrize(
    ("elapsed_s", "cpu_s", "budget_s"),
    [
        (0.0, 0.0, 2.0),
        (0.4, 0.0, 1.6),
        (0.5, 0.0, 1.5),
        (0.6, 0.12, 1.4),
        (1.0, 0.1, 0.0),
        (1.0, 0.15, 1.0),
        (1.0, 0.5, 1.0),
        (3.0, 3.0, 0.0),
    ],
)
def test_opening_delays_next_for_a_budget_unless_there_is_little_cpu(
    monkeypatch: pytest.MonkeyPatch, elapsed_s: float, cpu_s: float, budget_s: float
) -> None:
    """Counted from registering; in the first half second, waiting for the disk looks the same."""
    now = {"monotonic": 128.0, "process_time": 0.15}  # twice of it is a number without rounding
    clock = SimpleNamespace(**{name: partial(now.__getitem__, name) for name in now})
    monkeypatch.setattr("extension.platform.bootstrap.time", clock)
    begun = Start("")
    now["monotonic"] += elapsed_s
    now["process_time"] += cpu_s
    assert begun.receives_invoke
    assert begun.elapsed_s == pytest.approx(elapsed_s)
    assert begun.budget_s() == pytest.approx(budget_s)
    begun.begin_budget()
    assert begun.budget_s() == 2.0


@pytest.mark.parametrize("status", [202, 404])
def test_a_platform_without_a_telemetry_api_is_reported(status: int) -> None:
    """It is not asked again."""
    answer = b"HTTP/1.1 %d -\r\nContent-Length: 0\r\n\r\n" % status
    with (
        api(REGISTERED, answer) as served,
        started({"AWS_LAMBDA_RUNTIME_API": served.address, **TELEMETRY}) as done,
    ):
        assert done.problems == [("telemetry", "this platform has no Telemetry API")]
        assert (done.is_subscribed, done.subscribes_late) == (False, False)


def test_a_subscription_that_is_refused_is_reported() -> None:
    """With the platform's error type; other schema versions would not help."""
    refused = b'HTTP/1.1 403 Forbidden\r\n\r\n{"errorMessage":"m","errorType":"Telemetry.Closed"}'
    with (
        api(REGISTERED, refused) as served,
        started({"AWS_LAMBDA_RUNTIME_API": served.address, **TELEMETRY}) as done,
    ):
        problem = ("telemetry", "subscription failed: status 403 Telemetry.Closed")
        assert done.problems == [problem]


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 500 -\r\n\r\n{}", b"HTTP/1.1 429 -\r\n\r\n{}", b"not HTTP"]
)
def test_what_is_no_refusal_leaves_the_subscription_to_the_event_loop(answer: bytes) -> None:
    """It may have taken effect, and telemetry is not off; the connection is of no more use."""
    with (
        api(REGISTERED, answer) as served,
        started({"AWS_LAMBDA_RUNTIME_API": served.address, **TELEMETRY}) as done,
    ):
        assert (done.is_subscribed, done.subscribes_late) == (False, True)
        assert (done.pending_subscription, done.problems) == (None, [])


def test_a_subscription_that_is_not_answered_stays_in_flight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The start goes on, and the connection is kept for the answer."""
    monkeypatch.setattr("extension.platform.early_calls.SUBSCRIBE_S", 0.05)
    with (
        api(REGISTERED, None) as served,
        started({"AWS_LAMBDA_RUNTIME_API": served.address, **TELEMETRY}) as done,
    ):
        assert done.pending_subscription is not None
        done.pending_subscription.close()
        assert (done.subscribes_late, done.problems) == (True, [])


def test_registers_under_the_name_of_the_launcher() -> None:
    """Any name of the file in /opt/extensions, with blanks and umlauts."""
    with api(REGISTERED) as served:
        named = {"DISPATCH_EXTENSION_NAME": "10 größe"}
        with started({"AWS_LAMBDA_RUNTIME_API": served.address, **named}):
            pass
    assert "\r\nLambda-Extension-Name: 10 größe\r\n".encode() in served.requests[0]


@pytest.mark.parametrize("name", ["", "a\r\nb: c", "a\nb"])
def test_a_name_that_cannot_be_a_header_is_not_sent(name: str) -> None:
    """A line break in it would begin another header."""
    with api(REGISTERED) as served:
        named = {"DISPATCH_EXTENSION_NAME": name}
        with started({"AWS_LAMBDA_RUNTIME_API": served.address, **named}):
            pass
    assert b"\r\nLambda-Extension-Name: lambda-dispatch\r\n" in served.requests[0]


def test_where_invoke_is_refused_shutdown_alone_is_registered() -> None:
    """The response decides, not only the variable: a new kind of sandbox may refuse it, too."""
    refused = b"HTTP/1.1 400 Bad Request\r\n\r\n{}"
    with (
        api(refused, REGISTERED) as served,
        started({"AWS_LAMBDA_RUNTIME_API": served.address}) as done,
    ):
        assert (done.identifier, done.receives_invoke, done.problems) == (IDENTIFIER, False, [])
    bodies = [json.loads(each.partition(b"\r\n\r\n")[2]) for each in served.requests]
    assert bodies == [{"events": ["INVOKE", "SHUTDOWN"]}, {"events": ["SHUTDOWN"]}]


def test_switched_off_it_registers_for_shutdown_alone() -> None:
    """No invocation waits for it, and it leaves no mark."""
    with api(REGISTERED) as served:
        environ = {"AWS_LAMBDA_RUNTIME_API": served.address, "DISPATCH_ENABLED": "off"}
        with started(environ) as done:
            assert done.mark is None
    assert json.loads(served.requests[0].partition(b"\r\n\r\n")[2]) == {"events": ["SHUTDOWN"]}


@pytest.mark.parametrize(
    ("text", "host", "port", "prefix"),
    [
        ("127.0.0.1:9001", "127.0.0.1", 9001, ""),
        ("127.0.0.1:9001/", "127.0.0.1", 9001, ""),
        ("localhost:9001/fn", "localhost", 9001, "/fn"),
        ("http://127.0.0.1:9001/a/b/", "127.0.0.1", 9001, "/a/b"),
        ("[::1]:9001", "::1", 9001, ""),
        ("http://[::1]", "::1", 80, ""),
        ("HTTP://sandbox", "sandbox", 80, ""),
        ("::1", "::1", 80, ""),
    ],
)
def test_the_address_of_the_api(text: str, host: str, port: int, prefix: str) -> None:
    """As Lambda sets it, and in the forms that local tools use."""
    address = Address(text)
    assert (address.host, address.port, address.prefix) == (host, port, prefix)


@pytest.mark.parametrize("text", ["", ":9001", "host:x", "https://host:1", "[]:1", "[::1]x"])
def test_other_forms_of_an_address_are_refused(text: str) -> None:
    """Rather than read as something else."""
    with pytest.raises(ValueError, match=r"address|https"):
        Address(text)


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}/fn", "127.0.0.1:{}/fn/", "localhost:{}/fn"])
def test_registers_wherever_the_api_is(form: str) -> None:
    """A path prefix is kept."""
    with api(REGISTERED) as served:
        port = served.address.rpartition(":")[2]
        with started({"AWS_LAMBDA_RUNTIME_API": form.format(port)}) as done:
            assert done.problems == []
    assert calls(served) == [b"POST /fn/2020-01-01/extension/register"]


def test_the_cache_has_its_own_switch_and_port() -> None:
    """So that it can run beside AWS's extension, whose port is set by the same variable."""
    theirs, ours = free_port(), free_port()
    shared = {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(theirs)}
    with started({**shared, "DISPATCH_CACHE_PORT": str(ours)}) as done:
        assert {each.getsockname()[1] for each in done.cache_sockets} == {ours}
    with started({**shared, "DISPATCH_CACHE": "false"}) as done:
        assert done.cache_sockets == []


def test_telemetry_has_its_own_switch() -> None:
    """Nothing is bound, whatever the endpoint is."""
    environ = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "DISPATCH_TELEMETRY": "0", **TELEMETRY}
    with started(environ) as done:
        assert done.telemetry_socket is None


def test_the_last_resort_reads_a_pending_response() -> None:
    """/next was requested before everything broke: a second request would be refused."""
    end = b'HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{"eventType":"SHUTDOWN"}'
    with api(REGISTERED, REGISTERED, end) as served:
        environ = {"AWS_LAMBDA_RUNTIME_API": served.address}
        with started(environ):
            pass
        with started(environ) as second:
            assert answer_events(second, environ)
    assert calls(served) == [REGISTER, REGISTER, NEXT]


def test_the_last_resort_ends_if_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the API refuses connections for long, the sandbox no longer exists."""
    monkeypatch.setattr("extension.platform.survive.GONE_S", 0.1)
    registered = Start(f"127.0.0.1:{free_port()}")
    registered.identifier = IDENTIFIER
    assert not answer_events(registered, {})


def test_the_last_resort_tries_for_as_long_as_a_sandbox_may_be_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And then no more: a tool that waits for its end would never get it."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr("extension.platform.survive.GONE_S", 0.05)
    registered = Start(f"127.0.0.1:{free_port()}")
    registered.identifier = IDENTIFIER
    assert not answer_events(registered, {})
    assert pauses == [0.05]


def test_the_last_resort_ends_if_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeated final refusals are an end, too."""
    monkeypatch.setattr("extension.platform.survive.GONE_S", 0.1)
    refused = b"HTTP/1.1 403 Forbidden\r\n\r\n{}"
    with api(refused, refused) as served:
        registered = Start(served.address)
        registered.identifier = IDENTIFIER
        assert not answer_events(registered, {})


@pytest.mark.parametrize(
    ("reason", "stays"), [("spindown", False), ("timeout", True), ("FAILURE", True)]
)
def test_the_mark_goes_with_the_sandbox(own_tmp: Path, reason: str, stays: bool) -> None:
    """After a timeout or a failure the same sandbox starts again."""
    event = json.dumps({"eventType": "SHUTDOWN", "shutdownReason": reason}).encode()
    with api(REGISTERED, b"HTTP/1.1 200 OK\r\n\r\n" + event) as served:
        environ = {"AWS_LAMBDA_RUNTIME_API": served.address}
        with started(environ) as done:
            assert len(list(own_tmp.iterdir())) == 1
            answer_events(done, environ)
    assert bool(list(own_tmp.iterdir())) is stays


def with_receiver(port: int, **more: str) -> dict[str, str]:
    """Return the variables of a function in Lambda that has a receiver."""
    return {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "DISPATCH_OTLP_PORT": str(port), **more}


def test_the_receiver_listens_on_both_loopback_addresses() -> None:
    """Before registering, so that the first export of an SDK is not refused; without, nothing."""
    port = free_port()
    with started(with_receiver(port)) as done:
        assert can_connect(("127.0.0.1", port))
        if _socket.AF_INET6 in {each.family for each in done.otlp_sockets}:
            assert can_connect(("::1", port))
    with started({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9"}) as done:
        assert done.otlp_sockets == []


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "x", "４３１８", "+4318", "004318"])
def test_without_a_port_there_is_no_receiver(port: str) -> None:
    """Nor with one that is none; `config` reports it, and has no receiver either."""
    given = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "DISPATCH_OTLP_PORT": port}
    with started(given) as done:
        assert done.otlp_sockets == []
    config, problems = read_config(given)
    assert config.telemetry.otlp_port == 0
    assert [each.variable for each in problems] == ["DISPATCH_OTLP_PORT"] * (port not in ("", "0"))


def test_the_receivers_port_is_taken() -> None:
    """It is off, with the cause; everything else goes on."""
    port = free_port()
    with started(with_receiver(port)), started(with_receiver(port)) as done:
        assert done.otlp_sockets == []
        cause = f"no receiver: port {port} on 127.0.0.1: Address already in use"
        assert ("receiver", cause) in done.problems


@pytest.mark.parametrize(
    "uri",
    ["http://localhost:{port}", "http://127.0.0.1:{port}/x", "HTTP://u:p@[::1]:{port}/v1/traces"],
)
@pytest.mark.parametrize("variable", ["DISPATCH_POST_URI", "DISPATCH_LOGS_URI"])
def test_the_receiver_is_not_our_own_endpoint(uri: str, variable: str) -> None:
    """What it received would come back for ever."""
    port = free_port()
    with started(with_receiver(port, **{variable: uri.format(port=port)})) as done:
        assert done.otlp_sockets == []
        assert [part for part, _ in done.problems if part == "receiver"]


def test_another_port_of_this_sandbox_is_an_endpoint() -> None:
    """Such as a collector's; and so is the same port of another host."""
    port = free_port()
    for uri in (f"http://localhost:{port}1/{port}", f"http://collector.example:{port}"):
        with started(with_receiver(port, DISPATCH_POST_URI=uri)) as done:
            assert done.otlp_sockets


def test_outside_lambda_nothing_listens_for_telemetry() -> None:
    """No platform would deliver any, and the port would be open to other machines."""
    outside = {"DISPATCH_POST_URI": "http://localhost:4318", "DISPATCH_OTLP_PORT": f"{free_port()}"}
    with started(outside) as done:
        assert (done.telemetry_socket, done.otlp_sockets) == (None, [])
        assert done.problems == []


WRAPPED = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/lambda-dispatch-tap"}


@pytest.mark.parametrize(
    ("environ", "is_there"),
    [
        ({}, False),
        ({"DISPATCH_TAP": " ON "}, True),
        ({"DISPATCH_TAP": "perhaps"}, False),
        (WRAPPED, True),
        ({"DISPATCH_ENV_NEXT": " /opt/lambda-dispatch-tap "}, True),
        ({"AWS_LAMBDA_EXEC_WRAPPER": "/opt/lambda-dispatch-tap/other"}, False),
        ({**WRAPPED, "DISPATCH_TAP": "perhaps"}, True),
        ({**WRAPPED, "DISPATCH_TAP": "off"}, False),
    ],
)
def test_there_is_a_pump_where_the_wrapper_is_named(
    environ: dict[str, str], *, is_there: bool
) -> None:
    """Or where the switch says so, which has the last word."""
    assert is_tapped(environ) is is_there


TAPPED = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "DISPATCH_TAP": "on", "DISPATCH_TAP_PORT": "7"}


def test_the_pump_is_started_for_the_runtime_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the port that is set; where it cannot start, everything else goes on."""
    ours, theirs = _socket.socketpair()
    started_with: list[object] = []

    def start_pump(api: str, *, addresses: list[object], port: int) -> _socket.socket:
        started_with.append((api, [each[-1] for each in addresses], port))  # type: ignore[index]
        return ours

    def fails(*_: object, **__: object) -> None:
        raise OSError("no room")

    with closing(ours), closing(theirs):
        monkeypatch.setattr("extension.pump.start.start_pump", start_pump)
        with started(TAPPED) as done:
            assert done.tap_channel is ours
        assert started_with == [("127.0.0.1:9", [("127.0.0.1", 9)], 7)]
        monkeypatch.setattr("extension.pump.start.start_pump", fails)
        with started(TAPPED) as done:
            assert done.tap_channel is None
            assert ("tap", "no tap: no room") in done.problems
        with started({"DISPATCH_TAP": "on"}) as done:  # outside Lambda
            assert done.problems == []


def test_registering_takes_five_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what Lambda gives init."""
    limits: list[float] = []

    def connect(_: Address, *, timeout_s: float) -> None:
        limits.append(timeout_s)
        raise TimeoutError

    monkeypatch.setattr(plain_http, "connect", connect)
    with started({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9"}):
        assert limits == [5.0]


def test_a_failure_of_the_platform_is_no_refusal_of_invoke() -> None:
    """Registering is repeated later, for the same events."""
    with api(b"HTTP/1.1 500 -\r\n\r\n{}") as served:
        with started({"AWS_LAMBDA_RUNTIME_API": served.address}) as done:
            assert done.receives_invoke
            assert done.problems == [("registration", "registration failed: status 500: {}")]
            assert done.pending_registration is None  # nothing else was requested
        assert len(served.requests) == 1


def test_a_refusal_of_shutdown_alone_is_not_asked_for_twice() -> None:
    """There is nothing to leave out."""
    with api(b"HTTP/1.1 403 -\r\n\r\n{}") as served:
        environ = {"AWS_LAMBDA_RUNTIME_API": served.address, "DISPATCH_ENABLED": "off"}
        with started(environ) as done:
            assert done.problems == [("registration", "registration failed: status 403: {}")]
            assert done.pending_registration is None  # nothing else was requested


def test_an_identifier_alone_is_no_registration() -> None:
    """The status says whether it is one."""
    answer = REGISTERED.replace(b"200 OK", b"202 Accepted")
    with api(answer) as served, started({"AWS_LAMBDA_RUNTIME_API": served.address}) as done:
        assert done.identifier == ""


def test_each_start_binds_a_port_of_its_own_for_deliveries() -> None:
    """Any that is free."""
    environ = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "DISPATCH_CACHE": "off", **TELEMETRY}
    with started(environ) as first, started(environ) as second:
        assert first.telemetry_socket is not None
        assert second.telemetry_socket is not None


def test_what_cannot_be_bound_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the cause; a sandbox without IPv6 is none, for no client would use it."""
    listen = bootstrap._listen

    def without_ipv6(start: Start, family: int, host: str, port: int) -> _socket.socket:
        if host == "0.0.0.0":
            raise OSError(errno.EMFILE, "Too many open files")
        if family == _socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return listen(start, family, host, port)

    monkeypatch.setattr(bootstrap, "_listen", without_ipv6)
    with started({"AWS_LAMBDA_RUNTIME_API": "nowhere", **TELEMETRY}) as done:
        assert [each.family for each in done.cache_sockets] == [_socket.AF_INET]
        assert done.telemetry_socket is None
        assert done.problems[0] == (
            "telemetry", "no telemetry: no port to listen on: Too many open files",
        )  # fmt: skip
        assert [part for part, _ in done.problems] == ["telemetry", "registration"]


def test_on_managed_instances_the_subscription_is_left_to_the_event_loop() -> None:
    """Deliveries that are not accepted at once are dropped there."""
    kind = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances", **TELEMETRY}
    with (
        api(REGISTERED) as served,
        started({"AWS_LAMBDA_RUNTIME_API": served.address, **kind}) as done,
    ):
        assert (done.is_subscribed, done.subscribes_late) == (False, True)
    assert calls(served) == [REGISTER]


def test_a_platform_that_knows_no_version_of_the_schema_is_reported() -> None:
    """Each is tried once."""
    refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    with (
        api(REGISTERED, *[refused] * 3) as served,
        started({"AWS_LAMBDA_RUNTIME_API": served.address, **TELEMETRY}) as done,
    ):
        assert [part for part, _ in done.problems] == ["telemetry"]
        assert "status 400" in done.problems[0][1]
    assert calls(served) == [REGISTER, *[SUBSCRIBE] * 3]


def test_all_attempts_to_subscribe_take_a_second_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one gets a moment in any case."""
    limits: list[float] = []
    start = Start("api:1")

    def exchange(_: Start, __: bytes, *, timeout_s: float) -> plain_http.Response:
        limits.append(timeout_s)
        start._began_s -= 0.6  # so long did it take
        return plain_http.Response(status=400, headers={}, body=b"")

    monkeypatch.setattr(early_calls, "_exchange", exchange)
    monkeypatch.setattr(early_calls, "_request", lambda *_, **__: b"")
    monkeypatch.setattr("extension.platform.bootstrap.time.monotonic", lambda: 100.0)
    start.begin_budget()
    with pytest.raises(ValueError, match="status 400"):
        early_calls.subscribe(start, ("platform",), versions=("3", "2", "1"))
    assert limits == [pytest.approx(each) for each in (1.0, 0.4, 0.05)]


def test_a_request_for_next_that_is_cut_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The life cycle sends it again, on another connection."""
    ours, theirs = _socket.socketpair()
    theirs.close()
    with closing(ours):
        monkeypatch.setattr(plain_http, "connect", lambda *_, **__: ours)
        start = Start("api:1")
        with pytest.raises(OSError, match="pipe"):
            early_calls.request_next(start)
        assert (start.pending_next, ours.fileno()) == (None, -1)


def test_the_budget_of_the_opening_begins_when_the_process_is_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long that took: the function waits from then on."""
    begun: list[str] = []
    monkeypatch.setattr(Start, "begin_budget", lambda start: begun.append(start.identifier))
    with api(REGISTERED) as served, started({"AWS_LAMBDA_RUNTIME_API": served.address}):
        assert begun == ["", IDENTIFIER]
