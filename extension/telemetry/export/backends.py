"""PURE: what an AWS host name says: service, Region, the hosts of all signals, and their limits.

Sources: botocore's endpoint rule sets, the names of interface VPC endpoints, and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from extension.process.frozen import Frozen
from extension.telemetry.export.buffer import Signal

SERVICES: Mapping[Signal, str] = {"traces": "xray", "logs": "logs", "metrics": "monitoring"}
"""The host's first label, which is the name to sign for, too."""

_HOST = re.compile(
    r"(?P<service>xray|logs|monitoring)(?P<fips>-fips)?"
    r"\.(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d+)\.(?P<suffix>[a-z0-9.]+)"
)
_ENDPOINT = re.compile(
    r"vpce-[a-z0-9-]+\.(?P<service>xray|logs|monitoring)"
    r"\.(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d+)\.vpce\.(?P<suffix>[a-z0-9.]+)"
)
_SUFFIXES = (
    ("cn-", ("amazonaws.com.cn", "api.amazonwebservices.com.cn")),
    ("eusc-", ("amazonaws.eu", "api.amazonwebservices.eu")),
    ("us-isob-", ("sc2s.sgov.gov", "api.aws.scloud")),
    ("us-iso-", ("c2s.ic.gov", "api.aws.ic.gov")),
    ("", ("amazonaws.com", "api.aws")),
)
"""Plain and dual-stack suffix by the beginning of a Region's name."""

_GOV_FIPS = {"amazonaws.com": ("xray",), "api.aws": ("xray", "logs")}
"""GovCloud's other hosts are FIPS under their plain names."""


class AwsHost(Frozen):
    """A host of AWS that takes OTLP; `endpoint`: of one VPC endpoint, which serves one signal."""

    service: str
    region: str
    suffix: str
    fips: bool = False
    endpoint: bool = False

    def host_of(self, signal: Signal) -> str | None:
        """Return the host of a signal; None if this one does not say it."""
        service = SERVICES.get(signal)
        if service is None or self.endpoint:
            return None
        fips = "-fips" if self.fips and _has_fips(service, self.region, self.suffix) else ""
        return f"{service}{fips}.{self.region}.{self.suffix}"


class Limits(Frozen):
    """What one request may hold: bytes before compression, items, and bytes of one item."""

    request_bytes: int
    items: int
    item_bytes: int


LIMITS: Mapping[Signal, Limits] = {
    "traces": Limits(request_bytes=5_000_000, items=10_000, item_bytes=200_000),
    "logs": Limits(request_bytes=1_048_576, items=10_000, item_bytes=1_000_000),
    "metrics": Limits(request_bytes=1_000_000, items=1_000, item_bytes=40_000),
}
"""Of each signal; where AWS writes KB or MB, the smaller reading."""


def aws_host(host: str) -> AwsHost | None:
    """Return what AWS serves under a host name without a port; None if it is another's."""
    name = host.lower()
    plain, endpoint = _HOST.fullmatch(name), _ENDPOINT.fullmatch(name)
    found = plain or endpoint
    if found is None:
        return None
    service, region, suffix = found["service"], found["region"], found["suffix"]
    fips = bool(plain and plain["fips"])
    if suffix not in _suffixes(region) or (fips and not _has_fips(service, region, suffix)):
        return None
    return AwsHost(
        service=service, region=region, suffix=suffix, fips=fips, endpoint=endpoint is not None
    )


def _suffixes(region: str) -> tuple[str, ...]:
    return next(suffixes for prefix, suffixes in _SUFFIXES if region.startswith(prefix))


def _has_fips(service: str, region: str, suffix: str) -> bool:
    return not region.startswith("us-gov-") or service in _GOV_FIPS[suffix]
