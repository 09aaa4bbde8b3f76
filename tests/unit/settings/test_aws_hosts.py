"""Which hosts are AWS's own OTLP endpoints, and where the other signals go then."""

from __future__ import annotations

import pytest

from extension.settings.aws_hosts import SERVICES, aws_host
from simulator.aws.endpoints.hosts import place_of

HOSTS = [
    ("eu-central-1", "amazonaws.com", ""),
    ("eu-central-1", "api.aws", "-fips"),
    ("us-gov-west-1", "amazonaws.com", ""),
    ("cn-north-1", "amazonaws.com.cn", "-fips"),
    ("cn-north-1", "api.amazonwebservices.com.cn", ""),
    ("eusc-de-east-1", "amazonaws.eu", ""),
    ("us-iso-east-1", "c2s.ic.gov", ""),
    ("us-isob-east-1", "sc2s.sgov.gov", ""),
]


@pytest.mark.parametrize(("region", "suffix", "fips"), HOSTS)
@pytest.mark.parametrize("service", SERVICES.values())
def test_each_host_names_all_three(service: str, region: str, suffix: str, fips: str) -> None:
    """Any of the three hosts of a Region leads to all three, each of which AWS serves."""
    found = aws_host(f"{service}{fips}.{region}.{suffix}")
    assert found is not None
    assert (found.service, found.region) == (service, region)
    for signal, name in SERVICES.items():
        host = found.host_of(signal)
        assert host == f"{name}{fips}.{region}.{suffix}"
        place = place_of(host)
        assert place is not None
        assert (place.service, place.region) == (name, region)


def test_govcloud_uses_plain_names_where_these_are_fips() -> None:
    """From X-Ray's FIPS host in GovCloud, logs and metrics go to the plain names."""
    found = aws_host("xray-fips.us-gov-west-1.amazonaws.com")
    assert found is not None
    assert found.host_of("traces") == "xray-fips.us-gov-west-1.amazonaws.com"
    assert found.host_of("logs") == "logs.us-gov-west-1.amazonaws.com"
    assert found.host_of("metrics") == "monitoring.us-gov-west-1.amazonaws.com"


def test_a_vpc_endpoint_serves_its_own_signal() -> None:
    """A VPC endpoint's name is recognised, and says nothing of the other signals' hosts."""
    found = aws_host("vpce-0a1b-2c3d.xray.eu-central-1.vpce.amazonaws.com")
    assert found is not None
    assert (found.service, found.region) == ("xray", "eu-central-1")
    assert found.host_of("logs") is None


@pytest.mark.parametrize(
    "host",
    [
        "collector.example.com",
        "xray.eu-central-1.amazonaws.com.example.com",
        "xray.eu-central-1.amazonaws.com.cn",
        "evil-xray.eu-central-1.amazonaws.com",
        "logs-fips.us-gov-west-1.amazonaws.com",
        "s3.eu-central-1.amazonaws.com",
        "",
    ],
)
def test_other_hosts_are_not_signed_for(host: str) -> None:
    """A host that AWS does not serve OTLP under gets no signature of the function's role."""
    assert aws_host(host) is None
