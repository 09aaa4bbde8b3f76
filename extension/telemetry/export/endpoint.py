"""PURE: where each signal is posted, and with which headers.

Sources: the OTLP exporter specification (endpoint and header variables) and W3C Baggage, whose
syntax the header list has.
"""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import unquote, urldefrag, urlsplit, urlunsplit

from extension.telemetry.export.outgoing import Signal

SIGNAL_PATH = re.compile(r"/v1/(traces|logs|metrics)/?$")
OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that say where a body ends and what it is: a user's would be wrong for the next body."""

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class SettingError(Exception):
    """A setting of the endpoint that cannot be used; the text names it."""


def signal_url(post_uri: str, signal: Signal, *, own: str = "") -> str:
    """Return the URL of one signal.

    A base URL gets `/v1/<signal>`; one that already names a signal is taken as it is for that
    signal, and the others are its siblings. Events of the JSON format go to the URL as it stands,
    and so does a signal that has a URL of its `own`.
    """
    if own:
        return urldefrag(own).url
    if signal == "events":
        return post_uri
    parts = urlsplit(post_uri)
    base = SIGNAL_PATH.sub("", parts.path).rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, f"{base}/v1/{signal}", parts.query, ""))


def split_user_info(url: str) -> tuple[str, str]:
    """Return a URL without `user:password@`, and the authorization header that this stands for."""
    parts = urlsplit(url)
    user_info, found, host = parts.netloc.rpartition("@")
    if not found:
        return url, ""
    encoded = b64encode(unquote(user_info).encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), f"Basic {encoded}"


def is_loopback(url: str) -> bool:
    """Tell whether a URL names this sandbox."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def parse_headers(text: str) -> tuple[dict[str, str], int]:
    """Read `key=value,…` with percent-encoded values; return them and how many were malformed."""
    headers: dict[str, str] = {}
    malformed = 0
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, separator, value = pair.partition("=")
        name, value = unquote(name).strip().lower(), unquote(value).strip()
        if not separator or not HEADER_NAME.fullmatch(name) or not value.isprintable():
            malformed += 1
            continue
        headers[name] = value
    return headers, malformed
