"""The three OTLP endpoints: what they check in which order, and what they keep.

Where AWS does not say what it takes, the stricter reading holds: a sender that passes here passes
there. So a body has a Content-Length, and a group and a stream are in headers.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from simulator.aws.endpoints import event_checks, otlp_body, point_checks, span_checks
from simulator.aws.endpoints.accepted import Accepted
from simulator.aws.endpoints.answers import Answer, AwsError

if TYPE_CHECKING:
    from simulator.aws.endpoints.hosts import Place, Service
    from simulator.aws.endpoints.log_groups import LogGroups
    from simulator.aws.endpoints.request import Received
    from simulator.aws.endpoints.trouble import Trouble

PATHS: dict[Service, str] = {
    "xray": "/v1/traces",
    "logs": "/v1/logs",
    "monitoring": "/v1/metrics",
}
_ACTIONS: dict[Service, str] = {
    "xray": "xray:PutTraceSegments",
    "logs": "logs:PutLogEvents",
    "monitoring": "cloudwatch:PutMetricData",
}
_INVALID: dict[Service, str] = {
    "xray": "InvalidRequestException",
    "logs": "InvalidParameterException",
    "monitoring": "ValidationException",
}
_SEARCH_OFF = "The OTLP API is supported with CloudWatch Logs as a Trace Segment Destination."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingestion:
    """The endpoints of one account. `keep` is called with what was accepted."""

    trouble: Trouble
    log_groups: LogGroups
    keep: Callable[[Accepted], None]

    def take(self, request: Received, *, place: Place, now_ns: int) -> Answer:
        """Answer a request whose signature is right; raises AwsError."""
        service = place.service
        if request.path != PATHS[service] or request.method != "POST":
            raise AwsError("UnknownOperationException", "There is no such operation.", status=404)
        self.trouble.check_access(_ACTIONS[service])
        if service == "xray" and self.trouble.transaction_search_off:
            raise AwsError("InvalidRequestException", _SEARCH_OFF)
        try:
            return self._take_signal(request, place, now_ns)
        except otlp_body.BodyError as error:
            raise AwsError(_INVALID[service], str(error)) from None

    def _take_signal(self, request: Received, place: Place, now_ns: int) -> Answer:
        match place.service:
            case "xray":
                return self._take_spans(request, now_ns)
            case "logs":
                return self._take_events(request, place.region, now_ns)
            case _:
                return self._take_points(request, now_ns)

    def _take_spans(self, request: Received, now_ns: int) -> Answer:
        message, size = _read(request, ExportTraceServiceRequest)
        span_checks.check_spans(message, body_bytes=size, now_ns=now_ns)
        if self.trouble.drops_random_trace_ids:
            span_checks.remove_random_trace_ids(message, now_ns=now_ns)
        self._keep("traces", message, request)
        return _success(request)

    def _take_events(self, request: Received, region: str, now_ns: int) -> Answer:
        group, stream = (_required(request, f"x-aws-log-{it}") for it in ("group", "stream"))
        found = self.log_groups.find(group, stream)
        message, _ = _read(request, ExportLogsServiceRequest)
        event_checks.check_events(message, region=region)
        removed = event_checks.remove_events_out_of_time(
            message, now_ns=now_ns, retention_days=found.retention_days
        )
        self._keep("logs", message, request, group=group, stream=stream)
        if not removed:
            return _success(request)
        partly = ExportLogsServiceResponse()
        partly.partial_success.rejected_log_records = removed.total()
        partly.partial_success.error_message = event_checks.summary(removed)
        return _success(request, partly)

    def _take_points(self, request: Received, now_ns: int) -> Answer:
        message, size = _read(request, ExportMetricsServiceRequest)
        point_checks.check_points(message, body_bytes=size)
        problems = point_checks.remove_bad_points(message, now_ns=now_ns)
        self._keep("metrics", message, request)
        if not problems:
            return _success(request)
        partly = ExportMetricsServiceResponse()
        partly.partial_success.rejected_data_points = len(problems)
        partly.partial_success.error_message = problems[0]
        return _success(request, partly)

    def _keep(self, signal: Any, message: Any, request: Received, **where: str) -> None:
        self.keep(Accepted(signal=signal, message=message, request=request, **where))


def _read(request: Received, kind: Any) -> tuple[Any, int]:
    """Return the message and the bytes of the body, uncompressed."""
    content_type = request.header("content-type").partition(";")[0].strip().lower()
    if content_type not in (otlp_body.PROTOBUF, otlp_body.JSON):
        raise AwsError(
            "UnsupportedMediaTypeException", f"{content_type!r} is not OTLP.", status=415
        )
    if not request.header("content-length"):
        raise AwsError("MissingContentLengthException", "Content-Length is required.", status=411)
    body = otlp_body.decompressed(request.body, encoding=request.header("content-encoding"))
    return otlp_body.decoded(kind, body, content_type=content_type), len(body)


def _required(request: Received, name: str) -> str:
    value = request.header(name)
    if not value:
        raise AwsError("InvalidParameterException", f"The header {name} is required.")
    return value


def _success(request: Received, message: Any = None) -> Answer:
    """Return a success in the format of the request; AWS's empty JSON is `{}`."""
    if request.header("content-type").startswith(otlp_body.JSON):
        body = MessageToJson(message, indent=None).encode() if message else b"{}"
        return Answer(headers={"Content-Type": otlp_body.JSON}, body=body)
    body = message.SerializeToString() if message else b""
    return Answer(headers={"Content-Type": otlp_body.PROTOBUF}, body=body)
