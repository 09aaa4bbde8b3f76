"""What the cache reports to the rest of the process: values to redact, calls to AWS, answers.

Every hook is optional and called on the event loop; what it raises is logged and never reaches the
caller of the cache.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from extension.aws.call import Answer, CompletedCall
from extension.parameters.answer import Result
from extension.parameters.keys import Key, SecretKey
from extension.process.log import Log

MOST_EARLY = 256
"""Calls and answers that are kept for hooks that come later."""


class Value(NamedTuple):
    """One value in an answer; `secure`: it was encrypted, and is decrypted here."""

    name: str
    value: str | bytes
    secure: bool


class OnValue(Protocol):
    """Called with each value from AWS; `secure`: a secret, or a parameter that was decrypted."""

    def __call__(self, name: str, value: str | bytes, *, secure: bool) -> None:
        """Take note of a value."""


class OnAnswer(Protocol):
    """Called for each GET that was answered with a value, or with an upstream error."""

    def __call__(self, result: Result, *, age_s: float, waited_s: float) -> None:
        """Take note of an answer."""


class Hooks:
    """Callables that the rest of the process may assign at any time."""

    def __init__(self, *, log: Log) -> None:
        self._log = log
        self.on_value: OnValue | None = None
        self.on_kept: Callable[[Key, Sequence[Value]], None] | None = None
        """Called with the values that a cache entry holds from now on: none once it is gone."""
        self.on_upstream_call: Callable[[CompletedCall], None] | None = None
        self.on_answer: OnAnswer | None = None
        self._early: deque[Callable[[], None]] | None = None
        """What is to be reported once there are hooks for calls and answers; None: nothing is."""

    def keep_early(self) -> None:
        """Keep calls and answers until `hand_over`, the latest of them: telemetry opens later."""
        self._early = deque(maxlen=MOST_EARLY)

    def hand_over(
        self, *, on_upstream_call: Callable[[CompletedCall], None], on_answer: OnAnswer
    ) -> None:
        """Assign the hooks for calls and answers, and call them with what was kept, in order."""
        self.on_upstream_call, self.on_answer = on_upstream_call, on_answer
        early, self._early = self._early, None
        for report in early or ():
            report()

    def value(self, value: Value) -> None:
        """Report one value."""
        if (hook := self.on_value) is not None:
            self._call(lambda: hook(value.name, value.value, secure=value.secure))

    def kept(self, key: Key, body: bytes) -> None:
        """Report the values in a body that the cache has stored."""
        if (hook := self.on_kept) is not None:
            decrypted = isinstance(key, SecretKey) or key.decrypt
            self._call(lambda: hook(key, list(values_in(body, decrypted=decrypted))))

    def gone(self, key: Key) -> None:
        """Report that the cache has no entry for a key any more."""
        if (hook := self.on_kept) is not None:
            self._call(lambda: hook(key, ()))

    def upstream_call(self, call: CompletedCall) -> None:
        """Report one call."""
        if (hook := self.on_upstream_call) is not None:
            self._call(lambda: hook(call))
        elif self._early is not None:
            self._early.append(partial(self.upstream_call, call))

    def answer(self, result: Result, *, age_s: float, waited_s: float) -> None:
        """Report one answer."""
        if (hook := self.on_answer) is not None:
            self._call(lambda: hook(result, age_s=age_s, waited_s=waited_s))
        elif self._early is not None:
            self._early.append(partial(self.answer, result, age_s=age_s, waited_s=waited_s))

    def _call(self, hook: Callable[[], None]) -> None:
        try:
            hook()
        except Exception as error:  # noqa: BLE001  # a fault elsewhere must not fail a GET
            self._log.error("hook failed", error=type(error).__name__)


def parameter_values(parameter: Answer, *, decrypted: bool) -> Iterator[Value]:
    """Yield the values in one parameter; a reference to a secret holds it twice."""
    secure = decrypted and parameter.get("Type") == "SecureString"
    values = [parameter.get("Value"), *_referenced(parameter.get("SourceResult"))]
    for value in values:
        if value:
            yield Value(parameter.get("Name", ""), value, secure)


def _referenced(source: str | None) -> Iterator[str | bytes]:
    """Yield the secret in Secrets Manager's answer in JSON, without the names and dates."""
    try:
        answer = json.loads(source or "{}")
        fields = {str(name).lower(): value for name, value in answer.items()}
        secret, binary = fields.get("secretstring"), fields.get("secretbinary")
        if isinstance(secret, str):
            yield secret
        if isinstance(binary, str):
            yield b64decode(binary)
    except (ValueError, AttributeError, RecursionError):
        yield source or ""  # no such answer: all of it is secret


def secret_values(answer: Answer) -> Iterator[Value]:
    """Yield the values in one secret."""
    for field in ("SecretString", "SecretBinary"):
        if answer.get(field):
            yield Value(answer.get("Name", ""), answer[field], secure=True)


def values_in(body: bytes, *, decrypted: bool) -> Iterator[Value]:
    """Yield the values in a body, exactly as from the answer that the body was made of."""
    answer = _present(json.loads(body))
    for each in answer.get("Parameters", [answer.get("Parameter", {})]):
        yield from parameter_values(_present(each), decrypted=decrypted)
    if "SecretBinary" in answer:
        answer["SecretBinary"] = b64decode(answer["SecretBinary"])
    yield from secret_values(answer)


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
