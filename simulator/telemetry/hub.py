"""Every event of one sandbox: kept for late subscribers, handed to the others."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp

from simulator.errors import ApiError
from simulator.telemetry import events, records
from simulator.telemetry.delivery import Subscriber
from simulator.telemetry.events import Event
from simulator.telemetry.senders import DeliveryError, HttpSender, Sender, TcpSender
from simulator.telemetry.subscription import InvalidSubscriptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.clock import PlatformClock
    from simulator.settings import FunctionSettings
    from simulator.telemetry.subscription import Subscription


class TelemetryHub:
    """The Telemetry API behind its route; a new sandbox gets a new hub."""

    def __init__(
        self,
        settings: FunctionSettings,
        *,
        clock: PlatformClock,
        on_event: Callable[[Event], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_event = on_event
        self._history: list[Event] = []
        self._subscribers: list[Subscriber] = []
        self._held: list[tuple[int, Event]] = []
        self._invocations = 0
        self._is_open = True
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._session: aiohttp.ClientSession | None = None

    def emit(
        self,
        kind: str,
        record: events.Record | str,
        *,
        time_ns: int | None = None,
        text: str | None = None,
    ) -> None:
        """Note an event and hand it to all that subscribed to its category."""
        wall_ns = self._clock.now_ns() if time_ns is None else time_ns
        if self._settings.event_shape == "2022" and kind.startswith("platform."):
            record = events.in_shape_of_2022(record)
        event = Event(time_ns=wall_ns, type=kind, record=record, text=text)
        self._on_event(event)
        if event.type in self._settings.faults.missing:
            return
        if event.type in self._settings.faults.late:
            self._held.append((self._invocations + 1, event))
            return
        self._publish(event)

    async def subscribe(self, name: str, subscription: Subscription) -> None:
        """Add a subscriber, which first gets all that happened before.

        Asking again for the same destination changes the subscription; another destination is
        another subscriber. Raises ApiError once the init is over.
        """
        if not self._is_open:
            raise ApiError("Telemetry.SubscriptionClosed", "Telemetry API subscription is closed")
        if self._settings.is_managed and any(each.name == name for each in self._subscribers):
            raise ApiError("InternalServerError", "Internal Server Error", status=500)
        subscriber = Subscriber(
            name,
            subscription,
            sender=await self._sender(subscription),
            settings=self._settings,
            thawed=self._thawed,
            on_dropped=self._note_dropped,
        )
        await self._replace(subscriber)
        for event in self._history:
            self._offer(subscriber, event)
        self.emit(
            "platform.telemetrySubscription",
            records.telemetry_subscription(name, subscription.types),
        )

    def close_subscriptions(self) -> None:
        """Refuse new subscribers: the init is over, so the past is not needed any more."""
        self._is_open = False
        self._history.clear()

    def end_invocation(self) -> None:
        """Let go of the events that were to be late by one invocation."""
        self._invocations += 1
        due = [event for turn, event in self._held if turn < self._invocations]
        self._held = [(turn, event) for turn, event in self._held if turn >= self._invocations]
        for event in due:
            self._publish(event)

    def freeze(self) -> None:
        """Deliver nothing until thawed."""
        self._thawed.clear()

    def thaw(self) -> None:
        """Deliver again."""
        self._thawed.set()

    def flush(self) -> None:
        """Send everything at once from now on."""
        for subscriber in self._subscribers:
            subscriber.flush()

    async def drained(self, *, within_s: float) -> None:
        """Wait, but not for ever, until every subscriber has everything."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                for subscriber in self._subscribers:
                    await subscriber.drained()

    async def close(self) -> None:
        """Drop all subscribers with what they have not got yet."""
        for subscriber in self._subscribers:
            await subscriber.close()
        self._subscribers.clear()
        if self._session is not None:
            await self._session.close()

    def _publish(self, event: Event) -> None:
        if self._is_open:
            self._history.append(event)
        for subscriber in self._subscribers:
            self._offer(subscriber, event)

    def _offer(self, subscriber: Subscriber, event: Event) -> None:
        if event.category not in subscriber.subscription.types:
            return
        encoded = event.to_json(subscriber.subscription.schema_version)
        for _ in range(2 if event.type in self._settings.faults.duplicate else 1):
            subscriber.offer(encoded)

    async def _sender(self, subscription: Subscription) -> Sender:
        if subscription.protocol == "TCP":
            try:
                return await TcpSender.connect(subscription)
            except DeliveryError as error:
                raise InvalidSubscriptionError(f"Invalid destination: {error}") from None
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return HttpSender(self._session, subscription)

    async def _replace(self, subscriber: Subscriber) -> None:
        def is_same(other: Subscriber) -> bool:
            return (other.name, other.subscription.port) == (
                subscriber.name,
                subscriber.subscription.port,
            )

        for other in [each for each in self._subscribers if is_same(each)]:
            await other.close()
            self._subscribers.remove(other)
        self._subscribers.append(subscriber)

    def _note_dropped(self, reason: str, count: int, size_bytes: int) -> None:
        record = records.logs_dropped(reason=reason, count=count, size_bytes=size_bytes)
        self.emit("platform.logsDropped", record)
