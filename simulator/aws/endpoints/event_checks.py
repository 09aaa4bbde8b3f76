"""Whether CloudWatch Logs takes a request of log records; records of the wrong time go alone."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from simulator.aws.endpoints import limits
from simulator.aws.endpoints.answers import AwsError
from simulator.aws.endpoints.span_checks import check_resource_and_scope
from simulator.aws.endpoints.stored_event import stored_event

if TYPE_CHECKING:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

_ERROR = "InvalidParameterException"
_REASONS = ("tooOldLogEventCount", "tooNewLogEventCount", "expiredLogEventCount")


def check_events(message: ExportLogsServiceRequest, *, region: str) -> None:
    """Raise AwsError, with the limit that the request breaks."""
    sizes = []
    for group in message.resource_logs:
        for scoped in group.scope_logs:
            check_resource_and_scope(group.resource, scoped.scope, name=_ERROR)
            sizes += [
                len(stored_event(record, scope=scoped.scope, resource=group.resource))
                for record in scoped.log_records
            ]
    if len(sizes) > limits.MAX_EVENTS:
        raise AwsError(_ERROR, f"{len(sizes)} log events; the limit is {limits.MAX_EVENTS}.")
    _check_sizes(sizes, region=region)
    _check_spread(message)


def _check_sizes(sizes: list[int], *, region: str) -> None:
    large = [size for size in sizes if size > limits.MAX_EVENT_BYTES]
    if len(large) > (region in limits.LARGE_REGIONS):
        limit = limits.MAX_EVENT_BYTES
        raise AwsError(_ERROR, f"Log event too large: {large[-1]} bytes exceeds limit of {limit}")
    total = sum(sizes) + limits.EVENT_OVERHEAD_BYTES * len(sizes)
    limit = limits.max_events_bytes(region)
    if total > limit:
        raise AwsError(_ERROR, f"Upload too large: {total} bytes exceeds limit of {limit}")


def _check_spread(message: ExportLogsServiceRequest) -> None:
    times = [
        record.time_unix_nano
        for group in message.resource_logs
        for scoped in group.scope_logs
        for record in scoped.log_records
    ]
    if times and max(times) - min(times) > limits.MAX_SPREAD_NS:
        raise AwsError(
            _ERROR, "The batch of log events in a single request cannot span more than 24 hours."
        )


def remove_events_out_of_time(
    message: ExportLogsServiceRequest, *, now_ns: int, retention_days: int | None
) -> Counter[str]:
    """Remove what is too old, too new or expired; returns how many for each reason."""
    oldest_kept_ns = now_ns - retention_days * limits.DAY_NS if retention_days else 0
    removed: Counter[str] = Counter()
    for group in message.resource_logs:
        for scoped in group.scope_logs:
            records = scoped.log_records
            for index in reversed(range(len(records))):
                reason = _reason(records[index].time_unix_nano, now_ns, oldest_kept_ns)
                if reason:
                    removed[reason] += 1
                    del records[index]
    return removed


def summary(removed: Counter[str]) -> str:
    """Return the error message of a partial success, which is JSON text."""
    return json.dumps({reason: removed[reason] for reason in _REASONS})


def _reason(time_ns: int, now_ns: int, oldest_kept_ns: int) -> str:
    if time_ns < now_ns - limits.MAX_AGE_NS:
        return "tooOldLogEventCount"
    if time_ns > now_ns + limits.MAX_AHEAD_NS:
        return "tooNewLogEventCount"
    return "expiredLogEventCount" if time_ns < oldest_kept_ns else ""
