"""A pipeline, what is delivered to it, and what it fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from extension.redaction.redactor import Redactor
from extension.telemetry.assembly.finished import Finished
from extension.telemetry.assembly.held_records import FULL_SIZE
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.assembly.undecided import SdkPart
from extension.telemetry.export.buffer import Buffer, PendingItem, Signal
from extension.telemetry.health import Health
from extension.telemetry.otlp.encoder import OtlpEncoder
from extension.telemetry.pipeline import Pipeline
from extension.telemetry.reading.decode import parse
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.resource_identity import ResourceIdentity
from tests import platform_events as given
from tests.doubles import ManualClock, SequentialIds


class Stage:
    """A pipeline, its buffer, and what it counted."""

    def __init__(self, *signals: str, **more: Any) -> None:
        self.health, self.clock, ids = Health(), ManualClock(), SequentialIds()
        self.buffer = Buffer(max_bytes=4_000_000, dropped=self.health.dropped)
        self.secrets = Redactor()
        parts: dict[str, Any] = {
            "assembler": Assembler(ids=ids, stream_records=True),
            "encoder": OtlpEncoder(
                ids=ids, identity=ResourceIdentity(function_name="f"), signals=signals,
                part=FULL_SIZE, meter=None, health=self.health,
            ),
            "buffer": self.buffer,
            "record_filter": RecordFilter(),
            "redaction": self.secrets,
            "health": self.health,
            "clock": self.clock,
        }  # fmt: skip
        self.pipeline = Pipeline(**{**parts, **more})

    def feed(self, *events: given.JsonEvent) -> None:
        """Take events as they are delivered."""
        self.pipeline.feed(parse(given.delivery(*events)).events)

    def feed_lines(self, *lines: given.JsonEvent) -> None:
        """Take lines of an invocation, and end the sandbox."""
        self.feed(given.start("r", 0), *lines)
        self.pipeline.end(reason="spindown", now_ns=given.ns(9))


WHOLE = (given.start("r", 1), given.done("r", 2), given.report("r", 2))


class Recording(OtlpEncoder):
    """Writes down what it is asked to do with what the SDK sent, and what is not sent."""

    def __init__(self, *, health: Health) -> None:
        super().__init__(
            ids=SequentialIds(), identity=ResourceIdentity(), signals=["traces", "logs"],
            part=FULL_SIZE, meter=None, health=health,
        )  # fmt: skip
        self.seen: list[object] = []
        self.breaks = False

    def learn_instance(self, instance_id: str) -> None:
        """Note the sandbox's name."""
        self.seen.append(instance_id)

    def read_sdk(self, body: bytes, count: int, *, finds_orphans: bool) -> Any:
        """Note whether a span without a parent is looked for."""
        self.seen.append(finds_orphans)
        return super().read_sdk(body, count, finds_orphans=finds_orphans)

    def divide_sdk(
        self, signal: Signal, body: bytes, count: int, *, detail_below: int
    ) -> Sequence[SdkPart]:
        """Note of which signal it is."""
        self.seen.append(signal)
        return super().divide_sdk(signal, body, count, detail_below=detail_below)

    def measure(self, finished: Finished) -> None:
        """Note what is left out."""
        self.seen.append(finished)

    def encode(self, finished: Finished) -> list[PendingItem]:
        """Encode, or fail."""
        if self.breaks:
            raise LookupError(finished)
        return super().encode(finished)
