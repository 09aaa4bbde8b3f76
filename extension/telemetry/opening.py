"""Builds telemetry from its configuration; OpenTelemetry is imported only if it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from extension.process.clock import Clock
from extension.process.frozen import replace
from extension.process.ids import EpochIds, Ids
from extension.process.log import Log, describe
from extension.settings.aws import AwsConfig
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.assembly.opening import open_assembler, open_sampler
from extension.telemetry.derived_settings import (
    correlated_log_groups,
    detail_severity,
    joins_sdk,
    own_log_group,
)
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
from extension.telemetry.reading.line_reader import Redaction
from extension.telemetry.resource_identity import ResourceIdentity
from extension.telemetry.telemetry import Telemetry

if TYPE_CHECKING:  # a feature that is off is not imported
    from extension.telemetry.export.aws_requests import AwsRequests, Signer
    from extension.telemetry.export.dead_letters import DeadLetters
    from extension.telemetry.otlp.fitting import Fitting
    from extension.telemetry.sandbox_usage import SandboxUsage

OpenSigner = Callable[[], "Signer"]
"""Gives what signs requests with the credentials of the sandbox."""


class TelemetryBuilder(NamedTuple):
    """Builds the parts, each from the settings that concern it; `concurrent`: Managed Instances."""

    settings: EndpointSettings
    aws: AwsConfig
    identity: ResourceIdentity
    redaction: Redaction
    resolve: Resolve
    open_signer: OpenSigner
    concurrent: bool
    environ: Mapping[str, str]
    ids: Ids
    clock: Clock
    log: Log
    health: Health

    @property
    def config(self) -> TelemetryConfig:
        """The settings of telemetry, without those of OTLP."""
        return self.settings.telemetry

    async def build(self) -> Telemetry:
        """Return telemetry that may receive.

        Raises:
            SettingError: a URL or a certificate that is set cannot be used.
        """
        if self.config.goes_to_cloudwatch("traces"):
            groups = correlated_log_groups(self.config, self.identity)
            self = self._replace(  # noqa: PLW0642
                ids=EpochIds(self.ids, self.clock),
                identity=replace(self.identity, correlated_log_groups=groups),
            )
        aws = self._aws_requests()
        post = Post({}, aws=aws, clock=self.clock)
        credentials = self._credentials(post)
        telemetry = self._telemetry(post, credentials)
        if aws:
            telemetry.pipeline.on_instance = aws.stream.use
        try:
            credentials.use_constants()
        except SettingError:
            await post.close()
            raise
        return telemetry

    def _telemetry(self, post: Post, credentials: EndpointCredentials) -> Telemetry:
        config = self.config
        encoder, exporter = self._format(post)
        letters = self._letters(post)
        buffer = Buffer(
            max_bytes=config.buffer_max_bytes,
            dropped=self.health.dropped,
            on_dropped=letters.on_dropped if letters else None,
            fitting=self._fitting(),
        )
        assembler = open_assembler(
            config, concurrent=self.concurrent, ids=self.ids, health=self.health
        )
        pipeline = self._pipeline(assembler, encoder, buffer)
        reader = DeliveryReader(
            pipeline,
            buffer=buffer,
            health=self.health,
            clock=self.clock,
            concurrent=self.concurrent,
        )
        return Telemetry(
            pipeline=pipeline,
            reader=reader,
            assembler=assembler,
            buffer=buffer,
            delivery=Delivery(
                exporter=exporter,
                buffer=buffer,
                health=self.health,
                clock=self.clock,
                log=self.log,
                renew_credentials=credentials.renew,
                on_settled=reader.congestion.export_settled,
                letters=letters,
            ),
            # Without platform events it is unknown when an invocation is over.
            policy=FlushPolicy(config.flush if "platform" in config.events else "periodic"),  # type: ignore[arg-type]
            health=self.health,
            clock=self.clock,
            log=self.log,
            timeout_s=max(each.timeout_ms for each in self.settings.otlp.values()) / 1000,
            prepare=credentials.prepare,
            close=post.close,
            min_batch_size=config.min_batch_size,
            usage=self._usage(),
            sends_at_once=all(is_loopback(config.uri_of(each)) for each in config.posted),
        )

    def _aws_requests(self) -> AwsRequests | None:
        if not any(map(self.config.aws_service_of, self.config.posted)):
            return None
        from extension.telemetry.export.aws_requests import AwsRequests  # noqa: PLC0415  # only with AWS
        from extension.telemetry.export.log_stream import LogStream  # noqa: PLC0415  # only with AWS

        group = own_log_group(self.config, self.identity)
        return AwsRequests(
            self.open_signer() if self.config.is_any_signed else None,
            stream=LogStream(group, ids=self.ids, log=self.log),
        )

    def _credentials(self, post: Post) -> EndpointCredentials:
        def use(settings: EndpointSettings) -> None:
            targets = build_targets(
                settings.telemetry, settings.otlp, environ=self.environ, log=self.log
            )
            post.use(targets)

        return EndpointCredentials(
            self.settings, use=use, resolve=self.resolve, clock=self.clock, log=self.log
        )

    def _format(self, post: Post) -> tuple[Encoder, Exporter]:
        if self.config.format == "json":
            return RawEncoder(self.redaction, health=self.health), RawExporter(post)
        from extension.telemetry.otlp.exporter import OtlpExporter  # noqa: PLC0415  # heavy
        from extension.telemetry.otlp.opening import open_encoder  # noqa: PLC0415  # heavy

        encoder = open_encoder(
            self.config,
            identity=self.identity,
            health=self.health,
            ids=self.ids,
            clock=self.clock,
        )
        return encoder, OtlpExporter(post)

    def _letters(self, post: Post) -> DeadLetters | None:
        """Open the bucket for what would be dropped; without it, telemetry drops and counts."""
        if not self.config.stores_letters:
            return None
        try:
            return self._bucket(post)
        except Exception as error:  # noqa: BLE001  # a part that cannot open is switched off
            self.log.error("switched off", part="dead letters", cause=describe(error))
            return None

    def _bucket(self, post: Post) -> DeadLetters:
        from extension.telemetry.export.open_letters import open_letters  # noqa: PLC0415  # heavy

        return open_letters(
            self.config,
            self.aws,
            signer=self.open_signer(),
            post=post,
            health=self.health,
            environ=self.environ,
            clock=self.clock,
            log=self.log,
        )

    def _fitting(self) -> Fitting | None:
        config = self.config
        signals = [SIGNALS[each] for each in config.posted if config.goes_to_cloudwatch(each)]
        if not signals:
            return None
        from extension.telemetry.otlp.fitting import Fitting  # noqa: PLC0415  # only with AWS

        return Fitting(signals, health=self.health, clock=self.clock)

    def _pipeline(self, assembler: Assembler, encoder: Encoder, buffer: Buffer) -> Pipeline:
        config = self.config
        return Pipeline(
            assembler=assembler,
            encoder=encoder,
            buffer=buffer,
            record_filter=RecordFilter(
                min_level=config.selection.log_level_min,
                exclude=config.selection.exclude_regex,
                include=config.selection.include_regex,
            ),
            redaction=self.redaction,
            health=self.health,
            clock=self.clock,
            joins_sdk=joins_sdk(config),
            logs_from=config.logs_from if config.otlp_port and "logs" in config.posted else "both",
            sampler=open_sampler(config, concurrent=self.concurrent, health=self.health),
            detail_below=detail_severity(config),
        )

    def _usage(self) -> SandboxUsage | None:
        if not self.config.process_metrics or self.health.on_used is None:
            return None
        from extension.telemetry.sandbox_usage import SandboxUsage  # noqa: PLC0415  # only if wanted

        return SandboxUsage(self.health.on_used)
