"""Telemetry in the opening: its sockets, what keeps deliveries from the start on, and the rest.

Deliveries are taken as soon as the event loop runs; what processes them is imported afterwards,
with the GETs in progress answered before each module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from extension.own_credentials import OwnCredentials
from extension.platform import early_calls
from extension.platform.bootstrap import Start
from extension.platform.events import Job
from extension.platform.listening import ListeningSockets
from extension.process.clock import Clock
from extension.process.ids import RandomIds
from extension.process.imports import Importer
from extension.process.log import Log
from extension.process.tasks import log_errors, start_task
from extension.redaction.redactor import Redactor
from extension.settings.config import Config
from extension.settings.telemetry import TelemetryConfig

if TYPE_CHECKING:
    from extension.parameters.parameters import Parameters
    from extension.telemetry.early import EarlyTelemetry
    from extension.telemetry.receiver.receiver import Receiver
    from extension.telemetry.telemetry import Telemetry

GETS_FIRST_S = 5.0
"""How long opening telemetry waits, at most, for GETs in progress."""


RECEIVER_MODULES = [
    "extension.telemetry.receiver.posted_reader",
    "extension.telemetry.receiver.opening",
]
TAP_MODULES = ["extension.telemetry.tap.opening"]


class TelemetryPart:
    """What there is of telemetry so far; `jobs` are those that take part in the life cycle."""

    def __init__(
        self,
        *,
        start: Start,
        environ: Mapping[str, str],
        config: Config,
        jobs: list[Job],
        importer: Importer,
        redactor: Redactor,
        own: OwnCredentials,
        clock: Clock,
        log: Log,
    ) -> None:
        self._start = start
        self._environ = environ
        self._config = config
        self._jobs = jobs
        self._importer = importer
        self._redactor = redactor
        self._own = own
        self._clock = clock
        self._log = log
        raw = start.telemetry_socket
        self._sockets = ListeningSockets([raw] if raw else [], start=start)
        if raw:
            [start.telemetry_socket] = self._sockets  # `subscribe` asks it for its port
        tap = start.tap_channel
        self._tap_channels = ListeningSockets([tap] if tap else [], start=start)
        self.otlp_sockets = ListeningSockets(start.otlp_sockets, start=start)
        self._early: EarlyTelemetry | None = None
        self._receiver: Receiver | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether it is on and there is somewhere to export to."""
        return bool(self._config.telemetry.enabled and self._config.telemetry.posted)

    @property
    def is_expected(self) -> bool:
        """Whether deliveries will come, and are wanted."""
        return (self._start.is_subscribed or self._start.subscribes_late) and self.is_wanted

    @property
    def is_listening(self) -> bool:
        """Whether deliveries are kept for what is opened later."""
        return self._early is not None

    async def subscribe_late(self, report_problems: Callable[[], None]) -> None:
        """Subscribe as far as `early_calls` did not: the event loop runs now."""
        if self._early is None or not self._start.subscribes_late:
            return
        from extension.platform.late_subscription import LateSubscription  # noqa: PLC0415  # rarely needed

        def refused() -> None:
            report_problems()
            self.give_up()

        late = LateSubscription(
            self._start,
            types=early_calls.event_types(self._environ),
            is_confirmed=partial(self._is_confirmed, self._early),
            on_refusal=refused,
            clock=self._clock,
            log=self._log,
        )
        self._jobs.append(late)
        await late.begin()

    def _is_confirmed(self, early: EarlyTelemetry) -> bool:
        """Return whether the platform delivers: it has said so, or has done so."""
        return self._start.is_subscribed or early.has_heard

    def give_up(self) -> None:
        """Stop taking deliveries; the function's SDK goes on posting, into nothing."""
        self._sockets.close()
        self._tap_channels.close()
        if self._early is not None:
            self._early.given_up()
        if self._receiver is not None:
            self._receiver.given_up()

    async def open_receiver(self) -> None:
        """Take what the function's own SDK posts; it is kept until `open`."""
        from extension.telemetry.receiver.receiver import receive  # noqa: PLC0415  # only where wanted

        self._receiver = await receive(self.otlp_sockets, log=self._log)
        self._jobs.append(self._receiver)

    async def listen(self) -> None:
        """Take deliveries; they are kept until `open`."""
        from extension.telemetry.early import listen  # noqa: PLC0415  # only where wanted

        [listening] = self._sockets
        self._early = await listen(
            listening, mark=self._start.mark, clock=self._clock, log=self._log
        )
        self._jobs.append(self._early)

    async def open(self, parameters: Parameters | None) -> None:
        """Open telemetry, and let it process the deliveries that came so far."""
        assert self._early is not None
        await self._load(parameters)
        telemetry = await self._build(parameters)
        telemetry.is_expected = partial(self._is_confirmed, self._early)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(telemetry.close)
            self._connect(telemetry, parameters)
            await self._early.opened(telemetry, telemetry.reader)
            if parameters:  # last: what it did belongs to invocations that are known now
                from extension import bridge  # noqa: PLC0415  # heavy

                bridge.show_the_cache(parameters, pipeline=telemetry.pipeline)
            undo.pop_all()
        self._jobs[self._jobs.index(self._early)] = telemetry
        if not self._config.sandbox.is_snapshot:  # else the first export does it, once restored
            await telemetry.prepare()
        if not self._start.receives_invoke:
            start_task(
                telemetry.export_regularly(),
                name="export regularly",
                on_error=log_errors(self._log, name="export regularly"),
                runs_forever=True,
            )

    async def _load(self, parameters: Parameters | None) -> None:
        """Import the modules of telemetry, and answer the GETs in progress before each."""
        taps = TAP_MODULES if self._tap_channels else []
        for module in [*telemetry_modules(self._config.telemetry), *taps]:
            if parameters is not None:
                await parameters.settled(within_s=GETS_FIRST_S)
            await self._importer.load(module)

    async def _build(self, parameters: Parameters | None) -> Telemetry:
        from extension import bridge  # noqa: PLC0415  # heavy
        from extension.platform.extensions_api import parse_registration  # noqa: PLC0415  # loaded already
        from extension.telemetry.export.credentials import EndpointSettings  # noqa: PLC0415  # heavy
        from extension.telemetry.health import Health  # noqa: PLC0415  # with telemetry
        from extension.telemetry.opening import TelemetryBuilder  # noqa: PLC0415  # heavy
        from extension.telemetry.resource_identity import resource_identity  # noqa: PLC0415  # with telemetry

        if self._config.redaction.redact:
            bridge.hide_own_secrets(self._redactor, self._environ)
        builder = TelemetryBuilder(
            settings=EndpointSettings(telemetry=self._config.telemetry, otlp=self._config.otlp),
            aws=self._config.aws,
            identity=resource_identity(self._config, parse_registration(self._start.registration)),
            redaction=self._redactor,
            resolve=bridge.resolver(parameters),
            open_signer=self._own.open_signer,
            concurrent=not self._start.receives_invoke,
            environ=self._environ,
            ids=RandomIds(),
            clock=self._clock,
            log=self._log,
            health=Health(),
        )
        return await builder.build()

    def _connect(self, telemetry: Telemetry, parameters: Parameters | None) -> None:
        """Connect telemetry with the receiver, the tap and the end of init."""
        if self._config.sandbox.is_snapshot:
            is_told = "platform" in self._config.telemetry.events
            telemetry.pipeline.expect_restore(is_told=is_told)
            telemetry.pipeline.on_init_end = partial(self._forget_for_snapshot, parameters)
            if parameters is not None and self._config.redaction.redact:
                from extension import bridge  # noqa: PLC0415  # heavy

                bridge.read_after_restore(telemetry.reader, parameters)
        if self._receiver:
            from extension.telemetry.receiver.opening import connect_receiver  # noqa: PLC0415

            connect_receiver(
                self._receiver, telemetry, config=self._config.telemetry, redactor=self._redactor
            )
        for channel in self._tap_channels:
            from extension.telemetry.tap.opening import connect_tap  # noqa: PLC0415  # only with a tap

            connect_tap(
                channel,
                telemetry,
                config=self._config.telemetry,
                redactor=self._redactor,
                concurrent=not self._start.receives_invoke,
            )

    def _forget_for_snapshot(self, parameters: Parameters | None) -> None:
        from extension import bridge  # noqa: PLC0415  # heavy

        bridge.forget_for_snapshot(self._redactor, self._environ, parameters)
        self._own.forget_for_snapshot()


def telemetry_modules(config: TelemetryConfig) -> list[str]:
    """Return the heavy modules of telemetry, to be imported one at a time."""
    modules = ["extension.bridge", "aiohttp", "extension.telemetry.opening"]
    if config.format == "otlp":
        otlp = ["opening", "exporter", *(["metrics"] if "metrics" in config.posted else [])]
        modules += [f"extension.telemetry.otlp.{each}" for each in otlp]
        modules += RECEIVER_MODULES if config.otlp_port else []
    if any(map(config.aws_service_of, config.posted)):
        modules += ["extension.telemetry.export.aws_requests"]
        modules += ["extension.telemetry.otlp.fitting"] if config.format == "otlp" else []
    if config.stores_letters or config.is_any_signed:
        modules += ["extension.aws.signing"]
    if config.stores_letters:
        modules += ["extension.telemetry.export.open_letters"]
    return modules
