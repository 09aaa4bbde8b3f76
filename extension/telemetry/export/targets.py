"""From the configuration to where each signal goes: URL, headers, compression, TLS, proxy."""

from __future__ import annotations

from collections.abc import Mapping

from yarl import URL

from extension.http.proxy import proxy_for
from extension.process.log import Log
from extension.settings.config import OtlpConfig, TelemetryConfig
from extension.telemetry.export.endpoint import (
    OURS,
    SettingError,
    parse_headers,
    signal_url,
    split_user_info,
)
from extension.telemetry.export.outgoing import Signal
from extension.telemetry.export.post import Target
from extension.telemetry.export.tls import build_tls

SIGNALS: Mapping[str, Signal] = {
    "traces": "traces",
    "logs": "logs",
    "metrics": "metrics",
    "events": "events",
}


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
    for name in config.posted:
        section = otlp.get("traces" if name == "events" else name, OtlpConfig())
        targets[SIGNALS[name]], found = _target(config, section, SIGNALS[name], environ=environ)
        ignored.update(dict.fromkeys(found))
    for cause in ignored:
        log.warning("configuration", cause=cause)
    return targets


def _target(
    config: TelemetryConfig, otlp: OtlpConfig, signal: Signal, *, environ: Mapping[str, str]
) -> tuple[Target, list[str]]:
    """Return one signal's target, and what of the settings is ignored."""
    given = signal_url(config.post_uri, signal, own=config.own_uri_of(signal))
    url, authorization = split_user_info(given)
    _check(url, signal)
    headers, ignored = _headers(config, otlp, signal)
    if authorization and "authorization" in headers:
        ignored.append("user information in a URI: the authorization header is used instead")
    elif authorization:
        headers["authorization"] = authorization
    target = Target(
        url=url,
        headers=headers,
        compression=otlp.compression or ("none" if signal == "events" else "gzip"),
        timeout_s=otlp.timeout_ms / 1000,
        tls=build_tls(otlp, environ) if url.startswith("https:") else None,
        proxy=proxy_for(url, environ),
    )
    return target, ignored


def _check(url: str, signal: Signal) -> None:
    """Raise SettingError for a URL that aiohttp would refuse at each export."""
    try:
        host = (URL(url).raw_host or "").encode("idna")  # as it is looked up
    except ValueError:
        host = b""
    if not host:
        raise SettingError(f"the URI of {signal} has no host that can exist")


def _headers(
    config: TelemetryConfig, otlp: OtlpConfig, signal: Signal
) -> tuple[dict[str, str], list[str]]:
    """Choose our own headers, else the SDK's, of which the configuration has those meant for us."""
    variable = "DISPATCH_POST_HEADERS"
    text = config.post_headers if config.gets_post_headers(signal) else ""
    if not text:
        variable, text = "OTEL_EXPORTER_OTLP_HEADERS", otlp.headers
    headers, malformed = parse_headers(text)
    ignored = [f"{variable}: {malformed} pairs that are no headers"] if malformed else []
    for name in sorted(OURS & headers.keys()):
        del headers[name]
        ignored.append(f"{variable}: {name} is not for users to set")
    return headers, ignored
