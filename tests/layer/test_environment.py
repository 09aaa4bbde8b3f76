"""What the wrapper makes of the cache's answers, and of a cache that does not answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from extension.platform import bootstrap
from layer import environment
from tests.layer.built import LayerTree

REFERENCE = b"{{resolve:secretsmanager:shop/key}}"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"
REFUSAL = b"HTTP/1.1 400 Bad\r\nX-Amzn-ErrorType: Denied\r\n\r\nhunter2"


@pytest.fixture
def cache() -> Iterator[Callable[[bytes], dict[bytes, bytes]]]:
    """A cache that answers with these bytes, or never; returns the environment that leads to it."""
    server = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def answering(answer: bytes) -> dict[bytes, bytes]:
        def serve() -> None:
            connection, _ = server.accept()
            kept.append(connection)
            connection.recv(65536)
            if answer:
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)

        threading.Thread(target=serve, daemon=True).start()
        return {b"VALUE": REFERENCE, b"DISPATCH_CACHE_PORT": b"%d" % server.getsockname()[1]}

    yield answering
    for each in (server, *kept):
        each.close()


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (ANSWER % (3, b"a\0b"), "no variable can hold the value's NUL byte"),
        (ANSWER % (9, b"a"), "the cache's answer is incomplete"),
        (REFUSAL, "the cache answered 400 Denied"),
        (b"HTTP/1.1 401 Bad\r\n\r\nhunter2", "the cache answered 401"),
        (b"", "no answer within 0.2 s"),
    ],
)
def test_no_value(
    cache: Callable[[bytes], dict[bytes, bytes]],
    answer: bytes,
    cause: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cause names the variable, the variable stays, and the body is not repeated."""
    monkeypatch.setattr(environment, "LIMIT_S", 60.0 if answer else 0.2)
    given = cache(answer)
    assert environment.resolve(given) == (given, [f"VALUE: {cause}"])


def test_a_value(cache: Callable[[bytes], dict[bytes, bytes]]) -> None:
    """The body is the value, whatever its bytes are."""
    given = cache(ANSWER % (4, b"\xff\r\n\n"))
    assert environment.resolve(given) == ({**given, b"VALUE": b"\xff\r\n\n"}, [])


ARN = b"arn:aws:secretsmanager:eu-central-1:1:secret:a-AbCdEf"


@pytest.mark.parametrize(
    ("reference", "query"),
    [
        (b"ssm:a:3", b"name=a&version=3"),
        (
            b"ssm-secure:arn:aws:ssm:eu-central-1:1:parameter/a:3",
            b"name=%b&version=3&withDecryption=true&raw=true"
            % b"arn%3Aaws%3Assm%3Aeu-central-1%3A1%3Aparameter/a",
        ),
        (
            b"secretsmanager:%b:SecretString:k+1:S:v" % ARN,
            b"secretId=%b&versionStage=S&versionId=v&raw=true&jsonKey=k%%2B1"
            % ARN.replace(b":", b"%3A"),
        ),
    ],
)
def test_what_is_asked_for(reference: bytes, query: bytes) -> None:
    """Names, ARNs, keys, stages and versions reach the cache as they are."""
    assert environment.target_of(reference).partition(b"?")[2] == query


@pytest.mark.parametrize(
    "text", ["", "0", "2799", " 2799 ", "02799", "002799", "65536", "+2799", "9" * 5000]
)
def test_the_cache_is_asked_where_it_listens(text: str) -> None:
    """A port is read as the extension reads it."""
    name = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
    assert environment.port({name.encode(): text.encode()}) == bootstrap._cache_port({name: text})


def test_a_stranger_s_error_code_does_not_break_the_line() -> None:
    """Another process may have the port, and send any answer."""
    with pytest.raises(environment.UnresolvedError) as raised:
        environment.body_of(b'HTTP/1.1 400 Bad\r\nX-Amzn-ErrorType: a"\\b\xe4 c\r\n\r\n')
    assert str(raised.value) == "the cache answered 400"


def test_the_wrapper_is_in_the_layer(layer_tree: LayerTree) -> None:
    """Lambda unpacks it as a program, beside what it starts."""
    assert (layer_tree.root / "lambda-dispatch-env").stat().st_mode & 0o555 == 0o555
    assert (layer_tree.root / "lambda-dispatch/environment.py").is_file()
