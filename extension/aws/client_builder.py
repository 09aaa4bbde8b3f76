"""Builds one botocore client: its endpoint, proxy, authorities, time limits and credentials.

HEAVY: imports botocore. boto3 itself would add resources and transfers, which are not used here,
and a tenth to the time until the first /next. The clients get their settings from `AwsConfig`, and
`session` keeps the rest of the environment out.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    SSLError,
)

from extension.aws.connecting import Connector
from extension.aws.session import AwsSession, Identity, Models
from extension.http.proxy import BadProxyError, proxy_for
from extension.settings.aws import AwsConfig
from extension.settings.kinds import REGION, is_http_url

SERVICES = {"SSM": "ssm", "Secrets Manager": "secretsmanager", "STS": "sts"}
"""The services that clients are built for, as AWS prints them, with botocore's names."""

ATTEMPTS = 3
"""In total, as AWS's extension does."""

CONNECT_S = 0.6
"""Longest until the name is resolved and one of its addresses connected, and longest TLS handshake;
AWS's endpoints are milliseconds away."""

RECONNECT_PAUSE_S = 0.05
"""Between attempts to connect. botocore would wait for up to three seconds more; but three attempts
that fail are reported within 2 s: Lambda's default timeout ends a function after 3 s."""

NEVER_CONNECTED = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, SSLError)

_SUFFIXES = r"(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|api\.aws)"
"""What follows the region in the names of AWS's endpoints, its own and those of a VPC."""


class Client(NamedTuple):
    """A client of botocore, whose credentials it uses, and which variable names its endpoint."""

    service: str
    botocore: Any
    identity: Identity
    named_by: str

    @property
    def host(self) -> str:
        """The host of its endpoint."""
        return urlsplit(self.botocore.meta.endpoint_url).hostname or ""

    def close(self) -> None:
        """Close its idle connections."""
        self.botocore.close()


class Limits(NamedTuple):
    """How long one attempt of a client may take, how many there are, and its connections."""

    connect_s: float
    read_s: float
    attempts: int
    connections: int


class UnusableError(Exception):
    """There can be no client; the text names the variable to correct."""


class ClientBuilder:
    """Builds clients in any thread, one at a time: botocore's sessions are not thread-safe."""

    def __init__(self, aws: AwsConfig, environ: Mapping[str, str], *, connector: Connector) -> None:
        self._aws = aws
        self._environ = environ
        self._connector = connector
        self._models = Models(tuple(SERVICES.values()))
        self._lock = threading.Lock()

    def session(self, identity: Identity) -> AwsSession:
        """Return a session for clients with these credentials."""
        return AwsSession(identity, models=self._models, connector=self._connector)

    def build(
        self,
        service: str,
        *,
        region: str,
        session: AwsSession,
        limits: Limits,
        before_attempt: Callable[..., None],
        reconnects: Callable[[], bool] = lambda: True,
    ) -> Client:
        """Return a client of a service; `before_attempt` may raise, which ends a call.

        `reconnects` says whether a call tries again to connect.

        Raises:
            UnusableError: its endpoint or its proxy is not a URL.
            InvalidRegionError: the region is none.
        """
        variable, endpoint = self._endpoint(service, region)
        if endpoint and not is_http_url(endpoint):
            raise UnusableError(f"{variable} is not an http:// or https:// URL")
        with self._lock:
            client = self._build(service, region, endpoint, session, limits)
        client.meta.events.register("request-created", before_attempt)
        retries = f"needs-retry.{client.meta.service_model.service_id.hyphenize()}"
        reconnect = partial(_reconnect, limits.attempts, reconnects)
        client.meta.events.register_first(retries, reconnect)
        return Client(service, client, session.identity, variable)

    def _build(
        self, service: str, region: str, endpoint: str, session: AwsSession, limits: Limits
    ) -> Any:
        settings = self._settings(limits)
        arguments = {
            "region_name": region,
            "endpoint_url": endpoint or None,
            "verify": self._authorities(),
        }
        name = SERVICES[service]
        client = session.client(name, **arguments, config=Config(**settings, proxies={}))
        try:
            proxy = proxy_for(client.meta.endpoint_url, self._environ)
        except BadProxyError as error:
            raise UnusableError(str(error)) from error
        if proxy:
            # Only a client knows the host of its endpoint, which NO_PROXY may name.
            proxies = Config(**settings, proxies={"http": proxy, "https": proxy})
            client = session.client(name, **arguments, config=proxies)
        return client

    def _endpoint(self, service: str, region: str) -> tuple[str, str]:
        """Return the variable for a service's endpoint, and its value; empty for AWS's default.

        AWS's own endpoint in one region, such as a VPC's, is not for another region.
        """
        aws = self._aws
        own = {
            "SSM": ("AWS_ENDPOINT_URL_SSM", aws.ssm_endpoint),
            "Secrets Manager": ("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.secrets_manager_endpoint),
            "STS": ("AWS_ENDPOINT_URL_STS", aws.sts_endpoint),
        }
        if aws.ignore_endpoints:
            return "", ""
        for variable, endpoint in (own[service], ("AWS_ENDPOINT_URL", aws.endpoint)):
            if endpoint:
                return ("", "") if _is_of_another(endpoint, region) else (variable, endpoint)
        return "", ""

    def _authorities(self) -> str | bool:
        """Return the file of trusted certificate authorities; True for those of botocore."""
        aws = self._aws
        return aws.ca_bundle or aws.requests_ca_bundle or aws.ssl_cert_file or True

    def _settings(self, limits: Limits) -> dict[str, Any]:
        return {
            "retries": {"mode": "standard", "total_max_attempts": limits.attempts},
            "connect_timeout": limits.connect_s,
            "read_timeout": limits.read_s,
            "max_pool_connections": limits.connections,
            # Go's SDK leaves validation to AWS, and callers rely on AWS's error codes.
            "parameter_validation": False,
            "ignore_configured_endpoint_urls": True,
            "use_fips_endpoint": self._aws.use_fips,
            "use_dualstack_endpoint": self._aws.use_dualstack,
        }


def _is_of_another(endpoint: str, region: str) -> bool:
    """Return whether a URL names AWS's endpoint in another region than this one."""
    if not is_http_url(endpoint):
        return False
    host = urlsplit(endpoint).hostname or ""
    found = re.fullmatch(rf"(?:.*\.)?({REGION})\.{_SUFFIXES}", host)
    return bool(found and found[1] != region)


def _reconnect(
    most: int,
    reconnects: Callable[[], bool],
    *,
    attempts: int,
    caught_exception: Exception | None = None,
    **_: object,
) -> float | None:
    """Return the pause before the next attempt to connect; None leaves the decision to botocore.

    Raises:
        caught_exception: there shall be no other attempt.
    """
    if not isinstance(caught_exception, NEVER_CONNECTED):
        return None
    if not reconnects():
        raise caught_exception
    return RECONNECT_PAUSE_S if attempts < most else None
