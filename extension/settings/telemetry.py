"""The variables of telemetry: what is exported, where to, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extension.process.frozen import Frozen
from extension.settings.content import LimitsConfig, SelectionConfig, TapConfig
from extension.settings.kinds import (
    choice,
    choices,
    credential,
    encryption,
    http_url,
    log_group,
    port,
    s3_uri,
    sigv4,
    switch,
    text,
    whole,
)
from extension.settings.sdk_variables import SIGNALS, same_origin
from extension.settings.variable import variable

if TYPE_CHECKING:  # only with an endpoint of AWS
    from extension.settings.aws_hosts import SignedFor


def may_be_aws(uri: str) -> bool:
    """Return whether it is worth looking at a URI closely; this costs no import."""
    return any(label in uri.lower() for label in ("xray", "logs.", "logs-", "monitoring"))


class TelemetryConfig(Frozen):
    """Telemetry: what is exported, where to, and when."""

    enabled: bool = variable(
        "DISPATCH_TELEMETRY",
        switch(),
        default=True,
        meaning="false: no telemetry, whatever else is set",
    )
    post_uri: str = variable(
        "DISPATCH_POST_URI",
        http_url(),
        default="",
        meaning="OTLP/HTTP endpoint; unset: no telemetry at all",
    )
    traces_uri: str = variable(
        "DISPATCH_TRACES_URI",
        http_url(),
        default="",
        meaning="the whole URL that spans are posted to; unset: below `DISPATCH_POST_URI`",
    )
    logs_uri: str = variable(
        "DISPATCH_LOGS_URI", http_url(), default="", meaning="likewise for log records"
    )
    metrics_uri: str = variable(
        "DISPATCH_METRICS_URI", http_url(), default="", meaning="likewise for metrics"
    )
    post_headers: str = variable(
        "DISPATCH_POST_HEADERS",
        credential("key=value pairs, comma-separated, URL-encoded"),
        default="",
        meaning="headers of every export to the origin of `DISPATCH_POST_URI`",
    )
    sigv4: str = variable(
        "DISPATCH_SIGV4",
        sigv4(),
        default="",
        meaning="what exports are signed for, where the host is none of AWS's own; off: nothing is "
        "signed; unset: exports to AWS's own hosts are",
    )
    log_group: str = variable(
        "DISPATCH_LOG_GROUP",
        log_group(),
        default="",
        meaning="log group of exports to CloudWatch Logs; unset: `/lambda-dispatch/FUNCTION`",
    )
    format: str = variable(
        "DISPATCH_FORMAT",
        choice("otlp", "json"),
        default="otlp",
        meaning="json: the platform's events as they are, a JSON array a POST, instead of OTLP",
    )
    signals: tuple[str, ...] = variable(
        "DISPATCH_SIGNALS",
        choices(*SIGNALS),
        default=("traces",),
        meaning="what is made of the events; without `logs`, lines are events of their span",
    )
    events: tuple[str, ...] = variable(
        "DISPATCH_EVENTS",
        choices("platform", "function", "extension"),
        default=("platform", "function", "extension"),
        meaning="what is subscribed; without `platform`, invocation spans have no end or status",
    )
    flush: str = variable(
        "DISPATCH_FLUSH",
        choice("auto", "end", "periodic"),
        default="auto",
        meaning="end: export before an invocation is over; periodic: with a later one; "
        "auto: end while they are rare",
    )
    min_batch_size: int = variable(
        "DISPATCH_MIN_BATCH_SIZE",
        whole(1),
        default=1,
        unit="items",
        meaning="inside an invocation nothing is exported while fewer wait",
    )
    buffer_max_bytes: int = variable(
        "DISPATCH_BUFFER_MAX_BYTES",
        whole(65_536),
        default=4_194_304,
        unit="bytes",
        meaning="most that waits for export; beyond it the oldest is dropped and counted",
    )
    otlp_port: int = variable(
        "DISPATCH_OTLP_PORT",
        port(0),
        default=0,
        meaning="port on localhost that takes OTLP/HTTP from the function's SDK; 0: none",
    )
    dead_letters: str = variable(
        "DISPATCH_DEAD_LETTERS",
        s3_uri(),
        default="",
        meaning="where OTLP requests are stored that would be dropped; unset: nowhere",
    )
    dead_letters_encryption: str = variable(
        "DISPATCH_DEAD_LETTERS_SSE",
        encryption(),
        default="",
        meaning="how S3 is asked to encrypt them; unset: as the bucket does by default",
    )
    trace_parent: str = variable(
        "DISPATCH_TRACE_PARENT",
        choice("sdk", "xray", "link", "none"),
        default="sdk",
        meaning="whose trace our spans join: with `DISPATCH_OTLP_PORT` that of the function's "
        "SDK, else X-Ray's; xray: always X-Ray's; link, none: one of our own, with or without a "
        "link to X-Ray's",
    )
    logs_from: str = variable(
        "DISPATCH_LOGS_FROM",
        choice("lines", "sdk", "both"),
        default="both",
        meaning="with `DISPATCH_OTLP_PORT`, whose log records are exported where the function "
        "prints what its SDK sends too: its lines, the SDK's, or both",
    )
    selection: SelectionConfig = SelectionConfig()
    limits: LimitsConfig = LimitsConfig()
    exception_signal: str = variable(
        "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN",
        choice("logs", "logs/dup"),
        default="logs",
        meaning="with the signal `logs`, an exception is reported by its log record; "
        "logs/dup: on the span too",
    )
    temporality: str = variable(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        choice("delta", "cumulative", "lowmemory"),
        default="",
        meaning="of sums and histograms; lowmemory is delta here; unset: delta, but cumulative for "
        "CloudWatch",
    )
    process_metrics: bool = variable(
        "DISPATCH_PROCESS_METRICS",
        switch(),
        default=False,
        meaning="with `metrics`: CPU, network, descriptors, threads and /tmp of the sandbox, once "
        "an invocation",
    )
    service_name: str = variable(
        "OTEL_SERVICE_NAME",
        text(),
        default="",
        meaning="`service.name` of the resource; unset: the function's name",
    )
    trigger: str = variable(
        "DISPATCH_FAAS_TRIGGER",
        choice("datasource", "http", "other", "pubsub", "timer"),
        default="other",
        meaning="`faas.trigger` where the tap does not see what invokes the function",
    )
    tap: TapConfig = TapConfig()
    resource_attributes: str = variable(
        "OTEL_RESOURCE_ATTRIBUTES",
        text("key=value pairs, comma-separated, URL-encoded"),
        default="",
        meaning="further resource attributes; they win over what we find out",
    )

    @property
    def posted(self) -> tuple[str, ...]:
        """The signals that are on and have a URL; `events` in the JSON format."""
        if self.format == "json":
            return ("events",) if self.post_uri else ()
        return tuple(signal for signal in self.signals if self.uri_of(signal))

    def own_uri_of(self, signal: str) -> str:
        """Return the URL that is one signal's alone, empty if it has none."""
        uri: str = getattr(self, f"{signal}_uri", "")
        return uri

    def uri_of(self, signal: str) -> str:
        """Return a signal's own URL, else the one for all; on AWS each signal has its own host."""
        own = self.own_uri_of(signal)
        if own or not may_be_aws(self.post_uri):
            return own or self.post_uri
        from extension.settings import aws_hosts  # noqa: PLC0415  # only with an endpoint of AWS

        return aws_hosts.uri_of(self.post_uri, signal)

    def aws_service_of(self, signal: str) -> SignedFor | None:
        """Return the AWS service and Region that a signal is sent to; None if it is not AWS.

        What `sigv4` names is at the origin of the URL for all, as `post_headers` are: a signature
        has a token with it that another vendor must not get.
        """
        uri = self.uri_of(signal)
        named = self.sigv4 if "/" in self.sigv4 and self.gets_post_headers(signal) else ""
        if not (may_be_aws(uri) or named):
            return None
        from extension.settings import aws_hosts  # noqa: PLC0415  # only with an endpoint of AWS

        return aws_hosts.service_of(uri, signal, sigv4=named)

    def goes_to_cloudwatch(self, signal: str) -> bool:
        """Return whether AWS itself takes the OTLP of a signal: X-Ray, Logs or CloudWatch."""
        service = self.aws_service_of(signal) if self.format == "otlp" else None
        return service is not None and service.is_cloudwatch

    def is_signed(self, signal: str) -> bool:
        """Return whether the exports of a signal are signed."""
        return self.sigv4 != "off" and self.aws_service_of(signal) is not None

    @property
    def stores_letters(self) -> bool:
        """Whether batches that cannot be delivered go to a bucket, as OTLP alone can."""
        return bool(self.dead_letters) and self.format == "otlp"

    @property
    def is_any_signed(self) -> bool:
        """Whether AWS credentials are needed for exports."""
        return any(map(self.is_signed, self.posted))

    def gets_post_headers(self, signal: str) -> bool:
        """Return whether `post_headers` are meant for a signal's URL: they may hold a key.

        They belong to the origin of the URL for all. Without that one, every URL has to be of one
        origin.
        """
        theirs = [self.post_uri] if self.post_uri else [self.uri_of(each) for each in self.posted]
        return all(same_origin(self.uri_of(signal), each) for each in theirs)
