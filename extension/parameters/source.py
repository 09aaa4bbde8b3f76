"""AWS through botocore, boto3's engine: two clients, called in worker threads.

HEAVY: the only room that imports it, itself imported after registering. boto3's own layer adds
resources and transfers, which nobody uses here, and a tenth to the time until the first /next.
The environment comes in as a mapping; what the clients need of it is passed explicitly.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # no connection at all, which is none of HTTPClientError
    CredentialRetrievalError,
    HTTPClientError,
    NoRegionError,
)
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from extension.config import ParametersConfig
from extension.parameters.answer import Answer
from extension.parameters.calls import Call
from extension.parameters.clients import deadlines_s, threads
from extension.parameters.credentials import SandboxCredentials
from extension.parameters.errors import (
    EXPIRED,
    THROTTLING,
    TIMEOUT,
    UNUSABLE,
    UpstreamError,
    is_outdated,
    is_transient,
)
from extension.parameters.keys import Service

ATTEMPTS = 3
"""In total, as AWS's extension does."""

CONNECT_S = 1.0
"""Longest TCP and TLS handshake; AWS's endpoints are milliseconds away."""

READ_S = 3.0
"""Longest wait for an answer, so that a second attempt fits into the default deadline."""

_CLIENTS = {
    Service.SSM: ("ssm", "AWS_ENDPOINT_URL_SSM"),
    Service.SECRETS_MANAGER: ("secretsmanager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
}
_METHODS = {
    "GetParameter": "get_parameter",
    "GetParameters": "get_parameters",
    "GetParametersByPath": "get_parameters_by_path",
    "GetSecretValue": "get_secret_value",
}


class _Loader(Loader):  # type: ignore[misc]  # botocore is without types
    """Finds models as botocore does, but does not look through the folders of every service."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Return those that are asked for: the list is only to tell who asks for another."""
        del type_name
        return [name for name, _ in _CLIENTS.values()]


class AwsSource:
    """Parameter Store and Secrets Manager."""

    def __init__(self, config: ParametersConfig, environ: Mapping[str, str]) -> None:
        self._current = threading.local()
        self._credentials = SandboxCredentials(environ)
        session = botocore.session.Session()
        session.register_component("credential_provider", self._credentials)
        session.register_component("data_loader", _Loader())
        self._session = session
        self._region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        if not self._region:
            raise NoRegionError  # botocore itself takes an empty one for part of a host name
        deadline_s = deadlines_s(config)
        self._clients = {
            service: self._client(
                name,
                endpoint=environ.get(variable) or environ.get("AWS_ENDPOINT_URL"),
                connections=threads(config),
                deadline_s=deadline_s[service],
            )
            for service, (name, variable) in _CLIENTS.items()
        }

    def call(self, call: Call) -> Answer:
        """Return the parsed answer, or raise UpstreamError; blocks.

        What was signed before a freeze and refused after it is signed and sent again, once.
        """
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
            raise _failed(call, error) from error
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

    def _client(
        self, name: str, *, endpoint: str | None, connections: int, deadline_s: float
    ) -> Any:
        """Build one client; no attempt outlasts the deadline, and all of them get their share."""
        config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            connect_timeout=min(CONNECT_S, deadline_s),
            read_timeout=min(deadline_s, max(READ_S, deadline_s / ATTEMPTS)),
            max_pool_connections=connections,
            # Go's SDK leaves judging to AWS, and clients rely on AWS's answers.
            parameter_validation=False,
        )
        client = self._session.create_client(
            name, region_name=self._region, endpoint_url=endpoint, config=config
        )
        client.meta.events.register("request-created", self._before_attempt)
        client.meta.events.register("response-received", self._after_attempt)
        return client

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


def open_source(config: ParametersConfig, environ: Mapping[str, str]) -> AwsSource:
    """Build the clients; takes a tenth of a second of CPU."""
    return AwsSource(config, environ)


def _failed(call: Call, error: Exception) -> UpstreamError:
    """Translate what never became an answer; only network trouble is worth another try."""
    trouble = (HTTPClientError, ConnectionError, CredentialRetrievalError, ResponseParserError)
    return UpstreamError(
        type(error).__name__, service=call.service, transient=isinstance(error, trouble)
    )
