"""PURE: what the SDK's variables (`OTEL_EXPORTER_OTLP_…`) say about one signal of ours.

They hold keys for the endpoints that the function's own SDK posts to, and ours may be another
vendor's. A signal's own variable wins over the general one, as the OTLP exporter specification has
it, so a signal's own key belongs to the endpoint that counts for the signal. A general key may be
meant for any of the endpoints, so a single one elsewhere keeps it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

SIGNALS = ("traces", "logs", "metrics")

PREFIX = "OTEL_EXPORTER_OTLP_"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
COMPRESSION = "OTEL_EXPORTER_OTLP_COMPRESSION"
CERTIFICATE = "OTEL_EXPORTER_OTLP_CERTIFICATE"
CLIENT_CERTIFICATE = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
CLIENT_KEY = "OTEL_EXPORTER_OTLP_CLIENT_KEY"

CREDENTIALS = ((HEADERS,), (CLIENT_CERTIFICATE, CLIENT_KEY))
"""What must not reach another vendor; a certificate and its key go together or not at all."""

PORTS = {"http": 80, "https": 443}


class SignalVariables(NamedTuple):
    """Values by the general names, the variables that they are from, and the variables not used:
    they are for another endpoint."""

    values: dict[str, str]
    sources: dict[str, str]
    withheld: tuple[str, ...]


def read_signal(
    environ: Mapping[str, str], names: Iterable[str], *, signal: str, ours: str
) -> SignalVariables:
    """Return what counts for a signal of the variables `names`, posted to the URL `ours`."""
    sources = {name: source_of(environ, name, signal=signal) for name in names}
    withheld: list[str] = []
    for group in CREDENTIALS:
        used = [sources[name] for name in group if sources[name]]
        if not all(_is_for(ours, environ, each, signal=signal) for each in used):
            withheld += used
    values = {name: _value(environ, each) for name, each in sources.items() if each not in withheld}
    return SignalVariables(values, sources, tuple(withheld))


def _is_for(ours: str, environ: Mapping[str, str], variable: str, *, signal: str) -> bool:
    """Return whether the credential in a variable may go to our URL."""
    own_endpoints = [_value(environ, _own(ENDPOINT, each)) for each in SIGNALS]
    general = _value(environ, ENDPOINT)
    governing = _value(environ, _own(ENDPOINT, signal)) or general
    if variable.startswith(_own("", signal)) and governing:
        return same_origin(governing, ours)
    return all(same_origin(each, ours) for each in (general, *own_endpoints) if each)


def same_origin(one: str, other: str) -> bool:
    """Return whether two URLs have the same scheme, host and port; without a host: False."""
    try:
        a, b = _origin(urlsplit(one)), _origin(urlsplit(other))
    except ValueError:
        return False
    return a == b and all(a)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def source_of(environ: Mapping[str, str], name: str, *, signal: str) -> str:
    """Return which variable counts for a signal, its own or the general; empty: neither."""
    return next((each for each in (_own(name, signal), name) if _value(environ, each)), "")


def _own(name: str, signal: str) -> str:
    return f"{PREFIX}{signal.upper()}_{name.removeprefix(PREFIX)}"


def _value(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()
