"""Names of AWS, in all partitions and variants, stand for a service and a Region."""

from __future__ import annotations

import pytest

from simulator.aws.endpoints.hosts import Place, place_of


@pytest.mark.parametrize(
    ("host", "service", "region"),
    [
        ("xray.eu-central-1.amazonaws.com", "xray", "eu-central-1"),
        ("logs-fips.us-east-1.amazonaws.com", "logs", "us-east-1"),
        ("monitoring.eu-west-1.api.aws", "monitoring", "eu-west-1"),
        ("xray-fips.us-gov-west-1.amazonaws.com", "xray", "us-gov-west-1"),
        ("logs-fips.us-gov-west-1.api.aws", "logs", "us-gov-west-1"),
        ("monitoring.cn-north-1.amazonaws.com.cn", "monitoring", "cn-north-1"),
        ("logs.cn-north-1.api.amazonwebservices.com.cn", "logs", "cn-north-1"),
        ("xray.eusc-de-east-1.amazonaws.eu", "xray", "eusc-de-east-1"),
        ("logs.us-iso-east-1.c2s.ic.gov", "logs", "us-iso-east-1"),
        ("logs.us-isob-east-1.sc2s.sgov.gov", "logs", "us-isob-east-1"),
        ("vpce-0a1b-2c3d.xray.eu-west-1.vpce.amazonaws.com", "xray", "eu-west-1"),
        ("vpce-0a-2c-eu-west-1a.logs.eu-west-1.vpce.amazonaws.com", "logs", "eu-west-1"),
        ("s3.eu-west-1.amazonaws.com", "s3", "eu-west-1"),
        ("s3.dualstack.eu-west-1.amazonaws.com", "s3", "eu-west-1"),
        ("s3.amazonaws.com", "s3", "us-east-1"),
    ],
)
def test_name_of_aws(host: str, service: str, region: str) -> None:
    """The Region of the name is the one to sign for."""
    assert place_of(host) == Place(service=service, region=region)  # type: ignore[arg-type]


def test_name_of_a_bucket() -> None:
    """A bucket's name may have dots."""
    place = Place(service="s3", region="eu-west-1", bucket="my.bucket")

    assert place_of("my.bucket.s3.eu-west-1.amazonaws.com") == place


@pytest.mark.parametrize(
    "host",
    [
        "xray.amazonaws.com",
        "xray.cn-north-1.amazonaws.com",
        "monitoring.eu-west-1.amazonaws.com.cn",
        "logs-fips.us-gov-west-1.amazonaws.com",
        "monitoring-fips.us-gov-west-1.api.aws",
        "dataplane.rum.eu-west-1.amazonaws.com",
        "xray.eu-west-1.amazonaws.com.example.com",
        "example.com",
        "127.0.0.1",
    ],
)
def test_name_that_aws_does_not_have(host: str) -> None:
    """It stands for nothing."""
    assert place_of(host) is None
