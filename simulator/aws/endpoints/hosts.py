"""Which AWS service a host name stands for, in any partition, with FIPS, dual stack or PrivateLink.

Sources: the endpoint rule sets of botocore, and the names of interface VPC endpoints. A name that
AWS does not serve stands for nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Service = Literal["xray", "logs", "monitoring", "s3"]

_REGION = r"(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d+)"
_OTLP_HOST = re.compile(
    r"(?:vpce-[a-z0-9-]+\.)?(?P<service>xray|logs|monitoring)(?P<fips>-fips)?"
    rf"\.{_REGION}\.(?:vpce\.)?(?P<suffix>.+)"
)
_S3_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]+)\.)?s3(?:-fips)?(?:\.dualstack)?"
    rf"(?:\.{_REGION})?\.(?P<suffix>.+)"
)
_SUFFIXES = (
    ("cn-", ("amazonaws.com.cn", "api.amazonwebservices.com.cn")),
    ("eusc-", ("amazonaws.eu", "api.amazonwebservices.eu")),
    ("us-isob-", ("sc2s.sgov.gov", "api.aws.scloud")),
    ("us-iso-", ("c2s.ic.gov", "api.aws.ic.gov")),
    ("us-isof-", ("csp.hci.ic.gov",)),
    ("eu-isoe-", ("cloud.adc-e.uk",)),
    ("", ("amazonaws.com", "api.aws")),
)
_GLOBAL_S3_REGION = "us-east-1"
_OTLP_SERVICE: dict[str, Service] = {
    "/v1/traces": "xray",
    "/v1/logs": "logs",
    "/v1/metrics": "monitoring",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a host name stands for; `bucket` is that of a virtual-host style S3 name."""

    service: Service
    region: str
    bucket: str = ""


def place_of(host: str) -> Place | None:
    """Return what AWS has under this host name, without a port; None if nothing."""
    if found := _OTLP_HOST.fullmatch(host):
        region, service = found["region"], found["service"]
        if found["suffix"] not in _suffixes(region) or (found["fips"] and _is_odd_fips(found)):
            return None
        return Place(service=service, region=region)  # type: ignore[arg-type]
    if found := _S3_HOST.fullmatch(host):
        region = found["region"] or _GLOBAL_S3_REGION
        if found["suffix"] not in _suffixes(region):
            return None
        return Place(service="s3", region=region, bucket=found["bucket"] or "")
    return None


def place_behind_proxy(path: str, *, target: str, region: str) -> Place:
    """Return the place that a request to a host of no meaning is for, by its path and target."""
    service = "logs" if target.startswith("Logs_") else _OTLP_SERVICE.get(path, "s3")
    return Place(service=service, region=region)


def _suffixes(region: str) -> tuple[str, ...]:
    return next(suffixes for prefix, suffixes in _SUFFIXES if region.startswith(prefix))


def _is_odd_fips(found: re.Match[str]) -> bool:
    """Return whether GovCloud, whose plain hosts are FIPS already, lacks this name."""
    if not found["region"].startswith("us-gov-"):
        return False
    wanted = ("xray",) if found["suffix"] == "amazonaws.com" else ("xray", "logs")
    return found["service"] not in wanted
