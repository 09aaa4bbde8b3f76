"""Doubles with behaviour for the seams of the extension: clock, ids, log sink, AWS."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from extension.aws.call import Call
from extension.aws.errors import UpstreamError
from extension.process.clock import NS_PER_S, Instant

NOON_NS = 1_767_268_800 * NS_PER_S
"""2026-01-01 12:00:00 UTC."""


@dataclass
class ManualClock:
    """A clock that moves on request; a freeze moves the wall clock alone."""

    wall_ns: int = NOON_NS
    monotonic_ns: int = 1_000 * NS_PER_S

    def now(self) -> Instant:
        """Return the moment it was set to."""
        return Instant(wall_ns=self.wall_ns, monotonic_ns=self.monotonic_ns)

    def advance(self, seconds: float) -> None:
        """Let both clocks run."""
        self.wall_ns += round(seconds * NS_PER_S)
        self.monotonic_ns += round(seconds * NS_PER_S)

    def freeze(self, seconds: float) -> None:
        """Let the wall clock run while the monotonic one stands still."""
        self.wall_ns += round(seconds * NS_PER_S)

    def set_back(self, seconds: float) -> None:
        """Let the monotonic clock run while the wall clock is corrected backwards."""
        self.wall_ns -= round(seconds * NS_PER_S)


@dataclass
class SequentialIds:
    """Ids 1, 2, 3 … so that a whole trace can be written down as a literal."""

    _traces: Iterator[int] = field(default_factory=lambda: count(1))
    _spans: Iterator[int] = field(default_factory=lambda: count(1))

    def trace_id(self) -> int:
        """Return the next trace id."""
        return next(self._traces)

    def span_id(self) -> int:
        """Return the next span id."""
        return next(self._spans)


@dataclass
class LogLines:
    """A log sink that keeps what was written."""

    lines: list[str] = field(default_factory=list)

    def __call__(self, line: str) -> None:
        """Keep one line."""
        self.lines.append(line)

    @property
    def parsed(self) -> list[dict[str, Any]]:
        """The lines as JSON objects."""
        return [json.loads(line) for line in self.lines]

    @property
    def messages(self) -> list[str]:
        """The messages alone."""
        return [line["message"] for line in self.parsed]


@dataclass
class DictSource:
    """AWS as a dictionary; `error`, if set, is what every call raises, `hold` lets them hang."""

    values: dict[str, str] = field(default_factory=dict)
    error: Exception | None = None
    calls: list[Call] = field(default_factory=list)
    tokens: tuple[str, ...] = ()
    region: str = "eu-central-1"
    _free: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.release()

    @property
    def operations(self) -> list[str]:
        """The operations of all calls so far."""
        return [call.operation for call in self.calls]

    def hold(self) -> None:
        """Let every call hang from now on, until `release`."""
        self._free.clear()

    def release(self) -> None:
        """Let the calls go on."""
        self._free.set()

    def call(self, call: Call) -> Mapping[str, Any]:
        """Answer a call as AWS would."""
        self.calls.append(call)
        call.attempts += 1
        self._free.wait()
        if self.error is not None:
            raise self.error
        match call.operation:
            case "GetParameter":
                return {"Parameter": self._parameter(call.name)}
            case "GetSecretValue":
                return {"ARN": "arn", "Name": call.name, "SecretString": self._value(call.name)}
            case "GetParameters":
                names = call.name.split(",")
                return {
                    "Parameters": [self._parameter(n) for n in names if n in self.values],
                    "InvalidParameters": [n for n in names if n not in self.values],
                }
        return {"Parameters": [self._parameter(n) for n in self.values if n.startswith(call.name)]}

    def session_tokens(self) -> tuple[str, ...]:
        """Return the tokens it was given."""
        if self.error is not None:
            raise self.error
        return self.tokens

    def _parameter(self, name: str) -> Mapping[str, Any]:
        return {"Name": name, "Type": "SecureString", "Value": self._value(name), "Version": 1}

    def _value(self, name: str) -> str:
        if name not in self.values:
            raise UpstreamError("NotFound", service="fake")
        return self.values[name]


def no_thread(*_: object) -> None:
    """Fail as the interpreter does where the sandbox has as many threads as it may have."""
    raise RuntimeError("can't start new thread")
