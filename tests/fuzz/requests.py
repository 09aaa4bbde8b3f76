"""HTTP requests, from right to rubbish, for the cache and for the listener."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.running_cache import GET_BY_PATH, GET_PARAMETER, GET_SECRET, TOKEN_HEADER

TOKEN = "the-session-token"
VALUE = "the-value-of-the-secret"

TARGETS = [
    f"{GET_SECRET}?secretId=n", f"{GET_PARAMETER}?name=n", f"{GET_BY_PATH}?path=/", "/ping", "*",
    f"{GET_SECRET}?secretId=n&raw=true&jsonKey=a.b", f"{GET_PARAMETER}?name=n&withDecryption=true",
    f"http://localhost{GET_SECRET}?secretId=n",
    f"http://evil.com{GET_SECRET}?secretId=n", "//", "?",
    "/",
]  # fmt: skip
HEADERS = [
    "Host: localhost", "Host: evil.com", "Host: [::1]:2773", "Host: localhost:99999999999999999999",
    "X-Forwarded-For: 192.0.2.1", "Connection: close", "Connection: keep-alive, Upgrade",
    "Content-Length: 5", "Content-Length: 0", "Transfer-Encoding: chunked", "Expect: 100-continue",
    "Accept: application/json", "traceparent: 00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    "Content-Encoding: gzip", "Upgrade: websocket", "X: \xff", "X:", ": x", "no colon", " folded",
]  # fmt: skip
METHODS = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "CONNECT", "TRACE", "get", ""]
BODIES = [b"", b"5\r\nhello\r\n0\r\n\r\n", b"hello", b"ffffffff\r\n", b"[]", b"\x1f\x8b\x08"]
VERSIONS = ["HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", ""]

ESCAPES = ["%", "%00", "%0d%0a", "%ff", "%c3%bc", "%zz", "+", "&", "=", ";", "#"]

escapes = st.lists(
    st.one_of(st.sampled_from(ESCAPES),
              st.text(st.characters(max_codepoint=255), max_size=3)),
    max_size=6,
).map("".join)  # fmt: skip


@st.composite
def requests(draw: st.DrawFn, *, with_token: bool) -> bytes:
    """Draw a few requests in one write; every second drawing is damaged somewhere."""
    written = b"".join(
        draw(_request(with_token=with_token)) for _ in range(draw(st.integers(1, 3)))
    )
    if draw(st.booleans()):
        return written
    at = draw(st.integers(0, len(written)))
    return written[:at] + draw(st.binary(max_size=6)) + written[at + draw(st.integers(0, 3)) :]


@st.composite
def _request(draw: st.DrawFn, *, with_token: bool) -> bytes:
    method = draw(st.one_of(st.just("GET"), st.sampled_from(METHODS)))
    target = draw(st.sampled_from(TARGETS)) + draw(st.one_of(st.just(""), escapes))
    first = " ".join((method, target, draw(st.sampled_from(VERSIONS[:1] * 4 + VERSIONS))))
    token = [f"{TOKEN_HEADER}: {TOKEN if with_token else draw(st.sampled_from(['', 'x', 'ü']))}"]
    more = draw(st.lists(st.sampled_from(HEADERS), max_size=4))
    lines = [first, draw(st.sampled_from(HEADERS[:1] * 5 + HEADERS)), *token, *more, "", ""]
    newline = draw(st.sampled_from(["\r\n"] * 6 + ["\n", "\r"]))
    body = draw(st.sampled_from(BODIES))
    return newline.join(lines).encode("latin-1", "replace") + body
