"""AWS through botocore, boto3's engine: two clients, called in worker threads.

HEAVY: imported after registering. boto3's own layer adds resources and transfers, which nobody uses
here, and a tenth to the time until the first /next. What the clients need of the environment is
passed to them; `aws_session` keeps the rest out. A bad endpoint costs its own service only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # no connection at all, which is none of HTTPClientError
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidRegionError,
    ProxyConnectionError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from extension.http.proxy import BadProxyError, proxy_for
from extension.parameters.answer import Answer
from extension.aws.session import AwsSession
from extension.aws.calls import Call
from extension.parameters.lazy_clients import deadlines_s, threads
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
from extension.parameters.keys import Service
from extension.aws.reasons import reason_of
from extension.settings.aws import AwsConfig
from extension.settings.parameters import ParametersConfig
from extension.settings.variable import is_http_url, read

ATTEMPTS = 3
"""In total, as AWS's extension does."""

CONNECT_S = 0.6
"""Longest until the name is resolved and an address of it connected, and longest TLS handshake;
AWS's endpoints are milliseconds away."""

RECONNECT_PAUSE_S = 0.05
"""Between attempts to connect. Botocore would wait for up to three seconds more; but three attempts
that fail are reported within 2 s: Lambda ends a function of the default timeout after 3 s."""

READ_S = 3.0
"""Longest wait for an answer, so that a second attempt fits into the default deadline."""

NEVER_CONNECTED = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, SSLError)

_CLIENTS = {
    Service.SSM: "ssm",
    Service.SECRETS_MANAGER: "secretsmanager",
}
"""What botocore calls each service."""

_METHODS = {
    "GetParameter": "get_parameter",
    "GetParameters": "get_parameters",
    "GetParametersByPath": "get_parameters_by_path",
    "GetSecretValue": "get_secret_value",
}


class AwsSource:
    """Parameter Store and Secrets Manager."""

    def __init__(
        self,
        config: ParametersConfig,
        environ: Mapping[str, str],
        *,
        learned: Callable[[str, str], None] = lambda *_: None,
        connector: Connector | None = None,
    ) -> None:
        self._current = threading.local()
        self._environ = environ
        self._aws, _ = read(AwsConfig, environ)
        self._region = self._aws.region or self._aws.default_region
        if not self._region:  # botocore itself takes an empty one for part of a host name
            raise SettingError("AWS_REGION is not set")
        self._credentials = SandboxCredentials(environ, learned=learned)
        self._session = AwsSession(self._credentials, connector=connector or Connector())
        self._unusable: dict[Service, str] = {}
        """What keeps a service from being asked."""
        try:
            clients = {service: self._client(service, config) for service in _CLIENTS}
        except InvalidRegionError as error:
            variable = "AWS_REGION" if self._aws.region else "AWS_DEFAULT_REGION"
            raise SettingError(f"{variable} is not the name of a region") from error
        self._clients = {service: client for service, client in clients.items() if client}

    def call(self, call: Call) -> Answer:
        """Return the parsed answer, or raise UpstreamError; blocks.

        What was signed before a freeze and refused after it is signed and sent again, once.
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

    def close(self) -> None:
        """Close idle connections."""
        for client in self._clients.values():
            client.close()

    def _client(self, service: Service, config: ParametersConfig) -> Any:
        """Build one client, None where its endpoint or its proxy cannot be one."""
        variable, endpoint = self._endpoint(service)
        if endpoint and not is_http_url(endpoint):
            self._unusable[service] = f"{variable} is not an http:// or https:// URL"
            return None
        arguments = {
            "region_name": self._region,
            "endpoint_url": endpoint or None,
            "verify": self._authorities(),
        }
        name, limits = _CLIENTS[service], self._limits(service, config)
        client = self._session.client(name, **arguments, config=Config(**limits, proxies={}))
        try:
            proxy = proxy_for(client.meta.endpoint_url, self._environ)
        except BadProxyError as error:
            self._unusable[service] = str(error)
            return None
        if proxy:
            # Only now is it known which host is asked, and NO_PROXY may name that.
            proxies = Config(**limits, proxies={"http": proxy, "https": proxy})
            client = self._session.client(name, **arguments, config=proxies)
        client.meta.events.register("request-created", self._before_attempt)
        client.meta.events.register("response-received", self._after_attempt)
        retries = f"needs-retry.{client.meta.service_model.service_id.hyphenize()}"
        client.meta.events.register_first(retries, _reconnect)
        return client

    def _endpoint(self, service: Service) -> tuple[str, str]:
        """Return the variable that names a service's endpoint, and its value; both empty: AWS's."""
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
        """Return the file of those who are trusted, True for those that botocore brings."""
        aws = self._aws
        return aws.ca_bundle or aws.requests_ca_bundle or aws.ssl_cert_file or True

    def _limits(self, service: Service, config: ParametersConfig) -> dict[str, Any]:
        """Return how a client works; no attempt outlasts the deadline, all get their share."""
        deadline_s = deadlines_s(config)[service]
        return {
            "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
            "connect_timeout": min(CONNECT_S, deadline_s),
            "read_timeout": min(deadline_s, max(READ_S, deadline_s / ATTEMPTS)),
            "max_pool_connections": threads(config),
            # Go's SDK leaves judging to AWS, and clients rely on AWS's answers.
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
        """Translate an answer of AWS that is an error."""
        told, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        call.request_id = metadata.get("RequestId", "")
        code, message = str(told.get("Code", "")) or UNUSABLE, str(told.get("Message", ""))
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
        """Translate what never became an answer; only network trouble is worth another try."""
        trouble = (HTTPClientError, ConnectionError, CredentialRetrievalError, ResponseParserError)
        host = urlsplit(self._clients[call.service].meta.endpoint_url).hostname or ""
        return UpstreamError(
            type(error).__name__,
            reason=reason_of(error, host=host, named_by=self._endpoint(call.service)[0]),
            service=call.service,
            transient=isinstance(error, trouble),
        )


def open_source(
    config: ParametersConfig,
    environ: Mapping[str, str],
    *,
    learned: Callable[[str, str], None] = lambda *_: None,
    connector: Connector | None = None,
) -> AwsSource:
    """Build the clients; takes a tenth of a second of CPU."""
    return AwsSource(config, environ, learned=learned, connector=connector)


def _reconnect(
    attempts: int, caught_exception: Exception | None = None, **_: object
) -> float | None:
    """Return the pause before AWS is connected again; None leaves it to botocore."""
    never_connected = isinstance(caught_exception, NEVER_CONNECTED)
    return RECONNECT_PAUSE_S if never_connected and attempts < ATTEMPTS else None
