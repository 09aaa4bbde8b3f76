"""Where each signal is posted, and as whom: URL, headers, compression, certificates, proxy.

Sources: the OTLP exporter specification (endpoint and header variables) and W3C Baggage, whose
syntax the header list has.
"""

from __future__ import annotations

import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urlsplit, urlunsplit

from yarl import URL

from extension.http.proxy import BadProxyError, proxy_for
from extension.process.frozen import Frozen
from extension.process.log import Log
from extension.settings.otlp import OtlpConfig
from extension.settings.sdk_variables import (
    CERTIFICATE,
    CLIENT_CERTIFICATE,
    COMPRESSION,
    HEADERS,
    source_of,
)
from extension.settings.telemetry import TelemetryConfig, may_be_aws
from extension.telemetry.export.buffer import Signal
from extension.telemetry.export.tls import SettingError, TlsContexts, needs_tls

if TYPE_CHECKING:  # only with AWS
    from extension.settings.aws_hosts import SignedFor

SIGNALS: Mapping[str, Signal] = {
    "traces": "traces",
    "logs": "logs",
    "metrics": "metrics",
    "events": "events",
}

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

HEADER_LIST = "name=value, comma-separated, URL-encoded"
REFERENCES = "${secretsmanager:NAME}, ${ssm:NAME} or ${arn:…}"

UNDECODABLE = "\ufffd"
"""What stands for bytes that are not UTF-8."""

ADDRESS = re.compile(rb"[0-9.]+")
"""An IPv4 address; `127.1` or `2130706433` is none."""

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Target(Frozen):
    """Where one signal goes and how."""

    url: str
    headers: Mapping[str, str]
    compression: str
    timeout_s: float
    variable: str = ""
    """The one that names it."""
    tls: ssl.SSLContext | None = None
    proxy: str | None = None
    aws: SignedFor | None = None
    """The AWS service that takes it, if one does."""
    is_signed: bool = False


def build_targets(
    config: TelemetryConfig, otlp: Mapping[str, OtlpConfig], *, environ: Mapping[str, str], log: Log
) -> dict[Signal, Target]:
    """Return the target of each signal that is posted; the JSON format has one, for `events`.

    What is ignored is logged, once however many signals it concerns.

    Raises:
        SettingError: a URL or a certificate that is set cannot be used.
    """
    ignored: dict[str, None] = {}
    targets = {}
    contexts = TlsContexts(environ)
    for name in config.posted:
        section = otlp.get("traces" if name == "events" else name, OtlpConfig())
        targets[SIGNALS[name]], found = _target(
            config, section, SIGNALS[name], environ=environ, contexts=contexts
        )
        ignored.update(dict.fromkeys(found))
    for cause in ignored:
        log.warning("configuration", cause=cause)
    return targets


def _target(
    config: TelemetryConfig,
    otlp: OtlpConfig,
    signal: Signal,
    *,
    environ: Mapping[str, str],
    contexts: TlsContexts,
) -> tuple[Target, list[str]]:
    """Return one signal's target, and what of the settings is ignored."""
    sources = _sources(environ, signal)
    own = config.own_uri_of(signal)
    variable = f"DISPATCH_{signal.upper()}_URI" if own else "DISPATCH_POST_URI"
    if own and may_be_aws(own):
        from extension.settings.aws_hosts import complete  # noqa: PLC0415  # only with AWS

        own = complete(own, signal)
    url, authorization = split_user_info(signal_url(config.uri_of(signal), signal, own=own))
    _check(url, variable)
    headers, ignored = _headers(config, otlp, signal, sources=sources)
    if authorization and "authorization" in headers:
        ignored.append(f"{variable}: its user information gives way to an authorization header")
    elif authorization:
        headers["authorization"] = authorization
    is_signed = config.is_signed(signal)
    if is_signed and "authorization" in headers:
        is_signed = False
        ignored.append(f"{variable}: not signed, because there is an authorization header")
    aws = config.aws_service_of(signal)
    compression = otlp.compression or ("none" if signal == "events" else "gzip")
    if aws and aws.is_cloudwatch and compression == "deflate":
        compression = "gzip"
        ignored.append(f"{sources[COMPRESSION]}: AWS takes gzip or none, using gzip")
    proxy = _proxy(url, environ)
    target = Target(
        url=url,
        headers=headers,
        compression=compression,
        timeout_s=otlp.timeout_ms / 1000,
        variable=variable,
        tls=contexts.find(otlp, sources) if needs_tls(url, proxy) else None,
        proxy=proxy,
        aws=aws,
        is_signed=is_signed,
    )
    return target, ignored


def _sources(environ: Mapping[str, str], signal: Signal) -> dict[str, str]:
    """Return the variable of each of the SDK's settings that counts for a signal."""
    counts_as = "traces" if signal == "events" else signal
    names = (HEADERS, COMPRESSION, CERTIFICATE, CLIENT_CERTIFICATE)
    return {name: source_of(environ, name, signal=counts_as) or name for name in names}


def _proxy(url: str, environ: Mapping[str, str]) -> str | None:
    try:
        return proxy_for(url, environ)
    except BadProxyError as error:
        raise SettingError(str(error)) from error


def _check(url: str, variable: str) -> None:
    """Raise SettingError for a URL that aiohttp would refuse at each export."""
    try:
        host = (URL(url).raw_host or "").encode("idna")  # as it is looked up
        if ADDRESS.fullmatch(host):
            socket.inet_pton(socket.AF_INET, host.decode())
    except (ValueError, OSError):
        host = b""
    if not host:
        raise SettingError(f"{variable} has no host that can exist")


def _headers(
    config: TelemetryConfig, otlp: OtlpConfig, signal: Signal, *, sources: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Choose our own headers, else the SDK's, of which the configuration has those meant for us."""
    variable = "DISPATCH_POST_HEADERS"
    text = config.post_headers if config.gets_post_headers(signal) else ""
    if not text:
        variable, text = sources[HEADERS], otlp.headers
    headers, unusable = parse_headers(text)
    ignored = []
    if unusable:
        places = ", ".join(map(str, unusable))
        ignored.append(f"{variable}: entries left out: {places}; allowed: {HEADER_LIST}")
    if "${" in text:  # a reference would have been replaced
        ignored.append(f"{variable}: ${{…}} stands for itself; allowed: {REFERENCES}")
    for name in sorted(OURS & headers.keys()):
        del headers[name]
        ignored.append(f"{variable}: {name} is not for users to set")
    return headers, ignored


def signal_url(post_uri: str, signal: Signal, *, own: str = "") -> str:
    """Return the URL of one signal.

    A base URL gets `/v1/<signal>`; one that already names a signal is taken as it is for that
    signal, and the others are its siblings. Events of the JSON format go to the URL unchanged,
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
    """Return whether a URL names this sandbox."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def parse_headers(text: str) -> tuple[dict[str, str], list[int]]:
    """Read `key=value,…` with percent-encoded values.

    Return them and what is left out, by its place in the list, from 1: it may hold a key.
    """
    headers: dict[str, str] = {}
    unusable = []
    for place, pair in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
        name, separator, value = pair.partition("=")
        name, value = unquote(name).strip().lower(), unquote(value).strip()
        is_sent = value.isprintable() and UNDECODABLE not in value
        if not separator or not HEADER_NAME.fullmatch(name) or not is_sent:
            unusable.append(place)
            continue
        headers[name] = value
    return headers, unusable
