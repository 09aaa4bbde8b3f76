"""Where the rest of the process may listen: values to redact, upstream calls, answers.

Every hook is optional and called on the event loop; one that fails is told once and never
reaches the caller of the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from extension.parameters.answer import Result, Value, values_in
from extension.parameters.keys import Key, SecretKey, Service
from extension.process.clock import Instant
from extension.process.frozen import Frozen
from extension.process.log import Log


class UpstreamCall(Frozen):
    """One call to AWS, all its attempts together.

    `code` is empty for success, else AWS's error code or one of ours; `traceparent` is that of the
    request that caused the call, None for a prefetch.
    """

    service: Service
    operation: str
    name: str
    started_at: Instant
    ended_at: Instant
    attempts: int
    throttles: int
    code: str
    request_id: str
    traceparent: str | None


class OnValue(Protocol):
    """Told of each value that arrives; `secure`: a secret, or a parameter that was decrypted."""

    def __call__(self, name: str, value: str | bytes, *, secure: bool) -> None:
        """Take note of a value."""


class OnAnswer(Protocol):
    """Told of each GET that was answered with a value, or with an upstream error."""

    def __call__(self, result: Result, *, age_s: float, waited_s: float) -> None:
        """Take note of an answer."""


class Hooks:
    """The callables that were plugged in; assign them at any time."""

    def __init__(self) -> None:
        self.on_value: OnValue | None = None
        self.on_kept: Callable[[Key, Sequence[Value]], None] | None = None
        """What an entry of the cache holds from now on: nothing once it is gone."""
        self.on_upstream_call: Callable[[UpstreamCall], None] | None = None
        self.on_answer: OnAnswer | None = None


class GuardedHooks:
    """Calls hooks for the rooms of this job; what a hook raises ends here."""

    def __init__(self, hooks: Hooks, *, log: Log) -> None:
        self._hooks = hooks
        self._log = log

    def value(self, value: Value) -> None:
        """Hand over one value."""
        if (hook := self._hooks.on_value) is not None:
            self._call(lambda: hook(value.name, value.value, secure=value.secure))

    def kept(self, key: Key, body: bytes) -> None:
        """Hand over the values in a body that the cache has taken."""
        if (hook := self._hooks.on_kept) is not None:
            decrypted = isinstance(key, SecretKey) or key.decrypt
            self._call(lambda: hook(key, list(values_in(body, decrypted=decrypted))))

    def gone(self, key: Key) -> None:
        """Say that the cache has no entry for a key any more."""
        if (hook := self._hooks.on_kept) is not None:
            self._call(lambda: hook(key, ()))

    def upstream_call(self, call: UpstreamCall) -> None:
        """Hand over one call."""
        if (hook := self._hooks.on_upstream_call) is not None:
            self._call(lambda: hook(call))

    def answer(self, result: Result, *, age_s: float, waited_s: float) -> None:
        """Hand over one answer."""
        if (hook := self._hooks.on_answer) is not None:
            self._call(lambda: hook(result, age_s=age_s, waited_s=waited_s))

    def _call(self, hook: Callable[[], None]) -> None:
        try:
            hook()
        except Exception as error:  # noqa: BLE001  # another room's fault must not fail a GET
            self._log.error("hook failed", error=type(error).__name__)
