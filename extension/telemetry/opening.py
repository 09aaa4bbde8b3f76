"""Puts job 1 together from its configuration; the OpenTelemetry rooms are opened only if used."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from extension.process.budget import Budget
from extension.process.clock import Clock
from extension.process.ids import Ids
from extension.process.log import Log, describe
from extension.settings.config import TelemetryConfig
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.credentials import RESOLVE_S, Credentials, Resolve, Settings
from extension.telemetry.export.delivery import Delivery, Exporter
from extension.telemetry.export.endpoint import SettingError, is_loopback
from extension.telemetry.export.flush import FlushPolicy
from extension.telemetry.export.post import Post
from extension.telemetry.export.targets import build_targets
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
        SettingError: a URL or a certificate that is set cannot be used.
    """
    config, health, post = settings.telemetry, Health(), Post({})
    aim = Aim(
        post,
        Credentials(settings, resolve=resolve, log=log),
        environ=environ,
        clock=clock,
        log=log,
    )
    encoder, exporter = _open_format(
        config, post=post, sender=sender, redact=redact, health=health, ids=ids, clock=clock
    )
    assembler = _open_assembler(config, concurrent=concurrent, ids=ids)
    buffer = Buffer(max_bytes=config.buffer_max_bytes, dropped=health.dropped)
    # Without platform events nobody tells when an invocation is over.
    policy = FlushPolicy(config.flush if "platform" in config.events else "periodic")  # type: ignore[arg-type]
    pipeline = Pipeline(
        assembler=assembler,
        encoder=encoder,
        buffer=buffer,
        record_filter=_open_filter(config),
        redact=redact,
        health=health,
        clock=clock,
    )
    telemetry = Telemetry(
        pipeline=pipeline,
        assembler=assembler,
        buffer=buffer,
        delivery=Delivery(
            exporter=exporter,
            buffer=buffer,
            health=health,
            clock=clock,
            log=log,
            renew_credentials=aim.renew,
            on_settled=pipeline.settled,
        ),
        policy=policy,
        health=health,
        clock=clock,
        log=log,
        timeout_s=max(each.timeout_ms for each in settings.otlp.values()) / 1000,
        prepare=aim.begin,
        close=post.close,
        min_batch_size=config.min_batch_size,
        sends_at_once=all(is_loopback(config.uri_of(each)) for each in config.posted),
    )
    try:
        aim.take_constants()
    except SettingError:
        await post.close()
        raise
    return telemetry


class Aim:
    """Points the POSTs at the endpoint, with the credentials as they are now."""

    def __init__(
        self,
        post: Post,
        credentials: Credentials,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        log: Log,
    ) -> None:
        self._post = post
        self._credentials = credentials
        self._environ = environ
        self._clock = clock
        self._log = log

    def take_constants(self) -> None:
        """Take credentials that are no references: they are known from the start.

        Raises:
            SettingError: a URL or a certificate that is set cannot be used.
        """
        if not self._credentials.are_references:
            self._use(self._credentials.unresolved)

    async def begin(self) -> None:
        """Resolve references before they are needed; while they are not, what is sent waits."""
        if self._credentials.are_references:
            with suppress(TimeoutError):
                await self._take(Budget(RESOLVE_S, clock=self._clock), fresh=False)

    async def renew(self, budget: Budget) -> bool:
        """Take new credentials if there are any, for the old ones were refused or never there.

        Raises:
            TimeoutError: they did not come within the budget.
        """
        if not self._credentials.are_references:
            return False
        return await self._take(budget, fresh=self._post.has_targets)

    async def _take(self, budget: Budget, *, fresh: bool) -> bool:
        """Take the credentials as they are now; False while they cannot be resolved."""
        found = await self._credentials.settings(budget, fresh=fresh)
        if found is None:
            return False
        try:
            self._use(found)
        except SettingError as error:
            self._log.error("credentials not usable", cause=describe(error))
            return False
        return True

    def _use(self, found: Settings) -> None:
        self._post.use(
            build_targets(found.telemetry, found.otlp, environ=self._environ, log=self._log)
        )


def _open_assembler(config: TelemetryConfig, *, concurrent: bool, ids: Ids) -> Assembler:
    with_platform = "platform" in config.events
    return Assembler(
        ids=ids,
        trace_parent=config.trace_parent,  # type: ignore[arg-type]  # one of its choices
        concurrent=concurrent,
        stream_records="logs" in config.posted or not with_platform,
        with_platform=with_platform,
    )


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
    sender: Sender,
    redact: Redact,
    health: Health,
    ids: Ids,
    clock: Clock,
) -> tuple[Encoder, Exporter]:
    if config.format == "json":
        return RawEncoder(redact=redact), RawExporter(post)
    from extension.telemetry.otlp.encoder import OtlpEncoder  # noqa: PLC0415  # heavy
    from extension.telemetry.otlp.exporter import OtlpExporter  # noqa: PLC0415  # heavy
    from extension.telemetry.otlp.limits import Limits  # noqa: PLC0415  # only with OTLP

    meter = None
    if "metrics" in config.posted:
        from extension.telemetry.otlp.metrics import Meter  # noqa: PLC0415  # heavier still

        temporality = "cumulative" if config.temporality == "cumulative" else "delta"
        meter = Meter(
            temporality=temporality,  # type: ignore[arg-type]
            now_ns=clock.now().wall_ns,
            trigger=sender.trigger,
        )
        health.on_added = meter.record_added
    encoder = OtlpEncoder(
        ids=ids,
        sender=sender,
        signals=config.posted,
        max_events=config.span_event_limit,
        meter=meter,
        health=health,
        repeat_exceptions=config.exception_signal == "logs/dup",
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
