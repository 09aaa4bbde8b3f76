"""What the resource of all telemetry is made from, as far as it is known when telemetry opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extension.process.frozen import Frozen

if TYPE_CHECKING:
    from extension.platform.extensions_api import Registration
    from extension.settings.config import Config

BYTES_PER_MIB = 1_048_576
"""Lambda counts memory in MiB, the conventions in bytes."""


class ResourceIdentity(Frozen):
    """The function, and what its user calls it; empty texts and 0 are unknown."""

    function_name: str = ""
    function_version: str = ""
    account_id: str = ""
    region: str = ""
    memory_mb: int = 0
    service_name: str = ""
    log_group: str = ""
    """Its name; only some platforms hand it to extensions."""
    correlated_log_groups: str = ""
    """Where X-Ray looks for the lines of a trace, joined with `&` as AWS's own SDKs write it."""
    trigger: str = "other"
    """What invokes the function, as the conventions call it."""
    resource_attributes: str = ""
    """OTEL_RESOURCE_ATTRIBUTES unchanged."""


def resource_identity(config: Config, registration: Registration) -> ResourceIdentity:
    """Return the identity by what /register sent, else by the environment."""
    sandbox = config.sandbox
    return ResourceIdentity(
        function_name=registration.function_name or sandbox.function_name,
        function_version=registration.function_version or sandbox.function_version,
        account_id=registration.account_id,
        region=config.aws.region or config.aws.default_region,
        memory_mb=sandbox.memory_mb,
        service_name=config.telemetry.service_name,
        log_group=sandbox.log_group,
        trigger=config.telemetry.trigger,
        resource_attributes=config.telemetry.resource_attributes,
    )
