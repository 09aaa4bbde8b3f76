"""Which hosts are AWS's own OTLP endpoints, and where the other signals go then."""

from __future__ import annotations

import pytest

from extension.settings.aws_hosts import (
    SERVICES,
    SignedFor,
    aws_host,
    complete,
    service_of,
    uri_of,
)
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
    ("us-isof-east-1", "csp.hci.ic.gov", "-fips"),
    ("eu-isoe-west-1", "cloud.adc-e.uk", ""),
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
    assert found.host_of("traces") is None


@pytest.mark.parametrize(
    "host",
    [
        "collector.example.com",
        "xray.eu-central-1.amazonaws.com.example.com",
        "xray.eu-central-1.amazonaws.com.cn",
        "evil-xray.eu-central-1.amazonaws.com",
        "logs-fips.us-gov-west-1.amazonaws.com",
        "monitoring-fips.us-gov-west-1.api.aws",
        "vpce-0a1b.xray.eu-central-1.vpce.amazonaws.com.cn",
        "s3.eu-central-1.amazonaws.com",
        "",
    ],
)
def test_other_hosts_are_not_signed_for(host: str) -> None:
    """A host that AWS does not serve OTLP under gets no signature of the function's role."""
    assert aws_host(host) is None


def test_there_is_no_host_for_events() -> None:
    """AWS takes no other signals than those of OTLP."""
    found = aws_host("xray.eu-central-1.amazonaws.com")
    assert found is not None
    assert found.host_of("events") is None


REGION = "eu-west-1.amazonaws.com"
VPCE = "eu-west-1.vpce.amazonaws.com"


@pytest.mark.parametrize(
    ("uri", "at"),
    [
        (f"https://xray.{REGION}", f"https://logs.{REGION}"),
        (f"https://u:p@xray.{REGION}:8443/x?y", f"https://u:p@logs.{REGION}:8443/x?y"),
        (f"https://LOGS.{REGION}/v1", f"https://LOGS.{REGION}/v1"),
        (f"https://vpce-1.logs.{VPCE}", f"https://vpce-1.logs.{VPCE}"),
        (f"https://vpce-1.xray.{VPCE}", ""),
        ("http://collector:4318/x", "http://collector:4318/x"),
        ("unix:collector", "unix:collector"),
        ("", ""),
    ],
)
def test_the_uri_of_a_signal(uri: str, at: str) -> None:
    """On AWS the host changes and nothing else; elsewhere the URI stands as it is."""
    assert uri_of(uri, "logs") == at
    assert uri_of(uri, "events") == uri


@pytest.mark.parametrize(
    ("uri", "completed"),
    [
        (f"https://logs.{REGION}", f"https://logs.{REGION}/v1/logs"),
        (f"https://logs.{REGION}//", f"https://logs.{REGION}/v1/logs"),
        (f"https://logs.{REGION}/mine", f"https://logs.{REGION}/mine"),
        ("http://collector:4318", "http://collector:4318"),
        ("http://collector:4318/x", "http://collector:4318/x"),
        ("unix:", "unix:"),
    ],
)
def test_a_path_is_added_on_aws_alone(uri: str, completed: str) -> None:
    """A signal's own URI stands as it is, but AWS has only one path for it."""
    assert complete(uri, "logs") == completed


@pytest.mark.parametrize(
    ("uri", "sigv4", "signed_for"),
    [
        (f"https://xray.{REGION}", "", SignedFor(service="xray", region="eu-west-1")),
        (f"https://xray.{REGION}", "es/us-east-1", SignedFor(service="xray", region="eu-west-1")),
        ("http://proxy", "xray/eu-west-1", SignedFor(service="logs", region="eu-west-1")),
        ("http://proxy", "es/eu-west-1", SignedFor(service="es", region="eu-west-1")),
        ("http://proxy", "", None),
        ("http://proxy", "off", None),
        ("unix:proxy", "", None),
    ],
)
def test_what_a_request_with_logs_is_signed_for(
    uri: str, sigv4: str, signed_for: SignedFor | None
) -> None:
    """The host decides; for a proxy, what the variable names, and the signal's service on AWS."""
    assert service_of(uri, "logs", sigv4=sigv4) == signed_for


@pytest.mark.parametrize(("service", "is_cloudwatch"), [("monitoring", True), ("aps", False)])
def test_which_services_are_cloudwatch(service: str, is_cloudwatch: bool) -> None:
    """The three that take OTLP under hosts of their own."""
    assert SignedFor(service=service, region="eu-west-1").is_cloudwatch is is_cloudwatch
