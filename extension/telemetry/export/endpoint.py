"""PURE: where each signal is posted, and with which headers.

Sources: the OTLP exporter specification (endpoint and header variables) and W3C Baggage, whose
syntax the header list has.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

from extension.telemetry.export.outgoing import Signal

SIGNAL_PATH = re.compile(r"/v1/(traces|logs|metrics)/?$")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def signal_url(post_uri: str, signal: Signal) -> str:
    """Return the URL of one signal.

    A base URL gets `/v1/<signal>`; one that already names a signal is taken as it is for that
    signal, and the others are its siblings. Events of the JSON format go to the URL as it stands.
    """
    if signal == "events":
        return post_uri
    parts = urlsplit(post_uri)
    base = SIGNAL_PATH.sub("", parts.path).rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, f"{base}/v1/{signal}", parts.query, ""))


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
