"""Log records as they leave, and as the official encoder writes them."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs
from opentelemetry.sdk._logs import ReadableLogRecord

from extension.telemetry.assembly.finished import Finished
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.health import Health
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.logs import LogEncoder, build_log_record
from extension.telemetry.otlp.requests import NO_RESOURCE
from extension.telemetry.otlp.resource import SCOPE


def leaving(
    finished: Finished, *, limits: Limits | None = None, health: Health | None = None
) -> list[LogRecord]:
    """Return the log records of something finished as an endpoint reads them."""
    encoder = LogEncoder(limits=limits, health=health or Health())
    return [
        record
        for each in encoder.encode(finished)
        for record in ScopeLogs.FromString(each).log_records
    ]


def official(finished: Finished, *, limits: Limits | None = None) -> list[LogRecord]:
    """Return them as the official encoder writes what the SDK holds of them."""
    request_id = "" if isinstance(finished, Initialization) else finished.request_id
    held = [
        ReadableLogRecord(
            build_log_record(
                record, request_id=request_id, context=finished.context, limits=limits or Limits()
            ),
            resource=NO_RESOURCE,
            instrumentation_scope=SCOPE,
        )
        for record in finished.records
    ]
    resources = encode_logs(held).resource_logs
    return [record for each in resources for record in each.scope_logs[0].log_records]
