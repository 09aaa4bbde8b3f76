"""The run of a finished layer that every build ends with: what it asks of the cache."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from layer.sandbox import Sandbox, open_sandbox

Refusal = tuple[str, str]
"""Error type and text of an answer 400."""

NOT_BUILT = ("ServiceUnavailable", "an unexpected error occurred while executing request")
NOT_OPEN = ("NotReadyException", "not ready to serve traffic, please wait")
DENIED = ("AccessDeniedException", "an unexpected error occurred while executing request")


@contextmanager
def cache_of(sandbox: Sandbox, refusals: Sequence[Refusal]) -> Iterator[list[str]]:
    """Serve the port of the cache: first these refusals, then a value; yield the paths asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            refusal = refusals[len(asked) - 1] if len(asked) <= len(refusals) else None
            self.send_response(400 if refusal else 200)
            if refusal:
                self.send_header("x-amzn-errortype", refusal[0])
            self.end_headers()
            self.wfile.write((refusal[1] if refusal else "a parameter").encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its signature
            """Say nothing."""

    port = int(sandbox.environment(path="")["PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"])
    with HTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield asked
        finally:
            server.shutdown()


@pytest.mark.parametrize("refusal", [NOT_BUILT, NOT_OPEN])
def test_a_cache_that_is_not_ready_is_asked_again(refusal: Refusal) -> None:
    """A slow machine may take longer to build the AWS clients than a GET waits for them."""
    with open_sandbox() as sandbox, cache_of(sandbox, [refusal, refusal]) as asked:
        assert sandbox.get("/a?b=c") == "a parameter"
    assert asked == ["/a?b=c"] * 3


def test_a_cache_that_is_never_ready_is_given_up() -> None:
    """Its answer is the reason why the layer is refused."""
    with open_sandbox(deadline_s=0.1) as sandbox, cache_of(sandbox, [NOT_BUILT] * 1000):
        assert sandbox.get("/a").startswith("status 400, ServiceUnavailable: an unexpected error")


def test_any_other_refusal_is_the_answer() -> None:
    """With its error type, for the text is the same for all of them."""
    with open_sandbox() as sandbox, cache_of(sandbox, [DENIED]) as asked:
        answer = sandbox.get("/a")
    assert answer == f"status 400, AccessDeniedException: {DENIED[1]}"
    assert asked == ["/a"]
