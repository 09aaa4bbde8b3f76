"""PURE: pairs copied messages by request id, and reads them when their invocation is asked for.

Some runtimes post a response on another connection than that of `/next`, and on Managed Instances
many invocations run at once, so only the request id says what belongs together. Messages come in
any order, twice, or not at all: the first of each kind counts, and what is missing costs a detail.
An event that comes after a result is that of another attempt, which Lambda makes under the same id;
times distinguish attempts.

An event is read as late as possible, because the function starts when its copy arrives. What waits
unread is bounded, and so is the number of requests: the oldest is read, or forgotten. Secrets are
taken out when the span leaves, because the function may have fetched them meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import chain
from typing import TypeVar

from extension.process.clock import NS_PER_MS, NS_PER_S
from extension.process.frozen import replace
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.tap.answer import read_answer
from extension.telemetry.tap.cause import DEFAULT_OPTIONS, Cause, CauseOptions, read_cause
from extension.telemetry.tap.copied_message import Copied, Message, read_message
from extension.telemetry.tap.reported_error import read_error, read_trailers
from extension.telemetry.tap.tapped import Clean, Tapped, clean_cause, clean_error

MAX_UNREAD_BYTES = 2 * 1_048_576
MAX_REQUESTS = 64
MAX_CONCURRENT_REQUESTS = 1024
"""On Managed Instances, as many as may be open."""

MAX_INIT_ERRORS = 8
INIT_SLACK_NS = 100 * NS_PER_MS
"""How much later than the init's end its error may be dated: the platform gives the end in whole
milliseconds, and the pump notes its own time for the copy of the error."""

MOST_ATTEMPTS = 3
"""Of an asynchronous invocation, as Lambda makes at most."""

ATTEMPT_SLACK_NS = 30 * NS_PER_S
"""How much the platform's clock and the sandbox's may differ; Lambda waits for a minute before it
makes another attempt."""

MISSES = 2
"""After so many invocations without an event, none is expected: the runtime is not tapped."""

NO_CAUSE = Cause(source="", trigger="other")
"""For a response whose event was not copied: only its size is read."""

T = TypeVar("T")


class Copies:
    """The messages of one attempt that were copied and not read yet, and what was read."""

    def __init__(self) -> None:
        self.tapped = Tapped()
        self.event: Message | None = None
        self.results: list[Message] = []

    @property
    def has_event(self) -> bool:
        """Whether its event was copied."""
        return self.tapped.received_ns != 0

    @property
    def has_result(self) -> bool:
        """Whether a response or an error was copied."""
        return bool(self.tapped.first_byte_ns or self.tapped.error_ns)

    @property
    def unread_bytes(self) -> int:
        """What the messages take."""
        unread = [self.event, *self.results] if self.event else self.results
        return sum(len(each.body.head) + len(each.body.tail) for each in unread)


class TappedRequests:
    """The requests of one sandbox.

    `clean` takes the secrets out of a text. `on_fault` takes an exception of our own modules, which
    costs the message alone.
    """

    def __init__(
        self,
        *,
        options: CauseOptions = DEFAULT_OPTIONS,
        concurrent: bool = False,
        clean: Clean = lambda text: text,
        on_fault: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._options = options
        self._clean = clean
        self._on_fault = on_fault
        self._most = MAX_CONCURRENT_REQUESTS if concurrent else MAX_REQUESTS
        self._requests: OrderedDict[str, list[Copies]] = OrderedDict()
        """The attempts of each id, the latest at the end."""
        self.unread_bytes = 0
        """Of the messages that were not read yet."""
        self.catch_up: Callable[[], None] = lambda: None
        """Takes what has been copied by now; called before anything is said of a request."""
        self._missed = 0
        self._init_errors: deque[tuple[int, HandlerError]] = deque(maxlen=MAX_INIT_ERRORS)

    def take(self, copied: Copied, *, first_ns: int, last_ns: int, is_complete: bool) -> None:
        """Take the copy of a message, with the times of its first and last byte."""
        message = read_message(copied)
        if message.kind in ("init", "restore"):
            error = read_error(message.body, headers=message.headers)
            self._init_errors.append((last_ns, error))
        if not message.request_id:
            return
        if message.kind == "answer" and message.status == 200:
            self._missed = 0
            self._take_event(message, at_ns=last_ns)
        elif message.kind in ("response", "error"):
            self._take_result(message, first_ns=first_ns, last_ns=last_ns, is_complete=is_complete)

    def stop(self) -> None:
        """Learn that nothing is copied any more."""
        self._missed = MISSES

    def awaits(self, request_id: str, *, begun_ns: int = 0) -> bool:
        """Return whether the event of a request may still come."""
        self.catch_up()
        copies = self._find(request_id, begun_ns)
        return not (copies and copies.has_event) and self._missed < MISSES

    def of(self, request_id: str, *, begun_ns: int = 0) -> Tapped:
        """Return what is known of a request; its texts are not clean, so only ids may leave.

        `begun_ns`: when this attempt began, 0 if there is only one.
        """
        self.catch_up()
        copies = self._find(request_id, begun_ns)
        return self._read(copies) if copies else Tapped()

    def settle(self, request_id: str, *, begun_ns: int = 0) -> Tapped:
        """Return what is known of a request whose span leaves, without secrets, and forget it."""
        self.catch_up()
        copies = self._find(request_id, begun_ns)
        tapped = self._cleaned(self._read(copies)) if copies else Tapped()
        if copies:
            self._requests[request_id].remove(copies)
            if not self._requests[request_id]:
                del self._requests[request_id]
        self._missed = 0 if tapped.cause else self._missed + 1
        return tapped

    def init_error(self, *, start_ns: int, end_ns: int) -> tuple[int, HandlerError] | None:
        """Return when and what the runtime reported of an init or a restore, if it did."""
        self.catch_up()
        reported = (each for each in self._init_errors if start_ns <= each[0])
        found = next((each for each in reported if each[0] <= end_ns + INIT_SLACK_NS), None)
        clean = self._without_secrets(found[1], clean_error) if found else None
        return (found[0], clean) if found and clean else None

    def _take_event(self, message: Message, *, at_ns: int) -> None:
        copies = self._get(message.request_id)
        if copies.has_event and copies.has_result:
            copies = self._begin_attempt(message.request_id)
        elif copies.has_event:
            return
        copies.tapped = replace(copies.tapped, received_ns=at_ns)
        copies.event = message
        self._hold(message)

    def _take_result(
        self, message: Message, *, first_ns: int, last_ns: int, is_complete: bool
    ) -> None:
        copies = self._get(message.request_id)
        tapped = copies.tapped
        if message.kind == "error" or message.trailers:
            tapped = replace(tapped, error_ns=tapped.error_ns or last_ns)
        if message.kind == "response":
            if tapped.first_byte_ns:
                return
            tapped = replace(tapped, first_byte_ns=first_ns, has_responded=is_complete)
        copies.tapped = tapped
        copies.results.append(message)
        self._hold(message)

    def _get(self, request_id: str) -> Copies:
        """Return the latest attempt; the first one, if there is none."""
        attempts = self._requests.get(request_id)
        return attempts[-1] if attempts else self._begin_attempt(request_id)

    def _begin_attempt(self, request_id: str) -> Copies:
        copies = Copies()
        attempts = self._requests.setdefault(request_id, [])
        attempts.append(copies)
        gone = [attempts.pop(0)] if len(attempts) > MOST_ATTEMPTS else []
        if len(self._requests) > self._most:
            gone += self._requests.popitem(last=False)[1]
        self.unread_bytes -= sum(each.unread_bytes for each in gone)
        return copies

    def _find(self, request_id: str, begun_ns: int) -> Copies | None:
        """Return the attempt that began then, the latest if no time fits."""
        attempts = self._requests.get(request_id)
        if not attempts:
            return None
        since_ns = begun_ns - ATTEMPT_SLACK_NS
        later = (each for each in attempts if each.tapped.received_ns >= since_ns)
        return next(later, attempts[-1])

    def _hold(self, message: Message) -> None:
        """Let a message wait; the oldest are read if there are too many."""
        self.unread_bytes += len(message.body.head) + len(message.body.tail)
        for copies in chain.from_iterable(self._requests.values()):
            if self.unread_bytes <= MAX_UNREAD_BYTES:
                return
            self._read(copies)

    def _read(self, copies: Copies) -> Tapped:
        """Read what was copied since the last time."""
        event, results = copies.event, copies.results
        self.unread_bytes -= copies.unread_bytes
        copies.event, copies.results = None, []
        for each in filter(None, [event, *results]):
            try:
                copies.tapped = self._with(copies.tapped, each)
            except Exception as error:  # noqa: BLE001  # one message's, whatever is wrong with it
                self._on_fault(error)
        return copies.tapped

    def _with(self, tapped: Tapped, message: Message) -> Tapped:
        """Return what is known with one more message."""
        if message.kind == "answer":
            cause = read_cause(message.body, headers=message.headers, options=self._options)
            return replace(tapped, cause=cause)
        return self._with_result(tapped, message)

    def _with_result(self, tapped: Tapped, message: Message) -> Tapped:
        error: HandlerError | None
        if message.kind == "error":
            error = read_error(message.body, headers=message.headers)
        else:
            cause = tapped.cause or NO_CAUSE
            answer = read_answer(message.body, cause=cause, headers=message.headers)
            tapped = replace(tapped, answer=answer)
            error = read_trailers(message.trailers)
        if error is None or tapped.error:
            return tapped
        return replace(tapped, error=error)

    def _cleaned(self, tapped: Tapped) -> Tapped:
        """Return what is known without secrets; a part that cannot be cleaned is left out."""
        cause = self._without_secrets(tapped.cause, clean_cause)
        error = self._without_secrets(tapped.error, clean_error)
        return replace(tapped, cause=cause, error=error)

    def _without_secrets(self, part: T | None, clean: Callable[[T, Clean], T]) -> T | None:
        try:
            return None if part is None else clean(part, self._clean)
        except Exception as error:  # noqa: BLE001  # whatever is wrong, the span leaves
            self._on_fault(error)
            return None
