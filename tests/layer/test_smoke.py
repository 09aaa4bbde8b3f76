"""The run of a finished layer that every build ends with: what it asks of the cache."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from extension.aws.errors import NOT_OPEN, UpstreamError
from extension.parameters.response import NOT_READY, failure, refusal
from layer.sandbox import Sandbox, open_sandbox


def failed(message: str) -> bytes:
    """Return the cache's answer to a GET for which there are no AWS clients."""
    return failure(UpstreamError(NOT_OPEN, message=message), as_json=True).body


NOT_OPEN_YET = refusal(NOT_READY, as_json=True).body
NOT_BUILT_YET = failed("not ready within 15 s")
NEVER_BUILT = failed("the AWS clients could not be built: ModuleNotFoundError")


@contextmanager
def cache_of(sandbox: Sandbox, refusals: Sequence[bytes]) -> Iterator[list[str | None]]:
    """Serve the port of the cache: first these refusals, then a value; yield what was accepted."""
    accepted: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_refused = len(accepted) < len(refusals)
            body = refusals[len(accepted)] if is_refused else b"a parameter"
            accepted.append(self.headers["Accept"])
            self.send_response(400 if is_refused else 200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its signature
            """Say nothing."""

    port = int(sandbox.environment(path="")["PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"])
    with HTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield accepted
        finally:
            server.shutdown()


@pytest.mark.parametrize("refused", [NOT_OPEN_YET, NOT_BUILT_YET])
def test_a_cache_that_is_not_ready_is_asked_again(refused: bytes) -> None:
    """A slow machine may take longer to build the AWS clients than a GET waits for them."""
    with open_sandbox() as sandbox, cache_of(sandbox, [refused, refused]) as accepted:
        assert sandbox.get("/a") == "a parameter"
    assert accepted == ["application/json"] * 3


def test_a_cache_that_is_never_ready_is_given_up() -> None:
    """Its answer is the reason why the layer is refused."""
    with open_sandbox(deadline_s=0.1) as sandbox, cache_of(sandbox, [NOT_BUILT_YET] * 1000):
        assert "not ready within 15 s" in sandbox.get("/a")


def test_clients_that_cannot_be_built_are_not_waited_for() -> None:
    """The answer says why there are none: a layer that lacks something fails at once."""
    with open_sandbox() as sandbox, cache_of(sandbox, [NEVER_BUILT]) as accepted:
        assert sandbox.get("/a") == f"status 400: {NEVER_BUILT.decode()}"
    assert len(accepted) == 1
