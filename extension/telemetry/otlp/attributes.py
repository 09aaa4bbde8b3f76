"""Attribute names: OpenTelemetry's semantic conventions, and ours where they have none.

The conventions' own constants live in a private module that costs 10 ms to import; a test holds
these against them.
Source: https://opentelemetry.io/docs/specs/semconv/faas/
"""

from __future__ import annotations

AWS_LAMBDA_INVOKED_ARN = "aws.lambda.invoked_arn"
AWS_LOG_GROUP_NAMES = "aws.log.group.names"
AWS_LOG_STREAM_NAMES = "aws.log.stream.names"
AWS_REQUEST_ID = "aws.request_id"
CLOUD_ACCOUNT_ID = "cloud.account.id"
CLOUD_PLATFORM = "cloud.platform"
CLOUD_PROVIDER = "cloud.provider"
CLOUD_REGION = "cloud.region"
CLOUD_RESOURCE_ID = "cloud.resource_id"
ERROR_TYPE = "error.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"
EXCEPTION_TYPE = "exception.type"
FAAS_COLDSTART = "faas.coldstart"
FAAS_INSTANCE = "faas.instance"
FAAS_INVOCATION_ID = "faas.invocation_id"
FAAS_MAX_MEMORY = "faas.max_memory"
FAAS_NAME = "faas.name"
FAAS_TRIGGER = "faas.trigger"
FAAS_VERSION = "faas.version"
RPC_METHOD = "rpc.method"
RPC_SERVICE = "rpc.service"
RPC_SYSTEM = "rpc.system"
SERVICE_NAME = "service.name"
TELEMETRY_DISTRO_NAME = "telemetry.distro.name"
TELEMETRY_DISTRO_VERSION = "telemetry.distro.version"

CONVENTIONAL = tuple(value for name, value in list(globals().items()) if name.isupper())
"""Everything above, for the test."""

AWS_LOCAL_OPERATION = "aws.local.operation"
AWS_LOCAL_SERVICE = "aws.local.service"
AWS_REMOTE_OPERATION = "aws.remote.operation"
AWS_REMOTE_SERVICE = "aws.remote.service"
AWS_SPAN_KIND = "aws.span.kind"
AWS_XRAY_TRACE_ID = "aws.xray.trace_id"
LOG_MESSAGE = "log.message"
LOG_SEVERITY = "log.severity"

SECRET_LEAKED = "secret.leaked"  # noqa: S105  # the name of an attribute

ATTEMPTS = "lambda_dispatch.cache.attempts"
BILLED_DURATION_MS = "lambda_dispatch.billed_duration_ms"
BILLED_RESTORE_DURATION_MS = "lambda_dispatch.billed_restore_duration_ms"
CACHE_HITS = "lambda_dispatch.cache.hits"
CACHE_MISSES = "lambda_dispatch.cache.misses"
CACHE_STALE = "lambda_dispatch.cache.stale"
CACHE_WAIT_MS = "lambda_dispatch.cache.wait_ms"
CUT_FROM = "lambda_dispatch.cut_from_bytes"
DURATION_MS = "lambda_dispatch.duration_ms"
ENTRY = "lambda_dispatch.cache.entry"
INCOMPLETE = "lambda_dispatch.incomplete"
INIT_DURATION_MS = "lambda_dispatch.init_duration_ms"
INIT_PHASE = "lambda_dispatch.init.phase"
INIT_TYPE = "lambda_dispatch.init.type"
LOG_SOURCE = "lambda_dispatch.log.source"
INFERRED_FROM_LOG = "lambda_dispatch.error.inferred_from_log"
MAX_MEMORY_USED = "lambda_dispatch.max_memory_used_bytes"
PART = "lambda_dispatch.part"
PRODUCED_BYTES = "lambda_dispatch.produced_bytes"
RESTORE_DURATION_MS = "lambda_dispatch.restore_duration_ms"
STATUS = "lambda_dispatch.status"
THROTTLES = "lambda_dispatch.cache.throttles"
TENANT_ID = "lambda_dispatch.tenant_id"
