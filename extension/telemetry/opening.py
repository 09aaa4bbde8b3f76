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
    aim = Aim(post, Credentials(settings, resolve=resolve, log=log), environ=environ, log=log)
    await aim.begin()
    encoder, exporter = _open_format(
        config, post=post, sender=sender, redact=redact, ids=ids, clock=clock
    )
    assembler = _open_assembler(config, concurrent=concurrent, ids=ids)
    buffer = Buffer(max_bytes=config.buffer_max_bytes, dropped=health.dropped)
    # Without platform events nobody tells when an invocation is over.
    policy = FlushPolicy(config.flush if "platform" in config.events else "periodic")  # type: ignore[arg-type]
    return Telemetry(
        pipeline=Pipeline(
            assembler=assembler,
            encoder=encoder,
            buffer=buffer,
            record_filter=_open_filter(config),
            redact=redact,
            on_end=policy.heard,
            health=health,
            clock=clock,
        ),
        assembler=assembler,
        buffer=buffer,
        delivery=Delivery(
            exporter=exporter,
            buffer=buffer,
            health=health,
            clock=clock,
            log=log,
            renew_credentials=aim.renew,
        ),
        policy=policy,
        health=health,
        clock=clock,
        log=log,
        timeout_s=max(each.timeout_ms for each in settings.otlp.values()) / 1000,
        close=post.close,
        min_batch_size=config.min_batch_size,
    )


class Aim:
    """Points the POSTs at the endpoint, with the credentials as they are now."""

    def __init__(
        self, post: Post, credentials: Credentials, *, environ: Mapping[str, str], log: Log
    ) -> None:
        self._post = post
        self._credentials = credentials
        self._environ = environ
        self._log = log

    async def begin(self) -> None:
        """Take the first credentials; while they cannot be resolved, what is to be sent waits.

        Raises:
            TlsError: a certificate that is set cannot be used.
        """
        try:
            await self._take(fresh=False)
        except TlsError:
            await self._post.close()
            raise

    async def renew(self) -> bool:
        """Take new credentials if there are any, for the old ones were refused."""
        try:
            return self._credentials.are_references and await self._take(fresh=True)
        except TlsError as error:
            self._log.error("credentials not usable", cause=describe(error))
            return False

    async def _take(self, *, fresh: bool) -> bool:
        """Take the credentials as they are now; False while they cannot be resolved."""
        found = await self._credentials.settings(fresh=fresh)
        if found is None:
            return False
        self._post.use(
            build_targets(found.telemetry, found.otlp, environ=self._environ, log=self._log)
        )
        return True


def _open_assembler(config: TelemetryConfig, *, concurrent: bool, ids: Ids) -> Assembler:
    with_platform = "platform" in config.events
    return Assembler(
        ids=ids,
        trace_parent=config.trace_parent,  # type: ignore[arg-type]  # one of its choices
        concurrent=concurrent,
        stream_records="logs" in config.signals or not with_platform,
        with_platform=with_platform,
    )


def _open_filter(config: TelemetryConfig) -> RecordFilter:
    return RecordFilter(
        min_level=config.log_level_min,
        exclude=config.exclude_regex,
        include=config.include_regex,
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
