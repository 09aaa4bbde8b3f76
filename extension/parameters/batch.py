"""Parameters that are missed within a few milliseconds share one GetParameters call.

Opt-in, because it needs `ssm:GetParameters`; once that is denied, single calls are made instead.
If AWS refuses a batch because of one name (GetParameters fails as a whole if one value cannot be
decrypted, or may not be read), its names are asked for one by one. What is refused alone, too, was
the cause, and is not put into a batch until it is given; only where nothing is, the permission is
missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from extension.aws.call import Answer, Service
from extension.aws.errors import UNUSABLE, UpstreamError
from extension.parameters.answer import parameter_body
from extension.parameters.keys import ParameterKey
from extension.parameters.upstream import Upstream
from extension.process.log import Log

WINDOW_S = 0.003
"""How long the first key of a batch waits for others: a burst in a function's init fits into it."""

MOST_NAMES = 10
"""Most names that GetParameters accepts."""

REFERENCES = "/aws/reference/"
"""Parameters that stand for a secret."""

NOT_FOUND = "ParameterNotFound"
DENIED = "AccessDeniedException"
ACTION = "ssm:GetParameters"
"""What the message of a denial names; where a value cannot be decrypted, it is about a KMS key."""

MOST_REFUSED = 1000
"""Names that are known to be refused: as many as the cache has entries."""

Waiting = dict[ParameterKey, asyncio.Future[bytes]]


class Leave:
    """What AWS allows of batches, as far as is known; several gatherers of keys share it."""

    def __init__(self) -> None:
        self.is_given = True
        """Whether it allows any."""
        self.refused: set[str] = set()
        """The names that it refuses, by which a batch would fail."""

    def note_refused(self, names: Iterable[str]) -> None:
        """Note names that were refused alone."""
        for name in names:
            if len(self.refused) >= MOST_REFUSED:
                self.refused.clear()
            self.refused.add(name)


class Batch:
    """Gathers keys, and gives each caller its own answer."""

    def __init__(self, upstream: Upstream, *, log: Log, leave: Leave | None = None) -> None:
        self._upstream = upstream
        self._log = log
        self._leave = leave or Leave()
        self._gathering: dict[bool, Waiting] = {}
        self._calls: set[asyncio.Task[None]] = set()

    async def fetch(self, key: ParameterKey, *, traceparent: str | None) -> bytes:
        """Return the body for one key, fetched alone or in a batch."""
        gathering = self._gathering.setdefault(key.decrypt, {})
        is_refused = key.name in self._leave.refused
        alone = is_refused or goes_alone(key.name) or not self._upstream.is_at_home(key)
        if not self._leave.is_given or alone or key in gathering:
            body = await self._upstream.fetch(key, traceparent=traceparent)
            self._leave.refused.discard(key.name)
            return body
        loop = asyncio.get_running_loop()
        if not gathering:
            loop.call_later(WINDOW_S, self._send, gathering, key.decrypt, traceparent)
        gathering[key] = loop.create_future()
        future = gathering[key]
        if len(gathering) == MOST_NAMES:
            self._send(gathering, key.decrypt, traceparent)
        return await future

    def _send(self, waiting: Waiting, decrypt: bool, traceparent: str | None) -> None:  # noqa: FBT001  # call_later passes arguments by position
        """Send a batch, unless it was sent already because it was full."""
        if self._gathering.get(decrypt) is not waiting:
            return
        del self._gathering[decrypt]
        call = asyncio.create_task(self._ask(waiting, decrypt=decrypt, traceparent=traceparent))
        self._calls.add(call)
        call.add_done_callback(self._landed)

    def _landed(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # retrieved here: the callers got it from their futures

    async def _ask(self, waiting: Waiting, *, decrypt: bool, traceparent: str | None) -> None:
        left, refusal = waiting, None
        try:
            if len(waiting) > 1:
                left, refusal = await self._together(
                    waiting, decrypt=decrypt, traceparent=traceparent
                )
            asking = (self._alone(key, left[key], traceparent) for key in left)
            errors = dict(zip(left, await asyncio.gather(*asking), strict=True))
            if refusal is not None:
                self._judge(refusal, [key.name for key in errors if _is_refusal(errors[key])])
        finally:
            # Whatever went wrong, no caller waits forever.
            _fail(waiting.values(), UpstreamError(UNUSABLE, service=Service.SSM, transient=True))

    async def _together(
        self, waiting: Waiting, *, decrypt: bool, traceparent: str | None
    ) -> tuple[Waiting, UpstreamError | None]:
        """Answer the keys that one call can answer; return the others, and why it was refused."""
        names = [key.name for key in waiting]
        try:
            answer = await self._upstream.fetch_parameters(
                names, decrypt=decrypt, traceparent=traceparent
            )
        except UpstreamError as error:
            if error.transient:
                _fail(waiting.values(), error)
                return {}, None
            return waiting, error
        return _hand_out(answer, waiting), None

    def _judge(self, refusal: UpstreamError, refused: list[str]) -> None:
        """Find out whether batches are denied, or names that were refused alone, too."""
        self._leave.note_refused(refused)
        is_about_action = refusal.code == DENIED and ACTION in refusal.message
        if is_about_action and not refused and self._leave.is_given:
            self._leave.is_given = False
            self._log.warning(
                "batching is off: allow ssm:GetParameters, or unset DISPATCH_CACHE_BATCH",
                code=refusal.code,
            )

    async def _alone(
        self, key: ParameterKey, future: asyncio.Future[bytes], traceparent: str | None
    ) -> UpstreamError | None:
        """Answer one key; return what it failed with."""
        try:
            body = await self._upstream.fetch(key, traceparent=traceparent)
        except UpstreamError as error:
            _fail([future], error)
            return error
        if not future.done():
            future.set_result(body)
        return None


def _is_refusal(error: UpstreamError | None) -> bool:
    """Whether AWS refuses a name, and not only has no value for it: that fails no batch."""
    return error is not None and not error.transient and error.code != NOT_FOUND


def goes_alone(name: str) -> bool:
    """Whether an answer of GetParameters could not be matched to this name.

    A reference to a secret is answered under the secret's name, and two selectors of one name
    (`name:3`, `name:label`) differ in a field that AWS need not send.
    """
    arn, _, resource = name.partition(":parameter/")
    local = resource if arn.startswith("arn:") else name
    return ":" in local or name.startswith(REFERENCES)


def _hand_out(answer: Answer, waiting: Waiting) -> Waiting:
    """Answer the keys that AWS found or does not know; return those missing from its answer."""
    by_name: dict[str, Answer] = {}
    for parameter in answer["Parameters"]:
        by_name[parameter.get("Name", "")] = parameter
        by_name[parameter.get("ARN", "")] = parameter
    unknown = set(answer.get("InvalidParameters", ()))
    left: Waiting = {}
    for key, future in waiting.items():
        if future.done():
            continue
        if key.name in by_name:
            future.set_result(parameter_body({"Parameter": by_name[key.name]}))
        elif key.name in unknown:
            _fail([future], UpstreamError(NOT_FOUND, service=Service.SSM))
        else:
            left[key] = future
    return left


def _fail(futures: Iterable[asyncio.Future[bytes]], error: UpstreamError) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
