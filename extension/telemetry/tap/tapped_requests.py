"""PURE: pairs copied messages by request id, and reads them when their invocation is asked for.

Some runtimes post a response on another connection than that of `/next`, and on Managed Instances
many invocations run at once, so only the request id says what belongs together. Messages come in
any order, twice, or not at all: the first of each kind counts, and what is missing costs a detail.

An event is read as late as possible, because the function starts when its copy arrives. What waits
unread is bounded, and so is the number of requests: the oldest is read, or forgotten.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from extension.process.clock import NS_PER_MS
from extension.process.frozen import replace
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.tap.answer import read_answer
from extension.telemetry.tap.cause import DEFAULT_OPTIONS, Cause, CauseOptions, read_cause
from extension.telemetry.tap.copied_message import Copied, Message, read_message
from extension.telemetry.tap.reported_error import read_error, read_trailers, shorten
from extension.telemetry.tap.tapped import Tapped
from extension.telemetry.tap.trace_context import RemoteSpan

MAX_UNREAD_BYTES = 2 * 1_048_576
MAX_REQUESTS = 64
MAX_CONCURRENT_REQUESTS = 1024
"""On Managed Instances, as many as may be open."""

MAX_INIT_ERRORS = 8
INIT_SLACK_NS = 100 * NS_PER_MS
"""How much later than the init's end its error may be dated: the platform gives the end in whole
milliseconds, and the pump notes its own time for the copy of the error."""

MISSES = 2
"""After so many invocations without an event, none is expected: the runtime is not tapped."""

NO_CAUSE = Cause(source="", trigger="other")
"""For a response whose event was not copied: only its size is read."""

Clean = Callable[[str], str]


class Copies:
    """The messages of one request that were copied and not read yet, and what was read."""

    def __init__(self) -> None:
        self.tapped = Tapped()
        self.event: Message | None = None
        self.results: list[Message] = []

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
        self._requests: OrderedDict[str, Copies] = OrderedDict()
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
            self._init_errors.append((last_ns, self._clean_error(error)))
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

    def awaits(self, request_id: str) -> bool:
        """Tell whether the event of a request may still come."""
        self.catch_up()
        known = self._requests.get(request_id)
        has_cause = known is not None and (known.event or known.tapped.cause)
        return not has_cause and self._missed < MISSES

    def of(self, request_id: str) -> Tapped:
        """Return what is known of a request."""
        self.catch_up()
        copies = self._requests.get(request_id)
        return self._read(copies) if copies else Tapped()

    def settle(self, request_id: str) -> Tapped:
        """Return what is known of a request whose span leaves, and forget it."""
        tapped = self.of(request_id)
        self._requests.pop(request_id, None)
        self._missed = 0 if tapped.cause else self._missed + 1
        return tapped

    def init_error(self, *, start_ns: int, end_ns: int) -> tuple[int, HandlerError] | None:
        """Return when and what the runtime reported of an init or a restore, if it did."""
        self.catch_up()
        reported = (each for each in self._init_errors if start_ns <= each[0])
        return next((each for each in reported if each[0] <= end_ns + INIT_SLACK_NS), None)

    def _take_event(self, message: Message, *, at_ns: int) -> None:
        copies = self._get(message.request_id)
        if copies.event or copies.tapped.cause:
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
        copies = self._requests.get(request_id)
        if copies is None:
            copies = self._requests[request_id] = Copies()
            if len(self._requests) > self._most:
                _, oldest = self._requests.popitem(last=False)
                self.unread_bytes -= oldest.unread_bytes
        return copies

    def _hold(self, message: Message) -> None:
        """Let a message wait; the oldest are read if there are too many."""
        self.unread_bytes += len(message.body.head) + len(message.body.tail)
        for copies in self._requests.values():
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
            return replace(tapped, cause=self._clean_cause(cause))
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
        return replace(tapped, error=self._clean_error(error))

    def _clean_cause(self, cause: Cause) -> Cause:
        attributes = {name: self._clean_value(value) for name, value in cause.attributes.items()}
        return replace(
            cause,
            name=self._clean(cause.name),
            attributes=attributes,
            parent=self._clean_parent(cause.parent),
        )

    def _clean_parent(self, parent: RemoteSpan | None) -> RemoteSpan | None:
        """Leave out a state with a secret in it: without one it is no state any more."""
        state = parent.trace_state if parent else ""
        return parent._replace(trace_state="") if parent and self._clean(state) != state else parent

    def _clean_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._clean(value)
        if isinstance(value, list | tuple):
            return [self._clean_value(each) for each in value]
        return value

    def _clean_error(self, error: HandlerError) -> HandlerError:
        texts = {name: self._clean(text) for name, text in vars(error).items()}
        return shorten(replace(error, **texts))
