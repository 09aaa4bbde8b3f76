"""Hours of functions that are well, and of functions of which each alert has to warn."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from tests.dashboards.metered import MEMORY_MB, MeteredSandbox

HOUR_S = 3600
STEP_S = 60

Minute = Callable[[MeteredSandbox, float], None]
"""What happens in a sandbox in one minute."""


def good(sandbox: MeteredSandbox, at: float) -> None:
    """One failure in a hundred, one cold start in a hundred, and a cache that is used."""
    for number in range(10):
        is_first = number == 0 and at % 600 == 0
        sandbox.invoke(at + number, status="error" if is_first else "success", is_cold=is_first)
        sandbox.get("MISS" if is_first else "HIT")


def erring(sandbox: MeteredSandbox, at: float) -> None:
    """Half of the invocations fail, in either way."""
    for number, status in enumerate(("error", "timeout", "success", "success")):
        sandbox.invoke(at + number, status=status)


def cold(sandbox: MeteredSandbox, at: float) -> None:
    """Half of the invocations are cold starts."""
    for number in range(4):
        sandbox.invoke(at + number, is_cold=number % 2 == 0)


def slow(sandbox: MeteredSandbox, at: float) -> None:
    """Invocations take eight seconds."""
    sandbox.invoke(at, seconds=8)


def hungry(sandbox: MeteredSandbox, at: float) -> None:
    """Nearly all memory is used."""
    sandbox.invoke(at, memory_mb=MEMORY_MB - 5)


def losing(sandbox: MeteredSandbox, at: float) -> None:
    """The buffer overflows."""
    sandbox.invoke(at)
    sandbox.health.dropped["buffer_full"] += 1


def overflowing(sandbox: MeteredSandbox, at: float) -> None:
    """The platform drops records, and no invocation ends."""
    sandbox.health.platform_dropped += 1


def delaying(sandbox: MeteredSandbox, at: float) -> None:
    """Each invocation is held for a second."""
    sandbox.invoke(at, added=1)


def missing(sandbox: MeteredSandbox, at: float) -> None:
    """The cache never holds what is asked for."""
    sandbox.invoke(at)
    for _ in range(10):
        sandbox.get("MISS")


def throttled(sandbox: MeteredSandbox, at: float) -> None:
    """AWS throttles."""
    sandbox.invoke(at)
    sandbox.get("MISS", throttles=1)


BAD: dict[str, tuple[Minute, ...]] = {
    "FunctionErrors": (erring,),
    "FunctionColdStarts": (cold,),
    "FunctionSlow": (slow,),
    "FunctionMemory": (hungry,),
    "TelemetryLost": (losing, overflowing),
    "TelemetryAddsTime": (delaying,),
    "CacheMisses": (missing,),
    "CacheThrottled": (throttled,),
}
"""By the alert that they have to cause, and no other."""


def hour(function: str, minute: Minute, *, sandboxes: int = 2) -> list[bytes]:
    """Return what some sandboxes export in an hour, all in the same milliseconds."""
    running = [MeteredSandbox(function, number) for number in range(sandboxes)]
    requests = []
    for at in range(0, HOUR_S, STEP_S):
        for sandbox in running:
            minute(sandbox, at)
            requests += sandbox.export(at + 50)
    return requests


def as_cloudwatch_labels(request: bytes) -> bytes:
    """Return a request whose points have the attributes of the resource as labels there."""
    message = ExportMetricsServiceRequest.FromString(request)
    for resource in message.resource_metrics:
        for metric in (each for scope in resource.scope_metrics for each in scope.metrics):
            for point in getattr(metric, metric.WhichOneof("data")).data_points:
                for attribute in resource.resource.attributes:
                    copied = point.attributes.add()
                    copied.CopyFrom(attribute)
                    copied.key = f"@resource.{attribute.key}"
    changed: bytes = message.SerializeToString()
    return changed
