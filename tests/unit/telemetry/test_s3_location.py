"""Where dead letters are stored: hosts, keys, and headers for encryption."""

from __future__ import annotations

import pytest

from extension.telemetry.export.s3_location import KEY, encryption_headers, key_of, location_of
from tests.doubles import NOON_NS


@pytest.mark.parametrize(
    ("uri", "region", "url"),
    [
        ("s3://lost", "eu-central-1", "https://lost.s3.eu-central-1.amazonaws.com/"),
        ("s3://lost.a/b", "eu-west-1", "https://s3.eu-west-1.amazonaws.com/lost.a/"),
        ("s3://lost", "cn-north-1", "https://lost.s3.cn-north-1.amazonaws.com.cn/"),
        ("s3://lost", "us-iso-east-1", "https://lost.s3.us-iso-east-1.c2s.ic.gov/"),
        ("s3://lost", "us-isob-east-1", "https://lost.s3.us-isob-east-1.sc2s.sgov.gov/"),
        ("s3://lost", "us-isof-east-1", "https://lost.s3.us-isof-east-1.csp.hci.ic.gov/"),
        ("s3://lost", "eu-isoe-west-1", "https://lost.s3.eu-isoe-west-1.cloud.adc-e.uk/"),
        ("s3://lost", "eusc-de-east-1", "https://lost.s3.eusc-de-east-1.amazonaws.eu/"),
    ],
)
def test_hosts(uri: str, region: str, url: str) -> None:
    """The host is that of the bucket, in every partition; one with dots stands in the path."""
    assert location_of(uri, region=region).url() == url


def test_fips_and_dual_stack() -> None:
    """Both are parts of the host's name."""
    found = location_of("s3://lost", region="us-east-1", use_fips=True, dualstack=True)
    assert found.base_url == "https://lost.s3-fips.dualstack.us-east-1.amazonaws.com"


def test_endpoint_in_place_of_aws() -> None:
    """With an endpoint of its own, the bucket stands in the path, and keys are quoted."""
    found = location_of("s3://lost/a/b/", region="eu-central-1", endpoint="http://localhost:1/")
    assert found.prefix == "a/b"
    assert found.url("a/minute=00/x") == "http://localhost:1/lost/a/minute%3D00/x"


@pytest.mark.parametrize("prefix", ["", "a/b"])
def test_keys_are_those_of_the_collector(prefix: str) -> None:
    """A file lies in the folder of its minute, in UTC, and its name begins with its signal."""
    key = key_of(prefix, "traces", now_ns=NOON_NS, unique="0a")
    folder = "year=2026/month=01/day=01/hour=12/minute=00/traces_0a.binpb.gz"
    assert key == (f"{prefix}/{folder}" if prefix else folder)
    found = KEY.fullmatch(key)
    assert found is not None
    assert found[1] == "traces"


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("", {}),
        ("AES256", {"": "AES256"}),
        ("aws:kms", {"": "aws:kms"}),
        ("aws:kms:alias/a", {"": "aws:kms", "-aws-kms-key-id": "alias/a"}),
        ("aws:kms:arn:aws:k", {"": "aws:kms", "-aws-kms-key-id": "arn:aws:k"}),
        ("aws:kms:dsse:k", {"": "aws:kms:dsse", "-aws-kms-key-id": "k"}),
    ],
)  # fmt: skip
def test_encryption(text: str, headers: dict[str, str]) -> None:
    """The algorithm, and after it the key, an ARN included, become S3's headers."""
    name = "x-amz-server-side-encryption"
    assert encryption_headers(text) == {f"{name}{end}": value for end, value in headers.items()}
