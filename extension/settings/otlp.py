"""The SDK's variables of exports, for each signal, and which of them are meant for our endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from extension.process.frozen import Frozen
from extension.settings.kinds import choice, credential, text, whole
from extension.settings.sdk_variables import (
    CERTIFICATE,
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
    COMPRESSION,
    ENDPOINT,
    HEADERS,
    SIGNALS,
    read_signal,
)
from extension.settings.telemetry import TelemetryConfig
from extension.settings.variable import Problem, read, variable, variables


class OtlpConfig(Frozen):
    """How exports are posted; each also for one signal: `OTEL_EXPORTER_OTLP_TRACES_…` etc."""

    endpoint: str = variable(
        ENDPOINT,
        credential("an http:// or https:// URL"),
        default="",
        meaning="the function's own SDK's, never posted to: where one names another origin than "
        "`DISPATCH_POST_URI`, the SDK's headers and client certificate are not used",
    )
    headers: str = variable(
        HEADERS,
        credential("key=value pairs, comma-separated, URL-encoded"),
        default="",
        meaning="headers, if `DISPATCH_POST_HEADERS` is unset and they are meant for our endpoint",
    )
    timeout_ms: int = variable(
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        whole(1),
        default=10_000,
        unit="ms",
        meaning="longest export; inside an invocation never more than 2 s",
    )
    compression: str = variable(
        COMPRESSION,
        choice("gzip", "deflate", "none"),
        default="",
        meaning="unset: gzip, but none with `DISPATCH_FORMAT=json`",
    )
    certificate: str = variable(
        CERTIFICATE,
        text("a PEM file"),
        default="",
        meaning="authorities trusted for https; unset: the system's",
    )
    client_certificate: str = variable(
        CLIENT_CERTIFICATE,
        text("a PEM file"),
        default="",
        meaning="our certificate, where the endpoint asks for one and it is meant for it",
    )
    client_key: str = variable(
        CLIENT_KEY,
        text("a PEM file"),
        default="",
        meaning="its key, if it is not in the same file",
    )


def read_otlp(
    environ: Mapping[str, str], *, telemetry: TelemetryConfig
) -> tuple[dict[str, OtlpConfig], tuple[Problem, ...], dict[str, tuple[str, ...]]]:
    """Read the variables of each signal; the last of the three are those withheld, by signal."""
    names = [row.name for row in variables(OtlpConfig)]
    sections: dict[str, OtlpConfig] = {}
    problems: dict[Problem, None] = {}
    withheld: dict[str, tuple[str, ...]] = {}
    for signal in SIGNALS:
        values, sources, withheld[signal] = read_signal(
            environ, names, signal=signal, ours=telemetry.uri_of(signal)
        )
        sections[signal], found = read(OtlpConfig, values, sources=sources)
        problems.update(dict.fromkeys(found))
    return sections, tuple(problems), withheld


def missed(telemetry: TelemetryConfig, withheld: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return those of the withheld variables that would have been used."""
    names: dict[str, None] = {}
    for posted in telemetry.posted:
        signal = "traces" if posted == "events" else posted
        has_headers = telemetry.post_headers and telemetry.gets_post_headers(posted)
        for name in withheld[signal]:
            if not (has_headers and name.endswith("_HEADERS")):
                names[name] = None
    return tuple(names)


def without_effect(telemetry: TelemetryConfig) -> Iterator[str]:
    """Yield what is set about URLs and has no effect."""
    if telemetry.otlp_port and not {*SIGNALS} & {*telemetry.posted}:
        yield "DISPATCH_OTLP_PORT: what the function's SDK sends is accepted and goes nowhere"
    aws = telemetry.aws_service_of("events")
    if telemetry.format == "json" and aws and aws.is_cloudwatch:
        yield "DISPATCH_FORMAT=json: AWS takes OTLP alone"
    for signal in SIGNALS:
        variable = f"DISPATCH_{signal.upper()}_URI"
        if telemetry.own_uri_of(signal) and signal not in telemetry.posted:
            yield f"{variable} is not used: {signal} are not in DISPATCH_SIGNALS"
        if telemetry.posted and signal in telemetry.signals and not telemetry.uri_of(signal):
            general = "" if telemetry.post_uri else " or DISPATCH_POST_URI"
            yield f"DISPATCH_SIGNALS: {signal} go nowhere without {variable}{general}"
        elsewhere = signal in telemetry.posted and not telemetry.gets_post_headers(signal)
        if telemetry.post_headers and elsewhere:
            yield f"DISPATCH_POST_HEADERS are not used for {signal}: their URI is of another origin"
        if "/" in telemetry.sigv4 and elsewhere and not telemetry.is_signed(signal):
            yield f"DISPATCH_SIGV4 is not used for {signal}: their URI is of another origin"
