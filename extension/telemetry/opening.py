"""Puts job 1 together from its configuration; the OpenTelemetry rooms are opened only if used."""

from __future__ import annotations

from collections.abc import Mapping

from extension.clock import Clock
from extension.config import TelemetryConfig
from extension.ids import Ids
from extension.log import Log, describe
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.credentials import Credentials, Resolve, Settings
from extension.telemetry.export.delivery import Delivery, Exporter
from extension.telemetry.export.flush import FlushPolicy
from extension.telemetry.export.post import Post
from extension.telemetry.export.targets import build_targets
from extension.telemetry.export.tls import TlsError
from extension.telemetry.health import Health
from extension.telemetry.pipeline import Encoder, Pipeline
from extension.telemetry.raw import RawEncoder, RawExporter
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.reading.redact import Redact
from extension.telemetry.sender import Sender
from extension.telemetry.telemetry import Telemetry


async def open_telemetry(
    settings: Settings,
    *,
    sender: Sender,
    redact: Redact,
    resolve: Resolve,
    concurrent: bool,
    environ: Mapping[str, str],
    ids: Ids,
    clock: Clock,
    log: Log,
) -> Telemetry:
    """Build what receives, assembles and exports; `concurrent` on Managed Instances.

    Raises:
        TlsError: a certificate that is set cannot be used.
    """
    config, health, post = settings.telemetry, Health(), Post({})
    credentials = Credentials(settings, resolve=resolve, log=log)

    async def aim(*, fresh: bool) -> bool:
        """Take the credentials as they are now; False while they cannot be resolved."""
        resolved = await credentials.settings(fresh=fresh)
        if resolved is None:
            return False
        post.use(build_targets(resolved.telemetry, resolved.otlp, environ=environ, log=log))
        return True

    async def renew() -> bool:
        """Take new credentials if there are any, for the old ones were refused."""
        try:
            return credentials.are_references and await aim(fresh=True)
        except TlsError as error:
            log.error("credentials not usable", cause=describe(error))
            return False

    try:
        await aim(fresh=False)
    except TlsError:
        await post.close()
        raise
    encoder, exporter = _open_format(
        config, post=post, sender=sender, redact=redact, ids=ids, clock=clock
    )
    buffer = Buffer(max_bytes=config.buffer_max_bytes, dropped=health.dropped)
    with_platform = "platform" in config.events
    assembler = Assembler(
        ids=ids,
        trace_parent=config.trace_parent,  # type: ignore[arg-type]  # one of its choices
        concurrent=concurrent,
        stream_records="logs" in config.signals or not with_platform,
        with_platform=with_platform,
    )
    # Without platform events nobody tells when an invocation is over.
    policy = FlushPolicy(config.flush if with_platform else "periodic")  # type: ignore[arg-type]
    pipeline = Pipeline(
        assembler=assembler,
        encoder=encoder,
        buffer=buffer,
        record_filter=RecordFilter(
            min_level=config.log_level_min,
            exclude=config.exclude_regex,
            include=config.include_regex,
        ),
        redact=redact,
        on_end=policy.heard,
        health=health,
        clock=clock,
    )
    return Telemetry(
        pipeline=pipeline,
        assembler=assembler,
        buffer=buffer,
        delivery=Delivery(
            exporter=exporter,
            buffer=buffer,
            health=health,
            clock=clock,
            log=log,
            renew_credentials=renew,
        ),
        policy=policy,
        health=health,
        clock=clock,
        log=log,
        timeout_s=max(each.timeout_ms for each in settings.otlp.values()) / 1000,
        min_batch_size=config.min_batch_size,
    )


def _open_format(
    config: TelemetryConfig, *, post: Post, sender: Sender, redact: Redact, ids: Ids, clock: Clock
) -> tuple[Encoder, Exporter]:
    if config.format == "json":
        return RawEncoder(redact=redact), RawExporter(post)
    from extension.telemetry.otlp.encoder import OtlpEncoder  # noqa: PLC0415  # heavy
    from extension.telemetry.otlp.exporter import OtlpExporter  # noqa: PLC0415  # heavy

    meter = None
    if "metrics" in config.signals:
        from extension.telemetry.otlp.metrics import Meter  # noqa: PLC0415  # heavier still

        temporality = "cumulative" if config.temporality == "cumulative" else "delta"
        meter = Meter(temporality=temporality, now_ns=clock.now().wall_ns)  # type: ignore[arg-type]
    encoder = OtlpEncoder(
        ids=ids,
        sender=sender,
        signals=config.signals,
        max_events=config.span_event_limit,
        meter=meter,
    )
    return encoder, OtlpExporter(post, signals=config.signals)
