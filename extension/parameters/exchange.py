"""One request from its headers to its reply: token, readiness, query, lookup, response."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from extension.http.messages import Reply
from extension.parameters import access, request, response
from extension.parameters.answer import Result, Served
from extension.aws.errors import Rejection, UpstreamError
from extension.parameters.hooks import GuardedHooks
from extension.parameters.lookup import Lookup
from extension.parameters.request import Query
from extension.parameters.tokens import Tokens
from extension.process.clock import Clock

LONGEST_TRACEPARENT = 128
"""Characters: version 00 has 55, later ones may be longer."""


class Exchange:
    """Answers requests; `ready` and `keeps` are asked at each one."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        lookup: Lookup,
        ready: Callable[[], bool],
        keeps: Callable[[], bool],
        json_errors: bool,
        clock: Clock,
        hooks: GuardedHooks,
    ) -> None:
        self._tokens = tokens
        self._lookup = lookup
        self._ready = ready
        self._keeps = keeps
        self._json_errors = json_errors
        self._clock = clock
        self._hooks = hooks

    async def reply(self, method: str, target: str, headers: Mapping[str, str]) -> Reply:
        """Return the reply to one request; raises nothing that a caller could cause."""
        if target == "/ping" and method == "GET":
            return response.HEALTHY
        if not await self._tokens.admits(access.given_token(headers)):
            return response.refusal(access.UNAUTHORIZED)
        as_json = self._json_errors or headers.get("accept") == response.JSON
        query = access.refusal(headers, target) or request.read(method, target)
        if not isinstance(query, Rejection) and not self._ready():
            query = response.NOT_READY
        if isinstance(query, Rejection):
            return response.refusal(query, as_json=as_json)
        try:
            served = await self._look_up(query, headers.get("traceparent"))
        except UpstreamError as error:
            return response.failure(error, as_json=as_json)
        return response.success(served, query, as_json=as_json)

    async def _look_up(self, query: Query, traceparent: str | None) -> Served:
        if traceparent is not None and len(traceparent) > LONGEST_TRACEPARENT:
            traceparent = None
        began = self._clock.now()
        try:
            served = await self._lookup.get(query, traceparent=traceparent, keep=self._keeps())
        except UpstreamError:
            waited_s = self._clock.now().since(began)
            self._hooks.answer(Result.ERROR, age_s=0.0, waited_s=waited_s)
            raise
        waited_s = 0.0 if served.result is Result.HIT else self._clock.now().since(began)
        self._hooks.answer(served.result, age_s=served.age_s, waited_s=waited_s)
        return served
