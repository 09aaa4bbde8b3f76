"""From the configuration to where each signal goes: URL, headers, compression, TLS, proxy."""

from __future__ import annotations

from collections.abc import Mapping

from extension.config import OtlpConfig, TelemetryConfig
from extension.log import Log
from extension.proxy import proxy_for
from extension.telemetry.export.endpoint import parse_headers, signal_url
from extension.telemetry.export.outgoing import Signal
from extension.telemetry.export.post import Target
from extension.telemetry.export.tls import build_tls

SIGNALS: Mapping[str, Signal] = {"traces": "traces", "logs": "logs", "metrics": "metrics"}


def build_targets(
    config: TelemetryConfig, otlp: Mapping[str, OtlpConfig], *, environ: Mapping[str, str], log: Log
) -> dict[Signal, Target]:
    """Return the target of each signal that is on; the JSON format has one, for `events`.

    Raises:
        TlsError: a certificate that is set cannot be used.
    """
    if config.format == "json":
        own = otlp.get("traces", OtlpConfig())
        return {"events": _target(config, own, "events", environ=environ, log=log)}
    return {
        SIGNALS[name]: _target(
            config, otlp.get(name, OtlpConfig()), SIGNALS[name], environ=environ, log=log
        )
        for name in config.signals
    }


def _target(
    config: TelemetryConfig,
    otlp: OtlpConfig,
    signal: Signal,
    *,
    environ: Mapping[str, str],
    log: Log,
) -> Target:
    url = signal_url(config.post_uri, signal)
    return Target(
        url=url,
        headers=_headers(config, otlp, log=log),
        compression=otlp.compression or ("none" if signal == "events" else "gzip"),
        timeout_s=otlp.timeout_ms / 1000,
        tls=build_tls(otlp, environ) if url.startswith("https:") else None,
        proxy=proxy_for(url, environ),
    )


def _headers(config: TelemetryConfig, otlp: OtlpConfig, *, log: Log) -> dict[str, str]:
    """Choose our own headers, else the SDK's, of which the configuration has those meant for us."""
    variable, text = "DISPATCH_POST_HEADERS", config.post_headers
    if not text:
        variable, text = "OTEL_EXPORTER_OTLP_HEADERS", otlp.headers
    headers, malformed = parse_headers(text)
    if malformed:
        log.warning(
            "configuration", cause=f"{variable}: pairs that are no headers", pairs=malformed
        )
    return headers
