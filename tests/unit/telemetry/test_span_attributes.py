"""What each kind of span says."""

from __future__ import annotations

from typing import Any

import pytest

from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall, CacheUse
from extension.telemetry.assembly.finished import Invocation, Overhead
from extension.telemetry.assembly.verdict import Verdict
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.span_attributes import (
    call_attributes,
    invocation_attributes,
    overhead_attributes,
    remote_attributes,
)
from extension.telemetry.reading.events import Report, RuntimeDone, Start
from extension.telemetry.reading.sdk_spans import SdkSpan
from extension.telemetry.reading.xray import TraceContext
from extension.telemetry.resource_identity import ResourceIdentity
from extension.telemetry.tap.cause import Cause
from extension.telemetry.tap.tapped import Tapped

ARN = "arn:aws:lambda:eu-central-1:111122223333:function:shop"
IDENTITY = ResourceIdentity(function_version="7", trigger="other")


def said(verdict: Verdict | None = None, **more: Any) -> dict[str, Any]:
    """Return what the span of an invocation says, without what is empty."""
    invocation = Invocation(
        context=TraceContext(trace_id=1, span_id=2), request_id="r", start_ns=0, end_ns=1, **more
    )
    found = invocation_attributes(invocation, verdict or Verdict(), identity=IDENTITY)
    return {key: value for key, value in found.items() if value not in ("", None)}


def test_as_little_as_is_known() -> None:
    """Of an invocation without any event."""
    assert said() == {"faas.invocation_id": "r", "faas.coldstart": False, "faas.trigger": "other"}


@pytest.mark.parametrize(
    ("invoked", "of_start", "version", "resource_id"),
    [
        (f"{ARN}:live", "", "3", f"{ARN}:3"),
        (f"{ARN}:live", "", "", f"{ARN}:7"),
        ("", f"{ARN}:live", "3", f"{ARN}:3"),
        (ARN, f"{ARN}:live", "3", ARN),
        (f"{ARN}:7", "", "7", f"{ARN}:7"),
    ],
)
def test_the_version_that_ran(invoked: str, of_start: str, version: str, resource_id: str) -> None:
    """In the place of the alias by which the function was invoked."""
    start = Start(time_ns=0, request_id="r", version=version, function_arn=of_start)
    found = said(invoked_arn=invoked, start=start)
    assert found["cloud.resource_id"] == resource_id
    assert found.get("faas.version", "") == version
    assert found.get("aws.lambda.invoked_arn", "") == invoked


def test_without_a_start_the_version_is_that_of_the_sandbox() -> None:
    """Only the alias is replaced."""
    found = said(invoked_arn=f"{ARN}:live")
    assert found["cloud.resource_id"] == f"{ARN}:7"
    assert "faas.version" not in found


def test_what_is_inferred_or_incomplete_says_so() -> None:
    """And nothing says that an invocation is neither."""
    found = said(Verdict(failed=True, inferred=True, error_type="E"), incomplete=True)
    assert found[names.INFERRED_FROM_LOG] is True
    assert found[names.INCOMPLETE] is True
    assert found["error.type"] == "E"


def test_what_the_runtime_measured() -> None:
    """And the tenant, from whichever event names it."""
    done = RuntimeDone(time_ns=0, request_id="r", duration_ms=1.5, produced_bytes=7, tenant_id="t")
    found = said(done=done)
    assert found["lambda_dispatch.duration_ms"] == 1.5
    assert found["lambda_dispatch.produced_bytes"] == 7
    assert found[names.TENANT_ID] == "t"


def test_the_trigger_that_is_known_best() -> None:
    """The event's, else the SDK's, else that of the setting; the rest of both is taken over."""
    sdk = SdkSpan(
        request_id="r", trace_id=1, span_id=2, body=b"",
        attributes={"faas.trigger": "http", "http.route": "/a"},
    )  # fmt: skip
    tapped = Tapped(
        cause=Cause(source="sqs", trigger="pubsub", attributes={"messaging.system": "s"})
    )
    assert said(sdk=sdk)["faas.trigger"] == "http"
    found = said(sdk=sdk, tapped=tapped)
    assert (found["faas.trigger"], found["http.route"]) == ("pubsub", "/a")
    assert found["messaging.system"] == "s"


def test_what_the_cache_did() -> None:
    """Waits in milliseconds, to the microsecond."""
    use = CacheUse()
    for result, waited_s in (("HIT", 0.0), ("HIT", 0.0), ("STALE", 0.0), ("MISS", 0.0012346)):
        use.count(CacheAnswer(result=result, age_s=0, waited_s=waited_s))
    found = said(cache=use)
    assert {key.rpartition(".")[2]: value for key, value in found.items() if "cache" in key} == {
        "hits": 2, "misses": 1, "stale": 1, "wait_ms": 1.235,
    }  # fmt: skip


@pytest.mark.parametrize(("used_mb", "used"), [(2, 2 * 1024 * 1024), (0, 0), (None, None)])
def test_memory_is_bytes(used_mb: int | None, used: int | None) -> None:
    """As far as the report tells it."""
    report = Report(time_ns=0, request_id="r", max_memory_used_mb=used_mb)
    overhead = Overhead(
        context=TraceContext(trace_id=1, span_id=2), request_id="r", start_ns=0, end_ns=1,
        report=report,
    )  # fmt: skip
    found = overhead_attributes(overhead)
    assert found["lambda_dispatch.max_memory_used_bytes"] == used


@pytest.mark.parametrize(("asked", "region"), [("us-east-1", "us-east-1"), ("", "eu-west-1")])
def test_the_region_of_a_call(asked: str, region: str) -> None:
    """The function's, where the call names none."""
    call = CacheCall(
        service="Secrets Manager", operation="GetSecretValue", name="n", start_ns=0, end_ns=1,
        region=asked,
    )  # fmt: skip
    assert call_attributes(call, region="eu-west-1")["cloud.region"] == region
    assert list(remote_attributes(call).values()) == ["AWS::SecretsManager", "GetSecretValue"]
    assert remote_attributes(None) == {}
