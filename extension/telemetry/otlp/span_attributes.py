"""What each kind of span says; an attribute that is None or empty is left out by the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extension.telemetry.assembly.cache_use import CacheCall, CacheUse
from extension.telemetry.assembly.finished import Invocation, Overhead
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.verdict import Verdict
from extension.telemetry.otlp import attributes as names
from extension.telemetry.resource_identity import BYTES_PER_MIB, ResourceIdentity

Attributes = Mapping[str, Any]


def invocation_attributes(
    invocation: Invocation, verdict: Verdict, *, identity: ResourceIdentity
) -> Attributes:
    """Return the attributes of an invocation."""
    start, done = invocation.start, invocation.done
    arn = invocation.invoked_arn or (start.function_arn if start else "")
    version = (start.version if start else "") or identity.function_version
    known = [event for event in (start, done, invocation.report) if event]
    tapped = invocation.tapped
    return {
        names.FAAS_INVOCATION_ID: invocation.request_id,
        names.FAAS_COLDSTART: invocation.cold_start,
        names.FAAS_TRIGGER: identity.trigger,
        names.FAAS_VERSION: start.version if start else "",
        names.CLOUD_RESOURCE_ID: _resource_id(arn, version=version),
        names.CLOUD_ACCOUNT_ID: identity.account_id,
        names.AWS_LAMBDA_INVOKED_ARN: invocation.invoked_arn,
        names.AWS_XRAY_TRACE_ID: invocation.context.xray_trace_id,
        names.STATUS: invocation.status,
        names.ERROR_TYPE: verdict.error_type,
        names.INFERRED_FROM_LOG: True if verdict.inferred else "",
        names.INCOMPLETE: True if invocation.incomplete else "",
        names.TENANT_ID: next((event.tenant_id for event in known if event.tenant_id), ""),
        names.SECRET_LEAKED: ",".join(invocation.leaks),
        **_cache_attributes(invocation.cache),
        names.DURATION_MS: done.duration_ms if done else None,
        names.PRODUCED_BYTES: done.produced_bytes if done else None,
        **(tapped.attributes(start_ns=invocation.start_ns) if tapped else {}),
        **(invocation.sdk.attributes if invocation.sdk else {}),
        names.FAAS_TRIGGER: invocation.trigger or identity.trigger,
    }


def local_attributes(service: str, identity: ResourceIdentity) -> Attributes:
    """Return by what Application Signals knows the function, as AWS's own SDKs write it."""
    return {
        names.AWS_LOCAL_SERVICE: service,
        names.AWS_LOCAL_OPERATION: f"{identity.function_name}/FunctionHandler",
    }


def remote_attributes(call: CacheCall | None) -> Attributes:
    """Return the service that a call went to, as AWS's own SDKs write it."""
    if call is None:
        return {}
    return {
        names.AWS_REMOTE_SERVICE: f"AWS::{call.service.replace(' ', '')}",
        names.AWS_REMOTE_OPERATION: call.operation,
    }


def overhead_attributes(overhead: Overhead) -> Attributes:
    """Return what the report holds: bills, memory, and durations that come with it alone."""
    report = overhead.report
    used_mb = report.max_memory_used_mb
    return {
        names.FAAS_INVOCATION_ID: overhead.request_id,
        names.BILLED_DURATION_MS: report.billed_duration_ms,
        names.MAX_MEMORY_USED: None if used_mb is None else used_mb * BYTES_PER_MIB,
        names.INIT_DURATION_MS: report.init_duration_ms,
        names.RESTORE_DURATION_MS: report.restore_duration_ms,
        names.BILLED_RESTORE_DURATION_MS: report.billed_restore_duration_ms,
    }


def initialization_attributes(done: Initialization, verdict: Verdict) -> Attributes:
    """Return the attributes of an init or a restore."""
    return {
        names.INIT_TYPE: done.initialization_type,
        names.INIT_PHASE: done.phase,
        names.STATUS: done.status,
        names.ERROR_TYPE: verdict.error_type,
        names.AWS_XRAY_TRACE_ID: done.context.xray_trace_id,
    }


def call_attributes(call: CacheCall, *, region: str) -> Attributes:
    """Return the attributes of a call to AWS: the entry by name, never its value.

    `region` is the function's, if the call names none.
    """
    return {
        names.RPC_SYSTEM: "aws-api",
        names.RPC_SERVICE: call.service,
        names.RPC_METHOD: call.operation,
        names.CLOUD_REGION: call.region or region,
        names.AWS_REQUEST_ID: call.request_id,
        names.ENTRY: call.name,
        names.ATTEMPTS: call.attempts,
        names.THROTTLES: call.throttles,
        names.ERROR_TYPE: call.code,
    }


def _cache_attributes(use: CacheUse | None) -> Attributes:
    if use is None:
        return {}
    return {
        names.CACHE_HITS: use.hits,
        names.CACHE_MISSES: use.misses,
        names.CACHE_STALE: use.stale,
        names.CACHE_WAIT_MS: round(use.waited_s * 1000, 3),
    }


def _resource_id(arn: str, *, version: str) -> str:
    """Return the function's ARN; an alias in it, the eighth part, becomes the version it names."""
    function, qualifier = arn.split(":")[:7], arn.split(":")[7:]
    return ":".join([*function, version] if qualifier and version else function)
