"""Fetches a key from AWS: one or more operations within one deadline, and the body for callers.

Where a secret has replicas, a region gets its share of the time that is left, and the next one is
asked after a failure that passes: throttling, a fault, no answer, no connection. A refusal by AWS
is final.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from math import inf
from typing import NamedTuple, TypeVar

from extension.aws.arns import in_region
from extension.aws.call import STS, Answer, Call, Service
from extension.aws.calls import Calls
from extension.aws.errors import TIMEOUT, UNUSABLE, UpstreamError
from extension.parameters.answer import parameter_body, parameters_of, path_body, secret_body
from extension.parameters.hooks import Hooks, parameter_values, secret_values
from extension.parameters.keys import Key, ParameterKey, PathKey, SecretKey
from extension.parameters.replicas import Replicas
from extension.process.waits import TimeLimit

T = TypeVar("T")

Ask = Callable[[TimeLimit], Awaitable[T]]
"""Makes calls within a limit."""

MAX_PAGES = 100
"""Pages of 10 parameters that one getByPath reads: together as many as the cache has entries."""


class _Asking(NamedTuple):
    """What the calls of one fetch have in common: what caused it, and what ends it."""

    traceparent: str | None
    limits: tuple[TimeLimit, ...]


class Upstream:
    """Fetches keys; every fetch ends by the deadline of its service.

    A fetch that fails after a freeze is repeated once with a new deadline: its connections may be
    dead, and its attempts used up. `regions` have replicas of the secrets. `at_most_s` returns how
    long a fetch may take at this moment, where that is less than the deadline.
    """

    def __init__(
        self,
        calls: Calls,
        *,
        deadline_s: Mapping[Service, float],
        hooks: Hooks,
        regions: Sequence[str] = (),
        at_most_s: Callable[[], float] = lambda: inf,
    ) -> None:
        self._calls = calls
        self._replicas = Replicas(regions, own=calls.region)
        self._deadline_s = deadline_s
        self._at_most_s = at_most_s
        self._hooks = hooks

    async def fetch(self, key: Key, *, traceparent: str | None = None) -> bytes:
        """Return the body for one key; raises UpstreamError."""
        return await self._in_time(
            key.service, lambda limit: self._tried(key, _Asking(traceparent, (limit,)))
        )

    async def fetch_parameters(
        self, names: list[str], *, decrypt: bool, traceparent: str | None = None
    ) -> Answer:
        """Return the GetParameters answer for up to ten names; raises UpstreamError."""
        return await self._in_time(
            Service.SSM,
            lambda limit: self._parameters(names, _Asking(traceparent, (limit,)), decrypt=decrypt),
        )

    async def next_rotation(self, key: SecretKey) -> datetime | None:
        """Return when a secret is rotated next, None if it is not; raises UpstreamError."""
        return await self._in_time(
            key.service, lambda limit: self._rotation(key, _Asking(None, (limit,)))
        )

    def is_at_home(self, key: Key) -> bool:
        """Whether the function's own region is asked, and as its own role."""
        return not key.role and self._regions(key) == [self._replicas.own]

    def _regions(self, key: Key) -> list[str]:
        return self._replicas.order(key, now=self._calls.clock.now())

    async def _tried(self, key: Key, asking: _Asking) -> bytes:
        """Ask one region after the other; the failure of the first is that of all."""
        failures: list[UpstreamError] = []
        regions = self._regions(key)
        for left, region in zip(range(len(regions), 0, -1), regions, strict=True):
            try:
                body = await self._from(region, key, asking, left=left, is_alone=len(regions) == 1)
            except UpstreamError as error:
                failures.append(error)
                if not error.transient or error.service == STS:
                    break  # another region would give the same answer
                self._replicas.note_failure(region, now=self._calls.clock.now())
            else:
                self._replicas.note_answer(region)
                return body
        raise failures[0]

    async def _from(
        self, region: str, key: Key, asking: _Asking, *, left: int, is_alone: bool
    ) -> bytes:
        """Ask one of the regions that are left, for its share of the time that is left."""
        if left == 1:
            return await self._body(key, region, asking, is_alone=is_alone)
        [limit] = asking.limits
        try:
            async with TimeLimit(limit.left_s / left, clock=self._calls.clock) as share:
                asking = asking._replace(limits=(limit, share))
                return await self._body(key, region, asking, is_alone=is_alone)
        except TimeoutError:
            message = "no answer in the share of a region"
            raise UpstreamError(
                TIMEOUT, message=message, service=key.service, transient=True
            ) from None

    async def _body(self, key: Key, region: str, asking: _Asking, *, is_alone: bool) -> bytes:
        try:
            match key:
                case ParameterKey():
                    return await self._parameter(key, region, asking)
                case SecretKey():
                    return await self._secret(key, region, asking, is_alone=is_alone)
                case PathKey():
                    return await self._path(key, region, asking)
        except UpstreamError:
            raise
        except Exception as error:  # what parses, and is no answer of AWS all the same
            raise UpstreamError(UNUSABLE, service=key.service, transient=True) from error

    async def _run(self, call: Call, asking: _Asking) -> Answer:
        traceparent, limits = asking
        return await self._calls.run(call, traceparent=traceparent, limits=limits)

    async def _parameters(self, names: list[str], asking: _Asking, *, decrypt: bool) -> Answer:
        call = Call(
            service=Service.SSM,
            operation="GetParameters",
            name=",".join(names),
            arguments={"Names": names, "WithDecryption": decrypt},
            region=self._replicas.own,
        )
        answer = await self._run(call, asking)
        self._report_values(parameters_of(answer), decrypted=decrypt)
        return answer

    async def _parameter(self, key: ParameterKey, region: str, asking: _Asking) -> bytes:
        call = Call(
            service=Service.SSM,
            operation="GetParameter",
            name=key.name,
            arguments={"Name": key.name, "WithDecryption": key.decrypt},
            region=region,
            role=key.role,
        )
        answer = await self._run(call, asking)
        body = parameter_body(answer)
        self._report_values([answer["Parameter"]], decrypted=key.decrypt)
        return body

    async def _secret(
        self, key: SecretKey, region: str, asking: _Asking, *, is_alone: bool
    ) -> bytes:
        arguments = {
            "SecretId": in_region(key.name, region),
            "VersionId": key.version_id,
            "VersionStage": key.version_stage,
        }
        call = Call(
            service=Service.SECRETS_MANAGER,
            operation="GetSecretValue",
            name=key.name,
            arguments={name: value for name, value in arguments.items() if value is not None},
            region=region,
            role=key.role,
            reconnects=is_alone,
        )
        answer = await self._run(call, asking)
        body = secret_body(answer)
        for value in secret_values(answer):
            self._hooks.value(value)
        return body

    async def _rotation(self, key: SecretKey, asking: _Asking) -> datetime | None:
        region = self._regions(key)[0]
        call = Call(
            service=Service.SECRETS_MANAGER,
            operation="DescribeSecret",
            name=key.name,
            arguments={"SecretId": in_region(key.name, region)},
            region=region,
            role=key.role,
        )
        answer = await self._run(call, asking)
        date = answer.get("NextRotationDate")
        return date if isinstance(date, datetime) else None

    async def _path(self, key: PathKey, region: str, asking: _Asking) -> bytes:
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
                region=region,
                role=key.role,
            )
            answer = await self._run(call, asking)
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

    async def _in_time(self, service: Service, ask: Ask[T]) -> T:
        limit = self._limit(service)
        try:
            return await self._within(limit, service, ask)
        except UpstreamError as error:
            if not (limit.was_frozen and error.transient):
                raise
        return await self._within(self._limit(service), service, ask)

    def _limit(self, service: Service) -> TimeLimit:
        seconds = min(self._deadline_s[service], self._at_most_s())
        return TimeLimit(seconds, clock=self._calls.clock)

    async def _within(self, limit: TimeLimit, service: Service, ask: Ask[T]) -> T:
        message = f"no answer within {limit.left_s:g} s"
        try:
            async with limit:
                return await ask(limit)
        except TimeoutError:
            raise UpstreamError(TIMEOUT, message=message, service=service, transient=True) from None
