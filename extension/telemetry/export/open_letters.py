"""Builds the store of dead letters, and the route to its bucket, from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from extension.http.proxy import proxy_for
from extension.process.clock import Clock
from extension.process.ids import RandomIds
from extension.process.log import Log
from extension.settings.aws import AwsConfig
from extension.settings.kinds import is_http_url
from extension.settings.otlp import OtlpConfig
from extension.settings.sdk_variables import CERTIFICATE
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.export.bucket import Bucket, Route
from extension.telemetry.export.dead_letters import DeadLetters
from extension.telemetry.export.post import Post
from extension.telemetry.export.s3_location import encryption_headers, location_of
from extension.telemetry.export.tls import SettingError, build_tls, needs_tls
from extension.telemetry.health import Health

if TYPE_CHECKING:  # a protocol, which is not needed at run time
    from extension.telemetry.export.aws_requests import Signer


def open_letters(
    config: TelemetryConfig,
    aws: AwsConfig,
    *,
    signer: Signer,
    post: Post,
    health: Health,
    environ: Mapping[str, str],
    clock: Clock,
    log: Log,
) -> DeadLetters:
    """Return the store; it keeps as much as the buffer does, until S3 has it."""
    route = route_of(config, aws, environ=environ)
    return DeadLetters(
        put=Bucket(route, post=post, signer=signer).put,
        prefix=route.location.prefix,
        max_bytes=config.buffer_max_bytes,
        ids=RandomIds(),
        health=health,
        clock=clock,
        log=log,
    )


def route_of(config: TelemetryConfig, aws: AwsConfig, *, environ: Mapping[str, str]) -> Route:
    """Return how the bucket is reached.

    Raises:
        BadProxyError: the proxy is not a URL.
        SettingError: the endpoint is none, or a certificate cannot be used.
    """
    endpoint = "" if aws.ignore_endpoints else aws.s3_endpoint or aws.endpoint
    if endpoint and not is_http_url(endpoint):
        variable = "AWS_ENDPOINT_URL_S3" if aws.s3_endpoint else "AWS_ENDPOINT_URL"
        raise SettingError(f"{variable} is not an http:// or https:// URL")
    location = location_of(
        config.dead_letters,
        region=aws.region or aws.default_region or "us-east-1",
        endpoint=endpoint,
        use_fips=aws.use_fips,
        dualstack=aws.use_dualstack,
    )
    url = location.url()
    proxy = proxy_for(url, environ)
    authorities = OtlpConfig(certificate=aws.ca_bundle or aws.requests_ca_bundle)
    sources = {CERTIFICATE: "AWS_CA_BUNDLE" if aws.ca_bundle else "REQUESTS_CA_BUNDLE"}
    return Route(
        location=location,
        put_headers=encryption_headers(config.dead_letters_encryption),
        tls=build_tls(authorities, environ, sources=sources) if needs_tls(url, proxy) else None,
        proxy=proxy,
    )
