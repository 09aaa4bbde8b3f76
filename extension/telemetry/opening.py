"""Builds telemetry from its configuration; OpenTelemetry is imported only if it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from extension.process.clock import Clock
from extension.process.frozen import replace
from extension.process.ids import EpochIds, Ids
from extension.process.log import Log
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.assembly.held_records import FULL_SIZE, PartSize
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.encoder import Encoder
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.credentials import (
    EndpointCredentials,
    EndpointSettings,
    Resolve,
)
from extension.telemetry.export.delivery import Delivery, Exporter
from extension.telemetry.export.flush import FlushPolicy
from extension.telemetry.export.post import Post
from extension.telemetry.export.target import SIGNALS, build_targets, is_loopback
from extension.telemetry.export.tls import SettingError
from extension.telemetry.health import Health
from extension.telemetry.pipeline import Pipeline
from extension.telemetry.raw import RawEncoder, RawExporter
from extension.telemetry.reader import DeliveryReader
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.reading.levels import SEVERITIES
from extension.telemetry.reading.line_reader import Redaction
from extension.telemetry.resource_identity import ResourceIdentity
from extension.telemetry.telemetry import Telemetry

if TYPE_CHECKING:  # a feature that is off is not imported
    from extension.redaction.redactor import Redactor
    from extension.telemetry.assembly.details import Details
    from extension.telemetry.assembly.sampling import Sampler
    from extension.telemetry.export.aws_requests import AwsRequests, Signer
    from extension.telemetry.export.dead_letters import DeadLetters
    from extension.telemetry.otlp.fitting import Fitting
    from extension.telemetry.receiver.receiver import Receiver
    from extension.telemetry.sandbox_usage import SandboxUsage

SPANS_IN_BUFFER = 4
"""Spans full of lines that the buffer holds, at least."""

XRAY_PART_BYTES = 60_000
"""Characters of lines in one span for X-Ray, which takes 200 KB: most have one byte, some three."""

OpenLetters = Callable[[Post, Health], "DeadLetters | None"]
"""Opens the store for what would be dropped, None if it cannot; it shares the connection."""

OpenSigner = Callable[[], "Signer"]
"""Gives what signs requests with the credentials of the sandbox."""


async def open_telemetry(
    settings: EndpointSettings,
    *,
    identity: ResourceIdentity,
    redaction: Redaction,
    resolve: Resolve,
    open_letters: OpenLetters | None = None,
    open_signer: OpenSigner | None = None,
    concurrent: bool,
    environ: Mapping[str, str],
    ids: Ids,
    clock: Clock,
    log: Log,
) -> Telemetry:
    """Build what receives, assembles and exports; `concurrent` on Managed Instances.

    Raises:
        SettingError: a URL or a certificate that is set cannot be used.
    """
    config, health = settings.telemetry, Health()
    if config.goes_to_cloudwatch("traces"):
        ids = EpochIds(ids, clock)
        identity = replace(identity, correlated_log_groups=correlated_log_groups(config, identity))
    aws = _open_aws(config, open_signer, identity=identity, ids=ids, log=log)
    post = Post({}, aws=aws)

    def use(settings: EndpointSettings) -> None:
        post.use(build_targets(settings.telemetry, settings.otlp, environ=environ, log=log))

    credentials = EndpointCredentials(settings, use=use, resolve=resolve, clock=clock, log=log)
    encoder, exporter = _open_format(
        config,
        post=post,
        identity=identity,
        redaction=redaction,
        health=health,
        ids=ids,
        clock=clock,
    )
    assembler = _open_assembler(config, concurrent=concurrent, ids=ids, health=health)
    letters = open_letters(post, health) if open_letters else None
    buffer = Buffer(
        max_bytes=config.buffer_max_bytes,
        dropped=health.dropped,
        on_dropped=letters.on_dropped if letters else None,
        fitting=_open_fitting(config, health=health, clock=clock),
    )
    # Without platform events it is unknown when an invocation is over.
    policy = FlushPolicy(config.flush if "platform" in config.events else "periodic")  # type: ignore[arg-type]
    pipeline = Pipeline(
        assembler=assembler,
        encoder=encoder,
        buffer=buffer,
        record_filter=_open_filter(config),
        redaction=redaction,
        health=health,
        clock=clock,
        joins_sdk=joins_sdk(config),
        logs_from=config.logs_from if config.otlp_port and "logs" in config.posted else "both",
        sampler=_open_sampler(config, concurrent=concurrent, health=health),
        detail_below=detail_severity(config),
    )
    if aws:
        pipeline.on_instance = aws.stream.use
    reader = DeliveryReader(
        pipeline, buffer=buffer, health=health, clock=clock, concurrent=concurrent
    )
    telemetry = Telemetry(
        pipeline=pipeline,
        reader=reader,
        assembler=assembler,
        buffer=buffer,
        delivery=Delivery(
            exporter=exporter,
            buffer=buffer,
            health=health,
            clock=clock,
            log=log,
            renew_credentials=credentials.renew,
            on_settled=reader.settled,
            letters=letters,
        ),
        policy=policy,
        health=health,
        clock=clock,
        log=log,
        timeout_s=max(each.timeout_ms for each in settings.otlp.values()) / 1000,
        prepare=credentials.prepare,
        close=post.close,
        min_batch_size=config.min_batch_size,
        usage=_open_usage(config, health),
        sends_at_once=all(is_loopback(config.uri_of(each)) for each in config.posted),
    )
    try:
        credentials.use_constants()
    except SettingError:
        await post.close()
        raise
    return telemetry


def _open_aws(
    config: TelemetryConfig,
    open_signer: OpenSigner | None,
    *,
    identity: ResourceIdentity,
    ids: Ids,
    log: Log,
) -> AwsRequests | None:
    if not any(map(config.aws_service_of, config.posted)):
        return None
    from extension.telemetry.export.aws_requests import AwsRequests  # noqa: PLC0415  # only with AWS
    from extension.telemetry.export.log_stream import LogStream  # noqa: PLC0415  # only with AWS

    return AwsRequests(
        open_signer() if open_signer and config.is_any_signed else None,
        stream=LogStream(_own_log_group(config, identity), ids=ids, log=log),
    )


def _own_log_group(config: TelemetryConfig, identity: ResourceIdentity) -> str:
    return config.log_group or f"/lambda-dispatch/{identity.function_name or 'function'}"


def correlated_log_groups(config: TelemetryConfig, identity: ResourceIdentity) -> str:
    """Return the log groups with lines of the function's traces: Lambda's, and our own."""
    groups = [identity.log_group or f"/aws/lambda/{identity.function_name}"]
    if "logs" in config.posted and config.goes_to_cloudwatch("logs"):
        groups.append(_own_log_group(config, identity))
    return "&".join(dict.fromkeys(groups))


def _open_fitting(config: TelemetryConfig, *, health: Health, clock: Clock) -> Fitting | None:
    signals = [SIGNALS[each] for each in config.posted if config.goes_to_cloudwatch(each)]
    if not signals:
        return None
    from extension.telemetry.otlp.fitting import Fitting  # noqa: PLC0415  # only with AWS

    return Fitting(signals, health=health, clock=clock)


def connect_receiver(
    receiver: Receiver, telemetry: Telemetry, *, config: TelemetryConfig, redactor: Redactor
) -> None:
    """Let telemetry have what the function's own SDK sent, and will send."""
    if config.format == "json":
        receiver.given_up()
        return
    from extension.telemetry.receiver.posted_reader import PostedReader  # noqa: PLC0415  # only with a receiver

    health = telemetry.health
    health.received = receiver.counts
    telemetry.reader.posted = PostedReader(
        take=telemetry.pipeline.take_sdk,
        signals=config.posted,
        redaction=redactor,
        counts=receiver.counts,
        health=health,
    )
    receiver.opened(telemetry.reader.receive_posted)


def joins_sdk(config: TelemetryConfig) -> bool:
    """Tell whether there are spans of invocations and of the function's SDK to put together."""
    has_both = "traces" in config.posted and "platform" in config.events
    return bool(config.otlp_port) and has_both


def detail_severity(config: TelemetryConfig) -> int:
    """Return the severity below which lines are details, 0 if none are.

    Without the platform's events no verdict is known, and the JSON format reads no lines.
    """
    detail, least = (
        SEVERITIES.get(level, 0) for level in (config.detail_level_min, config.log_level_min)
    )
    has_verdicts = "platform" in config.events and config.format == "otlp"
    return detail if detail > least and has_verdicts else 0


def _open_details(config: TelemetryConfig, health: Health) -> Details | None:
    below = detail_severity(config)
    if not below:
        return None
    from extension.telemetry.assembly.details import Details  # noqa: PLC0415  # only with a level

    return Details(below=below, slow_ms=config.slow_ms, filtered=health.filtered)


def _open_usage(config: TelemetryConfig, health: Health) -> SandboxUsage | None:
    if not config.process_metrics or health.on_used is None:
        return None
    from extension.telemetry.sandbox_usage import SandboxUsage  # noqa: PLC0415  # only if wanted

    return SandboxUsage(health.on_used)


def _open_sampler(config: TelemetryConfig, *, concurrent: bool, health: Health) -> Sampler | None:
    has_verdicts = "platform" in config.events and config.format == "otlp"
    has_share = config.sample_ratio < 1 and has_verdicts and config.posted != ("metrics",)
    has_sdk_details = bool(config.otlp_port and "logs" in config.posted and detail_severity(config))
    if not (has_share or has_sdk_details):
        return None
    from extension.telemetry.assembly.sampling import Sampler  # noqa: PLC0415  # only with a share

    return Sampler(
        ratio=config.sample_ratio if has_share else 1.0,
        slow_ms=config.slow_ms,
        concurrent=concurrent,
        filtered=health.filtered,
        dropped=health.dropped,
    )


def _open_assembler(
    config: TelemetryConfig, *, concurrent: bool, ids: Ids, health: Health
) -> Assembler:
    with_platform = "platform" in config.events
    # The ids of a line are its invocation's, which may still follow the SDK's.
    ids_may_change = joins_sdk(config) and config.trace_parent == "sdk"
    return Assembler(
        ids=ids,
        trace_parent=config.trace_parent,  # type: ignore[arg-type]  # one of its choices
        concurrent=concurrent,
        stream_records=("logs" in config.posted and not ids_may_change) or not with_platform,
        with_platform=with_platform,
        below_segment=config.goes_to_cloudwatch("traces"),
        part=part_size(config),
        details=_open_details(config, health),
    )


def part_size(config: TelemetryConfig) -> PartSize:
    """Return what one span may carry; several must fit into the buffer, however small it is."""
    most = XRAY_PART_BYTES if config.goes_to_cloudwatch("traces") else FULL_SIZE.bytes
    return PartSize(
        lines=config.span_event_limit,
        bytes=min(most, config.buffer_max_bytes // SPANS_IN_BUFFER),
    )


def temporality_of(config: TelemetryConfig) -> Literal["delta", "cumulative"]:
    """Return what the user prefers, else what the back end can add up.

    PromQL's `rate`, by which CloudWatch is asked, needs sums that only grow.
    """
    if config.temporality:
        return "cumulative" if config.temporality == "cumulative" else "delta"
    return "cumulative" if config.goes_to_cloudwatch("metrics") else "delta"


def _open_filter(config: TelemetryConfig) -> RecordFilter:
    return RecordFilter(
        min_level=config.log_level_min,
        exclude=config.exclude_regex,
        include=config.include_regex,
    )


def _open_format(
    config: TelemetryConfig,
    *,
    post: Post,
    identity: ResourceIdentity,
    redaction: Redaction,
    health: Health,
    ids: Ids,
    clock: Clock,
) -> tuple[Encoder, Exporter]:
    if config.format == "json":
        return RawEncoder(redaction, health=health), RawExporter(post)
    from extension.telemetry.otlp.encoder import OtlpEncoder  # noqa: PLC0415  # heavy
    from extension.telemetry.otlp.exporter import OtlpExporter  # noqa: PLC0415  # heavy
    from extension.telemetry.otlp.limits import Limits  # noqa: PLC0415  # only with OTLP

    meter = None
    if "metrics" in config.posted:
        from extension.telemetry.otlp.metrics import Meter  # noqa: PLC0415  # heavier still

        meter = Meter(
            temporality=temporality_of(config),
            now_ns=clock.now().wall_ns,
            trigger=identity.trigger,
        )
        health.on_added = meter.record_added
        health.on_used = meter.record_usage
    encoder = OtlpEncoder(
        ids=ids,
        identity=identity,
        signals=config.posted,
        part=part_size(config),
        meter=meter,
        health=health,
        repeat_exceptions=config.exception_signal == "logs/dup",
        with_sdk=joins_sdk(config),
        for_xray=config.goes_to_cloudwatch("traces"),
        span_limits=Limits(
            length=config.span_attribute_length_limit or config.attribute_length_limit,
            count=config.span_attribute_count_limit or config.attribute_count_limit,
            cut=health.cut,
        ),
        log_limits=Limits(
            length=config.log_attribute_length_limit or config.attribute_length_limit,
            count=config.log_attribute_count_limit or config.attribute_count_limit,
            cut=health.cut,
        ),
    )
    return encoder, OtlpExporter(post)
