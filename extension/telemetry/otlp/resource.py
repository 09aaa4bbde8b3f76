"""Who sends: the function and its sandbox as an OpenTelemetry resource, ourselves as the scope."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from extension import NAME, __version__
from extension.telemetry.otlp import attributes as names
from extension.telemetry.resource_identity import BYTES_PER_MIB, ResourceIdentity

SCHEMA_URL = "https://opentelemetry.io/schemas/1.37.0"
"""The last version of the conventions in which every name of ours is current: later ones have other
names for `rpc.system` and `rpc.service`."""

PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}
"""By how the names of their regions begin; all other regions are in `aws`."""

LATEST = "$LATEST"

SCOPE = InstrumentationScope(NAME, __version__, SCHEMA_URL)


def build_resource(identity: ResourceIdentity, *, instance_id: str = "") -> Resource:
    """Build the resource; what the user sets in OTEL_RESOURCE_ATTRIBUTES wins over what we find.

    `instance_id` is the log stream's name, which only the platform's events contain.
    """
    found: dict[str, Any] = {
        names.SERVICE_NAME: identity.function_name,
        names.CLOUD_PROVIDER: "aws",
        names.CLOUD_PLATFORM: "aws_lambda",
        names.CLOUD_REGION: identity.region,
        names.CLOUD_ACCOUNT_ID: identity.account_id,
        names.CLOUD_RESOURCE_ID: function_arn(identity),
        names.FAAS_NAME: identity.function_name,
        names.FAAS_VERSION: identity.function_version,
        names.FAAS_INSTANCE: instance_id,
        names.FAAS_MAX_MEMORY: identity.memory_mb * BYTES_PER_MIB,
        names.AWS_LOG_GROUP_NAMES: identity.correlated_log_groups
        or ((identity.log_group,) if identity.log_group else ()),
        names.AWS_LOG_STREAM_NAMES: (instance_id,) if instance_id else (),
        # Not `telemetry.sdk`: no SDK's tracer made these, and its language would be taken for the
        # function's.
        names.TELEMETRY_DISTRO_NAME: NAME,
        names.TELEMETRY_DISTRO_VERSION: __version__,
    }
    by_user = parse_resource_attributes(identity.resource_attributes)
    named = {names.SERVICE_NAME: identity.service_name} if identity.service_name else {}
    known = {name: value for name, value in found.items() if value}
    return Resource({**known, **by_user, **named}, SCHEMA_URL)


def function_arn(identity: ResourceIdentity) -> str:
    """Return the ARN of the function's version, empty if a part of it is not known.

    No API has it before the first invocation, and the one in INVOKE may name an alias.
    """
    region, account, name = identity.region, identity.account_id, identity.function_name
    if not (region and account and name):
        return ""
    starts = (start for start in PARTITIONS if region.startswith(start))
    partition = PARTITIONS.get(next(starts, ""), "aws")
    version = identity.function_version
    qualifier = f":{version}" if version not in ("", LATEST) else ""
    return f"arn:{partition}:lambda:{region}:{account}:function:{name}{qualifier}"


def parse_resource_attributes(text: str) -> dict[str, str]:
    """Read `key=value,…` with percent-encoded values.

    A malformed pair is left out, and so is an empty value, which is an unset one.
    """
    pairs = (pair.partition("=") for pair in text.split(","))
    read = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
    return {name: value for name, value in read.items() if name and value}
