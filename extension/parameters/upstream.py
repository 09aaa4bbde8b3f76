"""Fetches a key from AWS: one or more operations within one deadline, and the body for callers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from extension.aws.call import Answer, Call, Service
from extension.aws.calls import Calls
from extension.aws.errors import TIMEOUT, UNUSABLE, UpstreamError
from extension.parameters.answer import parameter_body, parameters_of, path_body, secret_body
from extension.parameters.hooks import Hooks, parameter_values, secret_values
from extension.parameters.request import Key, ParameterKey, PathKey, SecretKey
from extension.process.waits import TimeLimit

T = TypeVar("T")

MAX_PAGES = 100
"""Pages of 10 parameters that one getByPath reads: together as many as the cache has entries."""


class Upstream:
    """Fetches keys; every fetch ends by the deadline of its service.

    A fetch that fails after a freeze is repeated once with a new deadline: its connections may be
    dead, and its attempts used up.
    """

    def __init__(
        self,
        calls: Calls,
        *,
        deadline_s: Mapping[Service, float],
        hooks: Hooks,
    ) -> None:
        self._calls = calls
        self._deadline_s = deadline_s
        self._hooks = hooks

    async def fetch(self, key: Key, *, traceparent: str | None = None) -> bytes:
        """Return the body for one key; raises UpstreamError."""
        return await self._in_time(key.service, lambda: self._body(key, traceparent))

    async def fetch_parameters(
        self, names: list[str], *, decrypt: bool, traceparent: str | None = None
    ) -> Answer:
        """Return the GetParameters answer for up to ten names; raises UpstreamError."""
        return await self._in_time(
            Service.SSM, lambda: self._parameters(names, decrypt=decrypt, traceparent=traceparent)
        )

    async def _body(self, key: Key, traceparent: str | None) -> bytes:
        match key:
            case ParameterKey():
                return await self._parameter(key, traceparent)
            case SecretKey():
                return await self._secret(key, traceparent)
            case PathKey():
                return await self._path(key, traceparent)

    async def _parameters(
        self,
        names: list[str],
        *,
        decrypt: bool,
        traceparent: str | None,
    ) -> Answer:
        call = Call(
            service=Service.SSM,
            operation="GetParameters",
            name=",".join(names),
            arguments={"Names": names, "WithDecryption": decrypt},
        )
        answer = await self._calls.run(call, traceparent=traceparent)
        self._report_values(parameters_of(answer), decrypted=decrypt)
        return answer

    async def _parameter(self, key: ParameterKey, traceparent: str | None) -> bytes:
        call = Call(
            service=Service.SSM,
            operation="GetParameter",
            name=key.name,
            arguments={"Name": key.name, "WithDecryption": key.decrypt},
        )
        answer = await self._calls.run(call, traceparent=traceparent)
        body = parameter_body(answer)
        self._report_values([answer["Parameter"]], decrypted=key.decrypt)
        return body

    async def _secret(self, key: SecretKey, traceparent: str | None) -> bytes:
        arguments = {
            "SecretId": key.name,
            "VersionId": key.version_id,
            "VersionStage": key.version_stage,
        }
        call = Call(
            service=Service.SECRETS_MANAGER,
            operation="GetSecretValue",
            name=key.name,
            arguments={name: value for name, value in arguments.items() if value is not None},
        )
        answer = await self._calls.run(call, traceparent=traceparent)
        body = secret_body(answer)
        for value in secret_values(answer):
            self._hooks.value(value)
        return body

    async def _path(self, key: PathKey, traceparent: str | None) -> bytes:
        arguments = {
            "Path": key.name,
            "Recursive": key.recursive,
            "WithDecryption": key.decrypt,
        }
        parameters: list[Answer] = []
        for _ in range(MAX_PAGES):
            call = Call(
                service=Service.SSM,
                operation="GetParametersByPath",
                name=key.name,
                arguments=arguments,
            )
            answer = await self._calls.run(call, traceparent=traceparent)
            parameters += parameters_of(answer)
            if not answer.get("NextToken"):
                self._report_values(parameters, decrypted=key.decrypt)
                return path_body(parameters)
            arguments = {**arguments, "NextToken": answer["NextToken"]}
        raise UpstreamError(
            UNUSABLE, message=f"more than {MAX_PAGES} pages under the path", service=Service.SSM
        )

    def _report_values(self, parameters: list[Answer], *, decrypted: bool) -> None:
        for parameter in parameters:
            for value in parameter_values(parameter, decrypted=decrypted):
                self._hooks.value(value)

    async def _in_time(self, service: Service, ask: Callable[[], Awaitable[T]]) -> T:
        limit = TimeLimit(self._deadline_s[service], clock=self._calls.clock)
        try:
            return await self._within(limit, service, ask)
        except UpstreamError as error:
            if not (limit.was_frozen and error.transient):
                raise
        again = TimeLimit(self._deadline_s[service], clock=self._calls.clock)
        return await self._within(again, service, ask)

    async def _within(
        self, limit: TimeLimit, service: Service, ask: Callable[[], Awaitable[T]]
    ) -> T:
        try:
            async with limit:
                return await ask()
        except TimeoutError:
            message = f"no answer within {self._deadline_s[service]:g} s"
            raise UpstreamError(TIMEOUT, message=message, service=service, transient=True) from None
