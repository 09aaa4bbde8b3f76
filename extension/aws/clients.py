"""The clients of Parameter Store and Secrets Manager, called in worker threads.

HEAVY: imported after registering. Those of the function's region and role are built at once. Those
of other regions and roles are built by the first call that needs them, in its thread, and closed
when others were used since: so a caller can ask many places, and cannot fill the memory.
An unusable endpoint of one service does not affect the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    HTTPClientError,
    InvalidRegionError,
)

from extension.aws.attempts import Attempts
from extension.aws.call import STS, Answer, Call, Place, Service
from extension.aws.client_builder import (
    ATTEMPTS,
    CONNECT_S,
    Client,
    ClientBuilder,
    Limits,
    UnusableError,
)
from extension.aws.connecting import Connector
from extension.aws.credentials import SandboxCredentials
from extension.aws.errors import (
    NOT_OPEN,
    SettingError,
    UpstreamError,
)
from extension.aws.recent import Recent
from extension.aws.session import AwsSession
from extension.process.clock import SystemClock
from extension.settings.aws import AwsConfig
from extension.settings.process import LambdaConfig
from extension.settings.variable import read

READ_S = 3.0
"""Longest wait for an answer: a second attempt still fits into the default deadline."""

MOST_CLIENTS = 20
"""Clients of other regions and roles that are kept: as many roles as AWS's agent allows."""

_METHODS = {
    "GetParameter": "get_parameter",
    "GetParameters": "get_parameters",
    "GetParametersByPath": "get_parameters_by_path",
    "GetSecretValue": "get_secret_value",
    "DescribeSecret": "describe_secret",
}


class AwsClients:
    """A client for each place; building one takes a twentieth of a second of CPU.

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
        self._attempts = Attempts()
        self._aws, _ = read(AwsConfig, environ)
        self._sandbox, _ = read(LambdaConfig, environ)
        self.region = self._aws.region or self._aws.default_region
        if not self.region:  # botocore would make a host name of an empty one
            raise SettingError("AWS_REGION is not set")
        self._credentials = credentials
        self._builder = ClientBuilder(self._aws, environ, connector=connector or Connector())
        self._session = self._builder.session(credentials)
        self._roles = Recent(self._role_session, most=MOST_CLIENTS)
        self._others = Recent(self._build, most=MOST_CLIENTS, close=Client.close)
        self._sts = Recent(self._build_sts, most=1, close=Client.close)
        self._own: dict[Service, Client] = {}
        """The clients of the function's region and role; a service without one is unusable."""
        for service in Service:
            self._build_own(service)

    def call(self, call: Call) -> Answer:
        """Return the parsed answer, or raise UpstreamError; blocks.

        A request that was signed before a freeze and rejected after it is signed and sent again,
        once.
        """
        self._attempts.begin(call)
        method = _METHODS[call.operation]
        try:
            with self._client(call.place) as client:
                return self._attempts.ask(client, method, call.arguments)
        except UnusableError as error:
            raise UpstreamError(NOT_OPEN, reason=str(error), service=call.service) from error

    def session_tokens(self) -> tuple[str, ...]:
        """Return the session tokens of the container endpoint, newest last; blocks."""
        try:
            return self._credentials.renewed_tokens()
        except (BotoCoreError, HTTPClientError) as error:
            raise UpstreamError(type(error).__name__, transient=True) from error

    def close(self) -> None:
        """Close the idle connections of all clients."""
        for client in self._own.values():
            client.close()
        self._others.close()
        self._sts.close()

    def _client(self, place: Place) -> AbstractContextManager[Client]:
        is_own = not place.role and place.region in {"", self.region}
        if is_own and (own := self._own.get(place.service)):
            return nullcontext(own)
        return self._others.use(place._replace(region=place.region or self.region))

    def _build_own(self, service: Service) -> None:
        try:
            self._own[service] = self._build(Place(service, self.region))
        except UnusableError:
            pass  # the calls to it try again, and are refused with the reason
        except InvalidRegionError as error:
            variable = "AWS_REGION" if self._aws.region else "AWS_DEFAULT_REGION"
            raise SettingError(f"{variable} is not the name of a region") from error

    def _build(self, place: Place) -> Client:
        """Build the client of a place; raises UnusableError."""
        deadline_s = self._deadline_s[place.service]
        limits = Limits(
            connect_s=min(CONNECT_S, deadline_s),
            # Every attempt gets its share of the deadline.
            read_s=min(deadline_s, max(READ_S, deadline_s / ATTEMPTS)),
            attempts=ATTEMPTS,
            connections=self._connections,
        )
        client = self._builder.build(
            place.service,
            region=place.region,
            session=self._session_of(place.role),
            limits=limits,
            before_attempt=self._attempts.before,
            reconnects=self._attempts.reconnects,
        )
        client.botocore.meta.events.register("response-received", self._attempts.after)
        return client

    def _session_of(self, role: str) -> AwsSession:
        if not role:
            return self._session
        with self._roles.use(role) as session:
            return session

    def _role_session(self, arn: str) -> AwsSession:
        from extension.aws.roles import Role  # noqa: PLC0415  # only where a role is asked for

        role = Role(
            arn, ask=self._assume, on_secret=self._credentials.on_secret, clock=SystemClock()
        )
        return self._builder.session(role)

    def _build_sts(self, region: str) -> Client:
        from extension.aws import roles  # noqa: PLC0415  # likewise

        return self._builder.build(
            STS,
            region=region,
            session=self._session,
            limits=roles.limits(
                deadline_s=min(self._deadline_s.values()), connections=self._connections
            ),
            before_attempt=self._attempts.check_abandoned,
        )

    def _assume(self, arn: str) -> Mapping[str, Any]:
        """Return the credentials of a role, in the thread of the call that needs them."""
        from extension.aws import roles  # noqa: PLC0415  # likewise

        arguments = {"RoleArn": arn, "RoleSessionName": roles.session_name(self._sandbox)}
        if external_id := self._aws.role_external_id:
            arguments["ExternalId"] = external_id
        try:
            with self._sts.use(self.region) as sts:
                answer = self._attempts.ask(sts, "assume_role", arguments)
        except UpstreamError as error:
            error.reason = error.reason or roles.reason_of_refusal(error.code, arn)
            error.message = error.message or error.reason
            raise
        credentials: Mapping[str, Any] = answer.get("Credentials", {})
        return credentials
