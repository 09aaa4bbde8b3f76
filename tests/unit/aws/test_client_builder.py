"""The settings of a botocore client: endpoint, authorities, proxy, time limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError, SSLError
from botocore.validate import ParamValidationDecorator

from extension.aws.client_builder import Client, ClientBuilder, Limits, UnusableError, _reconnect
from extension.aws.connecting import Connector
from extension.aws.credentials import SandboxCredentials
from extension.settings.aws import AwsConfig

LIMITS = Limits(connect_s=0.5, read_s=2.0, attempts=3, connections=7)
LOCAL = "http://127.0.0.1:4566"
VPC = "https://vpce-1.ssm.eu-west-1.vpce.amazonaws.com"


def build(service: str = "SSM", *, environ: dict[str, str] | None = None, **aws: Any) -> Client:
    """Return a client in Ireland with some settings."""
    builder = ClientBuilder(AwsConfig(**aws), environ or {}, connector=Connector())
    return builder.build(
        service,
        region="eu-west-1",
        session=builder.session(SandboxCredentials({})),
        limits=LIMITS,
        before_attempt=lambda **_: None,
    )


@pytest.mark.parametrize(
    ("service", "aws", "host", "named_by"),
    [
        ("SSM", {}, "ssm.eu-west-1.amazonaws.com", ""),
        ("Secrets Manager", {}, "secretsmanager.eu-west-1.amazonaws.com", ""),
        ("STS", {}, "sts.eu-west-1.amazonaws.com", ""),
        ("SSM", {"endpoint": LOCAL}, "127.0.0.1", "AWS_ENDPOINT_URL"),
        ("SSM", {"endpoint": LOCAL, "ssm_endpoint": "http://x"}, "x", "AWS_ENDPOINT_URL_SSM"),
        ("STS", {"sts_endpoint": "http://x"}, "x", "AWS_ENDPOINT_URL_STS"),
        ("STS", {"ssm_endpoint": "http://x"}, "sts.eu-west-1.amazonaws.com", ""),
        (
            "Secrets Manager",
            {"secrets_manager_endpoint": "http://x"},
            "x",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        ),
        ("SSM", {"endpoint": LOCAL, "ignore_endpoints": True}, "ssm.eu-west-1.amazonaws.com", ""),
        ("SSM", {"ssm_endpoint": VPC}, VPC[8:], "AWS_ENDPOINT_URL_SSM"),
        (
            "SSM",
            {"ssm_endpoint": VPC.replace("west", "north"), "endpoint": LOCAL},
            "ssm.eu-west-1.amazonaws.com",
            "",
        ),
        (
            "SSM",
            {"ssm_endpoint": "https://eu-north-1.amazonaws.com"},
            "ssm.eu-west-1.amazonaws.com",
            "",
        ),
        (
            "SSM",
            {"ssm_endpoint": "https://eu-north-1.example.com"},
            "eu-north-1.example.com",
            "AWS_ENDPOINT_URL_SSM",
        ),
        ("SSM", {"use_fips": True}, "ssm-fips.eu-west-1.amazonaws.com", ""),
        ("SSM", {"use_dualstack": True}, "ssm.eu-west-1.api.aws", ""),
    ],
)
def test_the_host_of_a_service(service: str, aws: dict[str, Any], host: str, named_by: str) -> None:
    """AWS's own, or that of the service's variable, else of the general one; never another's."""
    client = build(service, **aws)
    assert (client.service, client.host, client.named_by) == (service, host, named_by)


@pytest.mark.parametrize(
    ("service", "aws", "variable"),
    [
        ("SSM", {"ssm_endpoint": "h:1"}, "AWS_ENDPOINT_URL_SSM"),
        ("STS", {"endpoint": "h:1"}, "AWS_ENDPOINT_URL"),
    ],
)
def test_an_endpoint_that_is_no_url_is_named(
    service: str, aws: dict[str, Any], variable: str
) -> None:
    """AWS's own is not asked in its place."""
    with pytest.raises(UnusableError) as raised:
        build(service, **aws)
    assert str(raised.value) == f"{variable} is not an http:// or https:// URL"


def test_time_limits_and_attempts() -> None:
    """Those that it is given; callers rely on AWS's own checks of arguments."""
    client = build().botocore
    config = client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (0.5, 2.0)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    assert config.max_pool_connections == 7
    assert not isinstance(client._serializer, ParamValidationDecorator)


def test_endpoints_of_the_process_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore would take the function's own: what counts here comes in as a setting."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://of-the-function")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://of-the-function")
    assert build().host == "ssm.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("aws", "authorities"),
    [
        ({}, True),
        ({"ssl_cert_file": "c"}, "c"),
        ({"ssl_cert_file": "c", "requests_ca_bundle": "b"}, "b"),
        ({"ssl_cert_file": "c", "requests_ca_bundle": "b", "ca_bundle": "a"}, "a"),
    ],
)
def test_the_authorities_that_are_trusted(aws: dict[str, Any], authorities: str | bool) -> None:
    """The first of three files; else those that come with botocore."""
    assert build(**aws).botocore._endpoint.http_session._verify == authorities


@pytest.mark.parametrize(
    ("environ", "proxies"),
    [
        ({}, {}),
        ({"HTTPS_PROXY": "http://p:1"}, {"http": "http://p:1", "https": "http://p:1"}),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".amazonaws.com"}, {}),
    ],
)
def test_the_proxy_of_the_environment(environ: dict[str, str], proxies: dict[str, str]) -> None:
    """Unless NO_PROXY names the host of the endpoint."""
    client = build(environ=environ)
    assert client.botocore.meta.config.proxies == proxies


def test_a_proxy_that_is_no_url_is_named() -> None:
    """AWS is not asked around it."""
    with pytest.raises(UnusableError, match="HTTPS_PROXY"):
        build(environ={"HTTPS_PROXY": "not a url"})


@pytest.mark.parametrize(
    ("error", "attempts", "pause_s"),
    [
        (EndpointConnectionError(endpoint_url="x"), 1, 0.05),
        (SSLError(endpoint_url="x", error="y"), 2, 0.05),
        (EndpointConnectionError(endpoint_url="x"), 3, None),
        (ReadTimeoutError(endpoint_url="x"), 1, None),
        (None, 1, None),
    ],
)
def test_connecting_is_tried_again_soon(
    error: Exception | None, attempts: int, pause_s: float | None
) -> None:
    """Three times in all; everything else is botocore's decision."""
    assert _reconnect(3, lambda: True, attempts=attempts, caught_exception=error) == pause_s


def test_connecting_may_be_tried_once_alone() -> None:
    """Then the failure to connect ends the call; other failures are botocore's decision."""
    unreached = EndpointConnectionError(endpoint_url="x")
    with pytest.raises(EndpointConnectionError):
        _reconnect(3, lambda: False, attempts=1, caught_exception=unreached)
    silent = ReadTimeoutError(endpoint_url="x")
    assert _reconnect(3, lambda: False, attempts=1, caught_exception=silent) is None


class EndedError(Exception):
    """A call that is not waited for any longer."""


def asking_nothing(
    service: str, before_attempt: Callable[..., None], *, reconnects: bool = True
) -> Any:
    """Return a client with credentials, at an address where nothing listens."""
    credentials = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    builder = ClientBuilder(AwsConfig(endpoint="http://127.0.0.1:9"), {}, connector=Connector())
    return builder.build(
        service,
        region="eu-west-1",
        session=builder.session(SandboxCredentials(credentials)),
        limits=LIMITS,
        before_attempt=before_attempt,
        reconnects=lambda: reconnects,
    ).botocore


@pytest.mark.parametrize("service", ["SSM", "Secrets Manager", "STS"])
def test_what_comes_before_an_attempt_may_end_the_call(service: str) -> None:
    """Then nothing is sent."""

    def end(**_: object) -> None:
        raise EndedError

    method, arguments = {
        "SSM": ("get_parameter", {"Name": "x"}),
        "Secrets Manager": ("get_secret_value", {"SecretId": "x"}),
        "STS": ("get_caller_identity", {}),
    }[service]
    with pytest.raises(EndedError):
        getattr(asking_nothing(service, end), method)(**arguments)


@pytest.mark.parametrize(("reconnects", "attempts"), [(True, 3), (False, 1)])
def test_a_call_says_whether_a_connection_is_tried_again(
    *, reconnects: bool, attempts: int
) -> None:
    """Of each service: another region may be the better next try."""
    for service, method, arguments in (
        ("SSM", "get_parameter", {"Name": "x"}),
        ("Secrets Manager", "get_secret_value", {"SecretId": "x"}),
    ):
        made: list[object] = []
        client = asking_nothing(
            service, lambda made=made, **_: made.append(_), reconnects=reconnects
        )
        with pytest.raises(EndpointConnectionError):
            getattr(client, method)(**arguments)
        assert len(made) == attempts
