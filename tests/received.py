"""Hands deliveries to a reader as the listener does: one at a time, where there is room."""

from __future__ import annotations

from extension.telemetry.reader import DeliveryReader


async def received(reader: DeliveryReader, body: bytes) -> None:
    """Return when the reader has taken a delivery."""
    if (waiting := reader.take(body)) is not None:
        await waiting
