"""What the endpoints have taken: decoded, and as it came."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from simulator.aws.endpoints.point_checks import count_points
from simulator.intake.decoder import decode_logs, decode_metrics, decode_traces

if TYPE_CHECKING:
    from simulator.aws.endpoints.request import Received
    from simulator.intake.otlp import LogRecord, Metric, Span

Signal = Literal["traces", "logs", "metrics"]


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """One accepted request; it is decoded once, when it is asked for.

    Attributes:
        message: The Export…ServiceRequest without what was rejected of it.
        request: The request on the wire; its body is compressed, if it was.
        group: Where log records went, with `stream`.
    """

    signal: Signal
    message: Any
    request: Received
    group: str = ""
    stream: str = ""

    @cached_property
    def spans(self) -> list[Span]:
        """The spans; none of another signal."""
        return decode_traces(self._bytes()) if self.signal == "traces" else []

    @cached_property
    def logs(self) -> list[LogRecord]:
        """The log records; none of another signal."""
        return decode_logs(self._bytes()) if self.signal == "logs" else []

    @cached_property
    def metrics(self) -> list[Metric]:
        """The metrics; none of another signal. Raises ValueError for exponential histograms."""
        return decode_metrics(self._bytes()) if self.signal == "metrics" else []

    @property
    def point_count(self) -> int:
        """How many data points there are, also of kinds that `metrics` does not know."""
        return count_points(self.message) if self.signal == "metrics" else 0

    def _bytes(self) -> bytes:
        content: bytes = self.message.SerializeToString()
        return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and how it ended.

    Attributes:
        service: As AWS signs it; empty for a host that AWS does not have.
        operation: "/v1/traces" and its like, or the call of an API: "CreateLogGroup", "PutObject".
        status: Of the answer; 0 when the connection was cut instead.
        error: The name of the error, empty after a success.
        message: What AWS says of the error.
        key_id: Of the access key that the request claims to be signed with.
    """

    service: str
    operation: str
    status: int
    error: str
    message: str
    key_id: str
    request: Received
