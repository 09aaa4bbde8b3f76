"""How the bucket of dead letters is reached, by the settings of AWS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from extension.settings.config import read_config
from extension.telemetry.export.bucket import Route
from extension.telemetry.export.open_letters import route_of
from extension.telemetry.export.tls import SettingError
from tests.certificates import write_certificate

ENDPOINTS = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}


def route(environ: Mapping[str, str]) -> Route:
    """Return the route that an environment gives."""
    given = {"DISPATCH_DEAD_LETTERS": "s3://letters/lost", **environ}
    config, problems = read_config(given)
    assert problems == ()
    return route_of(config.telemetry, config.aws, environ=given)


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "https://letters.s3.us-east-1.amazonaws.com/"),
        ({"AWS_REGION": "eu-west-1"}, "https://letters.s3.eu-west-1.amazonaws.com/"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "https://letters.s3.eu-west-1.amazonaws.com/"),
        (
            {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"},
            "https://letters.s3.eu-west-1.amazonaws.com/",
        ),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "https://letters.s3-fips.us-east-1.amazonaws.com/"),
        (
            {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
            "https://letters.s3.dualstack.us-east-1.amazonaws.com/",
        ),
        (ENDPOINTS, "http://127.0.0.1:9000/letters/"),
        (
            {**ENDPOINTS, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9001"},
            "http://127.0.0.1:9001/letters/",
        ),
        (
            {**ENDPOINTS, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://letters.s3.us-east-1.amazonaws.com/",
        ),
    ],
)
def test_each_setting_of_aws_counts_for_the_bucket(environ: dict[str, str], url: str) -> None:
    """As for the services of the cache."""
    seen = route(environ)
    assert seen.location.url() == url
    assert seen.location.prefix.startswith("lost")


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_endpoint_that_is_no_url_opens_no_bucket(variable: str) -> None:
    """Each request would fail, and what it has to store fill the memory."""
    environ = {"DISPATCH_DEAD_LETTERS": "s3://letters", variable: "minio:9000"}
    config, [problem] = read_config(environ)
    assert "switches off what would be asked there" in str(problem)
    with pytest.raises(SettingError, match=f"^{variable} is not an http:// or https:// URL$"):
        route_of(config.telemetry, config.aws, environ=environ)
    ignored, _ = read_config({**environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"})
    assert "amazonaws" in route_of(ignored.telemetry, ignored.aws, environ={}).location.url()


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_authorities_of_aws_are_trusted(variable: str, tmp_path: Path) -> None:
    """They are the only ones; a file that is none is named by its own variable."""
    trusted, _ = write_certificate(tmp_path)
    seen = route({variable: str(trusted)})
    assert seen.tls
    assert len(seen.tls.get_ca_certs()) == 1
    trusted.write_text("-----BEGIN nonsense")
    with pytest.raises(Exception, match=f"^{variable}: "):
        route({variable: str(trusted)})


def test_the_bucket_is_reached_through_the_proxy() -> None:
    """Like AWS and the endpoint."""
    assert route({"HTTPS_PROXY": "http://proxy:3128"}).proxy == "http://proxy:3128"
    assert route({}).proxy is None


def test_encryption_is_asked_for() -> None:
    """By headers that are signed with the rest."""
    seen = route({"DISPATCH_DEAD_LETTERS_SSE": "aws:kms:alias/k"})
    assert seen.put_headers["x-amz-server-side-encryption"] == "aws:kms"
