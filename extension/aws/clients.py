"""The botocore clients of Parameter Store and Secrets Manager, called in worker threads.

HEAVY: imported after registering. boto3 itself would add resources and transfers, which are not
used here, and a tenth to the time until the first /next. The clients get their settings from
`AwsConfig`, and `session` keeps the rest of the environment out. An unusable endpoint of one
service does not affect the other.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # no connection at all; not an HTTPClientError
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidRegionError,
    ProxyConnectionError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from extension.aws.call import Answer, Call, Service
from extension.aws.connecting import Connector
from extension.aws.credentials import SandboxCredentials
from extension.aws.errors import (
    EXPIRED,
    NOT_OPEN,
    THROTTLING,
    TIMEOUT,
    UNUSABLE,
    SettingError,
    UpstreamError,
    is_outdated,
    is_transient,
)
from extension.aws.reasons import reason_of
from extension.aws.session import AwsSession
from extension.http.proxy import BadProxyError, proxy_for
from extension.settings.aws import AwsConfig
from extension.settings.variable import is_http_url, read

ATTEMPTS = 3
"""In total, as AWS's extension does."""

CONNECT_S = 0.6
"""Longest until the name is resolved and one of its addresses connected, and longest TLS handshake;
AWS's endpoints are milliseconds away."""

RECONNECT_PAUSE_S = 0.05
"""Between attempts to connect. botocore would wait for up to three seconds more; but three attempts
that fail are reported within 2 s: Lambda's default timeout ends a function after 3 s."""

READ_S = 3.0
"""Longest wait for an answer: a second attempt still fits into the default deadline."""

NEVER_CONNECTED = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, SSLError)

_CLIENTS = {
    Service.SSM: "ssm",
    Service.SECRETS_MANAGER: "secretsmanager",
}
"""botocore's name of each service."""

_METHODS = {
    "GetParameter": "get_parameter",
    "GetParameters": "get_parameters",
    "GetParametersByPath": "get_parameters_by_path",
    "GetSecretValue": "get_secret_value",
}


class AwsClients:
    """A client for each service; building them takes a tenth of a second of CPU.

    `deadline_s` is how long a call to each service may take with all its attempts; `connections`
    is how many of each client are kept open.

    Raises:
        SettingError: the environment names no region, or one that is not valid.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        credentials: SandboxCredentials,
        deadline_s: Mapping[Service, float],
        connections: int,
        connector: Connector | None = None,
    ) -> None:
        self._deadline_s = deadline_s
        self._connections = connections
        self._current = threading.local()
        self._environ = environ
        self._aws, _ = read(AwsConfig, environ)
        self._region = self._aws.region or self._aws.default_region
        if not self._region:  # botocore would make a host name of an empty one
            raise SettingError("AWS_REGION is not set")
        self._credentials = credentials
        self._session = AwsSession(
            credentials, services=tuple(_CLIENTS.values()), connector=connector or Connector()
        )
        self._unusable: dict[Service, str] = {}
        """The services without a client, and the reason."""
        try:
            clients = {service: self._client(service) for service in _CLIENTS}
        except InvalidRegionError as error:
            variable = "AWS_REGION" if self._aws.region else "AWS_DEFAULT_REGION"
            raise SettingError(f"{variable} is not the name of a region") from error
        self._clients = {service: client for service, client in clients.items() if client}

    def call(self, call: Call) -> Answer:
        """Return the parsed answer, or raise UpstreamError; blocks.

        A request that was signed before a freeze and rejected after it is signed and sent again,
        once.
        """
        if reason := self._unusable.get(call.service):
            raise UpstreamError(NOT_OPEN, reason=reason, service=call.service)
        self._current.call = call
        renewals = self._credentials.renewals
        try:
            return self._ask(call)
        except UpstreamError as error:
            if error.code in EXPIRED and self._credentials.are_renewable:
                self._credentials.expire(since=renewals)
            elif not is_outdated(error.code, message=error.message):
                raise
        return self._ask(call)

    def _ask(self, call: Call) -> Answer:
        try:
            answer: Answer = getattr(self._clients[call.service], _METHODS[call.operation])(
                **call.arguments
            )
        except ClientError as error:
            raise self._refused(call, error) from error
        except (BotoCoreError, HTTPClientError, ResponseParserError) as error:
            raise self._failed(call, error) from error
        call.request_id = answer.get("ResponseMetadata", {}).get("RequestId", "")
        return answer

    def session_tokens(self) -> tuple[str, ...]:
        """Return the session tokens of the container endpoint, newest last; blocks."""
        try:
            return self._credentials.renewed_tokens()
        except (BotoCoreError, HTTPClientError) as error:
            raise UpstreamError(type(error).__name__, transient=True) from error

    def _client(self, service: Service) -> Any:
        """Build the client of a service; None if its endpoint or its proxy is not a URL."""
        variable, endpoint = self._endpoint(service)
        if endpoint and not is_http_url(endpoint):
            self._unusable[service] = f"{variable} is not an http:// or https:// URL"
            return None
        arguments = {
            "region_name": self._region,
            "endpoint_url": endpoint or None,
            "verify": self._authorities(),
        }
        name, limits = _CLIENTS[service], self._limits(service)
        client = self._session.client(name, **arguments, config=Config(**limits, proxies={}))
        try:
            proxy = proxy_for(client.meta.endpoint_url, self._environ)
        except BadProxyError as error:
            self._unusable[service] = str(error)
            return None
        if proxy:
            # Only a client knows the host of its endpoint, which NO_PROXY may name.
            proxies = Config(**limits, proxies={"http": proxy, "https": proxy})
            client = self._session.client(name, **arguments, config=proxies)
        client.meta.events.register("request-created", self._before_attempt)
        client.meta.events.register("response-received", self._after_attempt)
        retries = f"needs-retry.{client.meta.service_model.service_id.hyphenize()}"
        client.meta.events.register_first(retries, _reconnect)
        return client

    def _endpoint(self, service: Service) -> tuple[str, str]:
        """Return the variable for a service's endpoint, and its value; empty for AWS's default."""
        own = {
            Service.SSM: ("AWS_ENDPOINT_URL_SSM", self._aws.ssm_endpoint),
            Service.SECRETS_MANAGER: (
                "AWS_ENDPOINT_URL_SECRETS_MANAGER",
                self._aws.secrets_manager_endpoint,
            ),
        }
        if self._aws.ignore_endpoints:
            return "", ""
        if own[service][1]:
            return own[service]
        return ("AWS_ENDPOINT_URL", self._aws.endpoint) if self._aws.endpoint else ("", "")

    def _authorities(self) -> str | bool:
        """Return the file of trusted certificate authorities; True for those of botocore."""
        aws = self._aws
        return aws.ca_bundle or aws.requests_ca_bundle or aws.ssl_cert_file or True

    def _limits(self, service: Service) -> dict[str, Any]:
        """Return a client's settings; every attempt gets its share of the deadline."""
        deadline_s = self._deadline_s[service]
        return {
            "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
            "connect_timeout": min(CONNECT_S, deadline_s),
            "read_timeout": min(deadline_s, max(READ_S, deadline_s / ATTEMPTS)),
            "max_pool_connections": self._connections,
            # Go's SDK leaves validation to AWS, and callers rely on AWS's error codes.
            "parameter_validation": False,
            "ignore_configured_endpoint_urls": True,
            "use_fips_endpoint": self._aws.use_fips,
            "use_dualstack_endpoint": self._aws.use_dualstack,
        }

    def _before_attempt(self, **_: object) -> None:
        call: Call = self._current.call
        if call.abandoned:
            raise UpstreamError(TIMEOUT, service=call.service, transient=True)
        call.attempts += 1

    def _after_attempt(self, parsed_response: Answer | None = None, **_: object) -> None:
        code = (parsed_response or {}).get("Error", {}).get("Code", "")
        if code in THROTTLING:
            call: Call = self._current.call
            call.throttles += 1

    def _refused(self, call: Call, error: ClientError) -> UpstreamError:
        """Convert an error that AWS answered."""
        fields = error.response.get("Error", {})
        metadata = error.response.get("ResponseMetadata", {})
        call.request_id = metadata.get("RequestId", "")
        code, message = str(fields.get("Code", "")) or UNUSABLE, str(fields.get("Message", ""))
        can_renew = code in EXPIRED and self._credentials.are_renewable
        return UpstreamError(
            code,
            message=message,
            service=call.service,
            request_id=call.request_id,
            transient=can_renew
            or is_transient(code, message=message, status=metadata.get("HTTPStatusCode", 0)),
        )

    def _failed(self, call: Call, error: Exception) -> UpstreamError:
        """Convert an error without an answer of AWS; only one of the network is transient."""
        network = (HTTPClientError, ConnectionError, CredentialRetrievalError, ResponseParserError)
        host = urlsplit(self._clients[call.service].meta.endpoint_url).hostname or ""
        return UpstreamError(
            type(error).__name__,
            reason=reason_of(error, host=host, named_by=self._endpoint(call.service)[0]),
            service=call.service,
            transient=isinstance(error, network),
        )


def _reconnect(
    attempts: int, caught_exception: Exception | None = None, **_: object
) -> float | None:
    """Return the pause before the next attempt to connect; None leaves the decision to botocore."""
    never_connected = isinstance(caught_exception, NEVER_CONNECTED)
    return RECONNECT_PAUSE_S if never_connected and attempts < ATTEMPTS else None
