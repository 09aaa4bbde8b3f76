"""PURE: AWS's own OTLP endpoints: which hosts they are, and what a request is signed for.

X-Ray takes traces, CloudWatch Logs logs and CloudWatch metrics, each under a host of its own.
Sources: botocore's endpoint rule sets, the names of interface VPC endpoints, and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit, urlunsplit

from extension.process.frozen import Frozen

SERVICES: Mapping[str, str] = {"traces": "xray", "logs": "logs", "metrics": "monitoring"}
"""The host's first label, which is the name to sign for, too."""

_HOST = re.compile(
    r"(?P<service>xray|logs|monitoring)(?P<fips>-fips)?"
    r"\.(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d+)\.(?P<suffix>[a-z0-9.-]+)"
)
_ENDPOINT = re.compile(
    r"vpce-[a-z0-9-]+\.(?P<service>xray|logs|monitoring)"
    r"\.(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d+)\.vpce\.(?P<suffix>[a-z0-9.-]+)"
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
"""Plain and dual-stack suffix, if there is one, by the beginning of a Region's name."""

_GOV_FIPS = {"amazonaws.com": ("xray",), "api.aws": ("xray", "logs")}
"""GovCloud's other hosts are FIPS under their plain names."""


class AwsHost(Frozen):
    """A host of AWS that takes OTLP; `endpoint`: of one VPC endpoint, which serves one signal."""

    service: str
    region: str
    suffix: str
    fips: bool
    endpoint: bool

    def host_of(self, signal: str) -> str | None:
        """Return the host of a signal; None if this one does not say it."""
        service = SERVICES.get(signal)
        if service is None or self.endpoint:
            return None
        fips = "-fips" if self.fips and _has_fips(service, self.region, self.suffix) else ""
        return f"{service}{fips}.{self.region}.{self.suffix}"


class SignedFor(Frozen):
    """The service and the Region that requests are signed for."""

    service: str
    region: str

    @property
    def is_cloudwatch(self) -> bool:
        """Whether it is an OTLP endpoint of AWS's own, with its limits and headers."""
        return self.service in SERVICES.values()


def uri_of(uri: str, signal: str) -> str:
    """Return a URI for a signal: on AWS with the signal's own host, empty if AWS has none."""
    parts = urlsplit(uri)
    found = aws_host(parts.hostname or "")
    if found is None or signal not in SERVICES:
        return uri
    if found.service == SERVICES[signal]:
        return uri
    host = found.host_of(signal)
    return urlunsplit(parts._replace(netloc=_with_host(parts, host))) if host else ""


def complete(uri: str, signal: str) -> str:
    """Return a signal's own URI, with the path that AWS's hosts have if it has none."""
    parts = urlsplit(uri)
    if parts.path.strip("/") or aws_host(parts.hostname or "") is None:
        return uri
    return urlunsplit(parts._replace(path=f"/v1/{signal}"))


def service_of(uri: str, signal: str, *, sigv4: str) -> SignedFor | None:
    """Return what is asked for at a URI: of AWS's own hosts, else by DISPATCH_SIGV4.

    A proxy in front of one of AWS's OTLP endpoints is taken for one in front of all three.
    """
    found = aws_host(urlsplit(uri).hostname or "")
    if found:
        return SignedFor(service=found.service, region=found.region)
    service, is_named, region = sigv4.partition("/")
    if not is_named:
        return None
    if service in SERVICES.values():
        service = SERVICES.get(signal, service)
    return SignedFor(service=service, region=region)


def _with_host(parts: SplitResult, host: str) -> str:
    user_info, at, _ = parts.netloc.rpartition("@")
    port = f":{parts.port}" if parts.port else ""
    return f"{user_info}{at}{host}{port}"


def aws_host(host: str) -> AwsHost | None:
    """Return what AWS serves under a host name without a port; None if it is another's."""
    name = host.lower()
    plain, endpoint = _HOST.fullmatch(name), _ENDPOINT.fullmatch(name)
    found = plain or endpoint
    if found is None:
        return None
    service, region, suffix = found["service"], found["region"], found["suffix"]
    fips = bool(plain and plain["fips"])
    if suffix not in suffixes(region) or (fips and not _has_fips(service, region, suffix)):
        return None
    return AwsHost(
        service=service, region=region, suffix=suffix, fips=fips, endpoint=endpoint is not None
    )


def suffixes(region: str) -> tuple[str, ...]:
    """Return the domains of a Region's hosts: the plain one first."""
    return next(found for prefix, found in _SUFFIXES if region.startswith(prefix))


def _has_fips(service: str, region: str, suffix: str) -> bool:
    return not region.startswith("us-gov-") or service in _GOV_FIPS[suffix]
