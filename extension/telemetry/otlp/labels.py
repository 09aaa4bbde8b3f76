"""The labels of one metric point, as CloudWatch counts them: those of resource and scope, too.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from extension.telemetry.otlp.shrink import leave_out, shrink
from extension.telemetry.otlp.stored_event import text_bound

MAX_LABELS, MAX_LABELS_BYTES = 150, 40_000


def cut_labels(point: Any, resource: Any, scope: Any) -> int:
    """Make the labels of one point fit, its own to half of what it may have if they are more."""

    def own() -> int:
        return _label_bytes(point.attributes)

    def all_of_them() -> int:
        named = len(scope.name.encode()) + len(scope.version.encode())
        return own() + _label_bytes(resource.attributes) + _label_bytes(scope.attributes) + named

    most = MAX_LABELS - _scope_labels(scope)
    if len(resource.attributes) + len(point.attributes) <= most and (
        all_of_them() <= MAX_LABELS_BYTES
    ):
        return 0
    leave_out(point, most=most // 2)
    leave_out(resource, most=most - len(point.attributes))
    if all_of_them() > MAX_LABELS_BYTES and own() > MAX_LABELS_BYTES // 2:
        shrink(point, limit=MAX_LABELS_BYTES // 2, size=own)
    if all_of_them() > MAX_LABELS_BYTES:
        shrink(resource, limit=MAX_LABELS_BYTES, size=all_of_them)
    return 1


def _scope_labels(scope: Any) -> int:
    return len(scope.attributes) + 2  # its name and version


def _label_bytes(pairs: Iterable[Any]) -> int:
    return sum(len(pair.key.encode()) + _value_bytes(pair.value) for pair in pairs)


def _value_bytes(value: Any) -> int:
    if value.HasField("string_value"):
        return len(value.string_value.encode())
    return text_bound(value.SerializeToString())
