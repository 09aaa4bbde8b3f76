"""What the resource of all telemetry is made from, as far as it is known when telemetry opens."""

from __future__ import annotations

from extension.process.frozen import Frozen

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
    trigger: str = "other"
    """What invokes the function, as the conventions call it."""
    resource_attributes: str = ""
    """OTEL_RESOURCE_ATTRIBUTES as it stands."""
