"""The bootstrap: sockets bound, registered, and every failure told as data."""

from __future__ import annotations

import _socket
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import pytest

from extension import plain_http
from extension.bootstrap import Boot, boot
from extension.config import read_config
from extension.survive import answer_events
from tests.sandbox import free_port
from tests.waiting import PATIENCE_S

IDENTIFIER = "11111111-1111-4111-8111-111111111111"
FUNCTION = b'{"functionName":"f","functionVersion":"$LATEST","handler":"a.b"}\n'
REGISTERED = (
    b"HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: " + IDENTIFIER.encode() + b"\r\n"
    b"Content-Length: %d\r\n\r\n" % len(FUNCTION) + FUNCTION
)


@dataclass
class Api:
    """A server on loopback that gives scripted answers, one a connection."""

    answers: list[bytes]
    requests: list[bytes] = field(default_factory=list)
    address: str = ""

    def serve(self, listening: socket.socket) -> None:
        """Answer until the script ends."""
        for answer in self.answers:
            connection, _ = listening.accept()
            with closing(connection):
                self.requests.append(connection.recv(65_536))
                connection.sendall(answer)


@contextmanager
def api(*answers: bytes) -> Iterator[Api]:
    """Run a scripted API."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_S)
        served = Api(list(answers), address=f"127.0.0.1:{listening.getsockname()[1]}")
        thread = threading.Thread(target=served.serve, args=(listening,))
        thread.start()
        yield served
        thread.join()


@contextmanager
def booted(environ: dict[str, str]) -> Iterator[Boot]:
    """Boot with a free cache port and close the sockets afterwards."""
    done = boot({"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(free_port()), **environ})
    try:
        yield done
    finally:
        for each in [*done.cache_sockets, *([done.telemetry] if done.telemetry else [])]:
            each.close()


def can_connect(address: tuple[str, int]) -> bool:
    """Tell whether something listens there."""
    try:
        socket.create_connection(address, timeout=PATIENCE_S).close()
    except OSError:
        return False
    return True


def test_registers_by_its_file_name_for_both_events() -> None:
    """The name is that of the file in /opt/extensions, and the account is asked for."""
    with api(REGISTERED) as served, booted({"AWS_LAMBDA_RUNTIME_API": served.address}) as done:
        assert done.identifier == IDENTIFIER
        assert json.loads(done.registration)["functionName"] == "f"
        assert done.problems == []
    head, _, body = served.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /2020-01-01/extension/register HTTP/1.1\r\n")
    assert b"\r\nLambda-Extension-Name: lambda-dispatch\r\n" in head
    assert b"\r\nLambda-Extension-Accept-Feature: accountId\r\n" in head
    assert json.loads(body) == {"events": ["INVOKE", "SHUTDOWN"]}


def test_managed_instances_know_no_invoke() -> None:
    """There, registering for INVOKE is refused, so only SHUTDOWN is asked for."""
    kind = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}
    with api(REGISTERED) as served, booted({"AWS_LAMBDA_RUNTIME_API": served.address, **kind}):
        pass
    assert json.loads(served.requests[0].partition(b"\r\n\r\n")[2]) == {"events": ["SHUTDOWN"]}


def test_the_cache_listens_on_both_loopback_addresses_before_registering() -> None:
    """Whoever connects early waits in the kernel instead of being refused."""
    port = free_port()
    with booted({"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(port)}) as done:
        families = {each.family for each in done.cache_sockets}
        assert _socket.AF_INET in families
        assert can_connect(("127.0.0.1", port))
        if _socket.AF_INET6 in families:
            assert can_connect(("::1", port))


def test_telemetry_binds_only_when_it_is_wanted() -> None:
    """Without an endpoint there is no port that anybody could post to."""
    with booted({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9"}) as without:
        assert without.telemetry is None
    wanted = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "DISPATCH_POST_URI": "http://h"}
    with booted(wanted) as done:
        assert done.telemetry is not None
        assert can_connect(("127.0.0.1", done.telemetry.getsockname()[1]))


@pytest.mark.parametrize("value", ["false", "FALSE", " off ", "0"])
def test_disabled_binds_nothing(value: str) -> None:
    """Switched off, it registers and nothing else."""
    with booted({"DISPATCH_ENABLED": value, "DISPATCH_POST_URI": "http://h"}) as done:
        assert (done.cache_sockets, done.telemetry) == ([], None)


@pytest.mark.parametrize("value", ["abc", "0", "65536", "-1", "2773x", "٢٧٧٣", "9" * 30])
def test_a_bad_port_falls_back(value: str) -> None:
    """A port that is none gives the default port, or a line that it is taken; never a crash."""
    with booted({"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": value}) as done:
        ports = {each.getsockname()[1] for each in done.cache_sockets}
        assert ports == {2773} or "port 2773" in done.problems[0]


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
    """Bootstrap and configuration have one rule; None: it is the default, and a line says so."""
    environ = {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": value}
    config, problems = read_config(environ)
    assert config.parameters.http_port == (port or 2773)
    assert [each.variable for each in problems] == ([] if port else list(environ))
    with booted(environ) as done:
        bound = {each.getsockname()[1] for each in done.cache_sockets}
        # A port that is taken, or not ours to bind, is named instead.
        assert bound == {port or 2773} or f"port {port or 2773} on" in done.problems[0]


def test_a_port_in_use_is_told() -> None:
    """The cache is switched off by name; registering goes on."""
    with socket.create_server(("127.0.0.1", 0)) as taken, api(REGISTERED) as served:
        port = taken.getsockname()[1]
        environ = {
            "AWS_LAMBDA_RUNTIME_API": served.address,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(port),
        }
        with booted(environ) as done:
            assert done.identifier == IDENTIFIER
            assert done.cache_sockets == []
            assert done.problems == [f"no cache: port {port} on 127.0.0.1: Address already in use"]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n{}", "registering failed: status 403: {}"),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", "registering failed: status 200: {}"),
        (b"SSH-2.0\r\n\r\n", "registering failed: not an HTTP answer"),
        (b"", "registering failed: not an HTTP answer"),
    ],
)
def test_a_refusal_is_told(answer: bytes, problem: str) -> None:
    """Whatever is answered instead of an identifier is a problem, not an exception."""
    with api(answer) as served, booted({"AWS_LAMBDA_RUNTIME_API": served.address}) as done:
        assert done.identifier == ""
        assert done.problems == [problem]


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:x", "127.0.0.1:1"])
def test_an_unreachable_api_is_told(address: str) -> None:
    """A wrong address, or nobody there, is a problem, not an exception."""
    with booted({"AWS_LAMBDA_RUNTIME_API": address}) as done:
        assert done.problems[0].startswith("registering failed: ")


def test_a_plain_exchange_reads_to_the_announced_end() -> None:
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
        answer = plain_http.exchange(address, method="GET", path="/", headers={}, timeout_s=10)
        thread.join()
    assert (answer.status, answer.body) == (200, b"hello")


def test_what_is_left_answers_events_until_shutdown() -> None:
    """With every other room broken, /next is called until the sandbox ends."""
    ok = b"HTTP/1.1 200 OK\r\n\r\n"
    answers = (
        ok + b'{"eventType":"INVOKE"}',
        b"HTTP/1.1 500 Oops\r\n\r\n",
        b"garbage",
        ok + b'{"eventType":"SHUTDOWN"}',
    )
    with api(*answers) as served:
        registered = Boot(served.address)
        registered.identifier = IDENTIFIER
        answer_events(registered, {})
    assert len(served.requests) == 4
    assert f"Lambda-Extension-Identifier: {IDENTIFIER}".encode() in served.requests[0]


def test_what_is_left_registers_if_nobody_has() -> None:
    """Without registering there is no function: it is tried until it works."""
    end = b'HTTP/1.1 200 OK\r\n\r\n{"eventType":"SHUTDOWN"}'
    with api(b"HTTP/1.1 500 Oops\r\n\r\n", REGISTERED, end) as served:
        answer_events(Boot(served.address), {})
    assert [request.split(b" ")[0] for request in served.requests] == [b"POST", b"POST", b"GET"]
