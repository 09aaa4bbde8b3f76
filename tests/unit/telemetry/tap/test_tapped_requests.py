"""Copies become what is known of an invocation, in whatever order and number they come."""

from __future__ import annotations

import base64
import json
from itertools import permutations

import pytest
from hypothesis import strategies as st

from extension.process.frozen import replace
from extension.telemetry.tap import names
from extension.telemetry.tap.tapped import Tapped
from extension.telemetry.tap.tapped_requests import (
    TappedRequests,
)
from tests.fuzz.budget import fuzz
from tests.platform_events import ns
from tests.tapped_messages import INVOCATION, Copy, error, event, give, init_error, response
from tests.unit.telemetry.tap.samples import REST, SAMPLES, SECRET, SPAN, SQS

FAILED = {"statusCode": 503, "body": "no tea"}
RAISED = {
    "errorType": "TeaError",
    "errorMessage": f"cold: {SECRET}",
    "stackTrace": ['  File "tea.py", line 2, in handler\n    raise TeaError\n'],
}


def test_event_and_response_of_a_request() -> None:
    """The cause, what the response says, and how long its first byte took."""
    requests = TappedRequests()
    give(requests, event("r", REST, at=1), response("r", FAILED, first=1.5, last=3))
    tapped = requests.of("r")
    assert tapped.cause is not None
    assert tapped.cause.parent is not None
    assert tapped.cause.parent.ids == SPAN
    assert (tapped.trigger, tapped.is_consumer) == ("http", False)
    assert (tapped.error_type, tapped.error, tapped.is_decided) == ("503", None, True)
    attributes = tapped.attributes(start_ns=ns(1))
    assert attributes[names.FIRST_BYTE_MS] == 500
    assert attributes[names.HTTP_STATUS_CODE] == 503
    assert attributes[names.RESPONSE_BYTES] == len('{"statusCode": 503, "body": "no tea"}')


def test_the_reported_error_is_read_whole_and_without_secrets() -> None:
    """Type, message and stack as the runtime wrote them."""
    requests = TappedRequests(clean=lambda text: text.replace(SECRET, "***"))
    give(requests, event("r", SQS), error("r", RAISED, at=2))
    tapped = requests.settle("r")
    assert tapped.error is not None
    assert (tapped.error.type, tapped.error.message) == ("TeaError", "cold: ***")
    assert 'File "tea.py", line 2' in tapped.error.stack
    assert tapped.error_ns == ns(2)
    assert tapped.is_decided


BOUNDS = (256, 1024, 4096)


@pytest.mark.parametrize(
    "before", [each - place for each in BOUNDS for place in range(len(SECRET) + 2)]
)
def test_no_part_of_a_secret_is_left_where_a_text_is_bounded(before: int) -> None:
    """Texts that are too long are left out, or cut when they have no secret any more."""
    text = "/" + "x" * before + SECRET
    requests = TappedRequests(clean=lambda text: text.replace(SECRET, "***"))
    identity = {"sourceIp": "1.2.3.4", "userAgent": text}
    context = {**REST["requestContext"], "identity": identity}
    caused = {**REST, "path": text, "requestContext": context}
    give(requests, event("r", caused), error("r", {"errorType": text, "errorMessage": "m"}))
    tapped = requests.settle("r")
    said = f"{tapped.attributes(start_ns=ns(1))} {tapped.error}"
    assert "correct" not in said


def test_no_secret_is_left_in_names_and_attributes() -> None:
    """Those that the cache knows may stand anywhere in an event."""
    requests = TappedRequests(clean=lambda text: text.replace("orders", "***"))
    give(requests, event("r", SQS))
    tapped = requests.settle("r")
    assert tapped.span_name == "process ***"
    assert "orders" not in str(tapped.attributes(start_ns=ns(1)))
    assert tapped.trigger == "pubsub"


def test_no_secret_is_left_in_a_trace_state() -> None:
    """It is text of the caller that goes out with the span."""
    requests = TappedRequests(clean=lambda text: text.replace("hunter2", "***"))
    headers = {"traceparent": f"00-{1:032x}-{2:016x}-01", "tracestate": "a=hunter2"}
    give(requests, event("r", {**REST, "multiValueHeaders": {}, "headers": headers}))
    cause = requests.settle("r").cause
    assert cause is not None
    assert cause.parent is not None
    assert (cause.parent.ids, cause.parent.trace_state) == ((1, 2), "")


def test_a_secret_that_is_fetched_meanwhile_is_hidden_too() -> None:
    """The function may fetch what its caller has sent, to compare it, after the event was read."""
    fetched: list[str] = []

    def clean(text: str) -> str:
        return text.replace(SECRET, "***") if fetched else text

    requests = TappedRequests(clean=clean)
    headers = {"traceparent": f"00-{1:032x}-{2:016x}-01", "tracestate": f"a={SECRET}"}
    called = {**REST, "path": f"/hook/{SECRET}", "multiValueHeaders": {}, "headers": headers}
    give(requests, event("r", called), error("r", RAISED), init_error(RAISED, at=1))
    assert requests.of("r").cause is not None
    fetched.append(SECRET)
    tapped = requests.settle("r")
    failed = requests.init_error(start_ns=ns(0), end_ns=ns(1))
    assert tapped.cause is not None
    assert tapped.cause.attributes[names.URL_PATH] == "/hook/***"
    assert tapped.error is not None
    assert SECRET not in f"{tapped.cause} {vars(tapped.error)} {failed and vars(failed[1])}"


def test_attempts_of_a_request_are_kept_apart() -> None:
    """The span of one may leave when the next one has begun, or has ended."""
    requests = TappedRequests()
    give(requests, event("r", SQS, at=1), error("r", RAISED, at=2), event("r", SQS, at=62))
    give(requests, response("r", {"batchItemFailures": []}, first=63))
    first = requests.settle("r", begun_ns=ns(1.5))
    assert (first.trigger, first.error_ns, first.has_responded) == ("pubsub", ns(2), False)
    assert not requests.awaits("r", begun_ns=ns(62))
    second = requests.settle("r", begun_ns=ns(62.5))
    assert (second.trigger, second.error, second.has_responded) == ("pubsub", None, True)
    assert second.first_byte_ns == ns(63)
    assert requests.unread_bytes == 0
    assert requests.awaits("r", begun_ns=ns(62))


def test_a_later_attempt_may_leave_first() -> None:
    """Time tells which one it is; where no time fits, it is the latest."""
    requests = TappedRequests()
    for minute in range(2):
        give(requests, event("r", SQS, at=60 * minute + 1))
        give(requests, response("r", {}, first=60 * minute + 2))
    assert requests.settle("r", begun_ns=ns(61)).first_byte_ns == ns(62)
    assert requests.settle("r", begun_ns=ns(3600)).first_byte_ns == ns(2)


def test_attempts_take_a_bounded_memory() -> None:
    """Lambda makes three; of more the oldest is forgotten."""
    requests = TappedRequests()
    for minute in range(5):
        give(requests, event("r", SQS, at=60 * minute + 1))
        give(requests, response("r", {}, first=60 * minute + 2))
    left = [requests.settle("r").first_byte_ns for _ in range(4)]
    assert left == [ns(122), ns(182), ns(242), 0]
    assert requests.unread_bytes == 0


def test_requests_that_run_at_once_are_kept_apart() -> None:
    """By their ids, whatever the order; the first of each kind counts."""
    copies = [event("a", REST), event("b", SQS), response("a", FAILED), error("b", RAISED)]
    for order in permutations(copies):
        requests = TappedRequests(concurrent=True)
        give(requests, *order, event("a", SQS), response("b", {"statusCode": 200}))
        a, b = requests.settle("a"), requests.settle("b")
        assert (a.trigger, a.error_type, a.error) == ("http", "503", None)
        assert (b.trigger, b.error and b.error.type) == ("pubsub", "TeaError")


def test_the_first_response_and_the_first_error_of_a_request_count() -> None:
    """A second one, which the Runtime API refuses, changes nothing of what the first has said."""
    requests = TappedRequests()
    again = error("r", {"errorType": "LateError", "errorMessage": "late"}, at=4)
    give(requests, event("r", REST), response("r", FAILED, first=1.5), error("r", RAISED, at=2))
    give(requests, response("r", {"statusCode": 200}, first=3, is_complete=False), again)
    tapped = requests.of("r")
    assert (tapped.error_type, tapped.first_byte_ns, tapped.has_responded) == ("503", ns(1.5), True)
    assert (tapped.error and tapped.error.type, tapped.error_ns) == ("TeaError", ns(2))


def test_the_first_event_of_a_request_counts() -> None:
    """Whether it was read by then or not."""
    for is_read in (False, True):
        requests = TappedRequests()
        give(requests, event("r", REST))
        if is_read:
            requests.of("r")
        give(requests, event("r", SQS, at=62))
        assert requests.of("r", begun_ns=ns(62)).trigger == "http"


def test_a_caller_is_looked_for_in_one_trace() -> None:
    """Its span is there, or in another trace."""
    requests = TappedRequests()
    give(requests, event("r", REST))
    tapped = requests.of("r")
    found = tapped.caller_in(SPAN[0])
    assert found is not None
    assert found.ids == SPAN
    assert tapped.caller_in(SPAN[0] + 1) is None
    assert Tapped().caller_in(SPAN[0]) is None


@pytest.mark.parametrize("lost", range(3))
def test_a_lost_copy_costs_what_it_would_have_told(lost: int) -> None:
    """The others tell theirs."""
    copies = [event("r", REST), response("r", FAILED), error("r", RAISED)]
    del copies[lost]
    requests = TappedRequests()
    give(requests, *copies)
    tapped = requests.of("r")
    assert (tapped.cause is not None) == (lost != 0)
    assert (tapped.answer is not None) == (lost != 1)
    assert (tapped.error is not None) == (lost != 2)


def test_a_response_without_its_event_has_a_size_alone() -> None:
    """What its status means depends on the source."""
    requests = TappedRequests()
    give(requests, response("r", FAILED, first=1.5))
    tapped = requests.of("r")
    assert (tapped.error_type, tapped.trigger, tapped.span_name) == ("", "", "")
    attributes = tapped.attributes(start_ns=ns(1))
    assert attributes[names.FIRST_BYTE_MS] == 500
    assert names.HTTP_STATUS_CODE not in attributes


def test_a_response_that_broke_off_decides_nothing() -> None:
    """The function may have failed after it began."""
    requests = TappedRequests()
    give(requests, event("r", REST), response("r", FAILED, is_complete=False))
    assert not requests.of("r").is_decided


def test_a_response_that_failed_on_its_way_has_an_error_and_its_time() -> None:
    """The runtime reports it in the trailers of the response."""
    requests = TappedRequests()
    body = base64.b64encode(json.dumps(RAISED).encode()).decode()
    lines = (
        f"POST {INVOCATION}/r/response HTTP/1.1", "Transfer-Encoding: chunked", "", "3", "tea", "0",
        f"Lambda-Runtime-Function-Error-Body: {body}", "", "",
    )  # fmt: skip
    give(requests, Copy(data="\r\n".join(lines).encode(), first=1.5, last=3))
    tapped = requests.of("r")
    assert (tapped.error and tapped.error.type, tapped.error_ns) == ("TeaError", ns(3))
    assert tapped.first_byte_ns == ns(1.5)


def test_a_copy_that_was_cut_is_read_as_far_as_it_goes() -> None:
    """The source stands at the end of a message."""
    requests = TappedRequests()
    give(requests, event("r", SQS).cut(head=300, tail=250))
    assert requests.unread_bytes > 250
    assert requests.of("r").trigger == "pubsub"
    assert requests.unread_bytes == 0
    assert requests.of("r").attributes(start_ns=ns(1))[names.CUT] is True


def test_messages_of_no_invocation_change_nothing() -> None:
    """Answers to posts, other routes, and what is no HTTP."""
    requests = TappedRequests()
    give(
        requests,
        event("", REST),
        response("r", FAILED).cut(head=5),
        event("r", REST).cut(head=20),
    )
    assert requests.of("r") == Tapped()
    assert requests.of("") == Tapped()


def test_an_answer_that_is_no_200_is_no_event() -> None:
    """The Runtime API refuses the request."""
    refused = event("r", REST)
    refused = replace(refused, data=refused.data.replace(b"200 OK", b"403 Forbidden"))
    requests = TappedRequests()
    give(requests, refused)
    assert requests.of("r") == Tapped()


def test_what_is_known_of_a_request_is_given_away_once() -> None:
    """A copy that comes later than the span makes no other."""
    requests = TappedRequests()
    give(requests, event("r", REST))
    assert requests.settle("r").trigger == "http"
    assert requests.of("r") == Tapped()


def test_requests_are_bounded_in_number() -> None:
    """The oldest are forgotten: their spans have left, or their ends were lost."""
    requests = TappedRequests()
    for number in range(65):
        give(requests, event(f"{number}", REST))
    assert requests.of("0") == Tapped()
    assert requests.of("1").trigger == "http"
    assert requests.of("64").trigger == "http"


def test_requests_whose_spans_have_left_are_not_counted() -> None:
    """One that takes long is kept, however many come and go meanwhile."""
    requests = TappedRequests()
    give(requests, event("long", REST))
    for number in range(100):
        give(requests, event(f"{number}", SQS))
        requests.settle(f"{number}")
    assert requests.of("long").trigger == "http"


def test_what_waits_unread_is_bounded() -> None:
    """The oldest are read, which leaves little of them."""
    requests = TappedRequests()
    large = {**REST, "body": "x" * 60_000}
    needed = 2_097_152 // 60_000 + 2
    assert needed < 64
    for number in range(needed):
        give(requests, event(f"{number}", large))
    assert requests.unread_bytes <= 2_097_152
    assert all(requests.of(f"{number}").trigger == "http" for number in range(needed))
    assert requests.unread_bytes == 0


def test_as_much_waits_unread_as_is_allowed() -> None:
    """One byte more, and the oldest is read."""
    requests = TappedRequests()
    size = 2_097_152 // 32
    for number in range(32):
        give(requests, event(f"{number}", b'"' + b"x" * (size - 2) + b'"'))
    assert requests.unread_bytes == 2_097_152
    give(requests, event("more", b"7"))
    assert requests.unread_bytes == 2_097_152 - size + 1


def test_an_event_is_awaited_while_copies_come() -> None:
    """Where the runtime is not tapped, lines need not wait for ids that never change."""
    requests = TappedRequests()
    assert requests.awaits("a")
    give(requests, event("a", REST))
    assert not requests.awaits("a")
    requests.of("a")  # which reads it
    assert not requests.awaits("a")
    assert requests.awaits("b")
    for _ in range(2):
        requests.settle("missed")
    assert not requests.awaits("b")
    give(requests, event("c", REST))
    assert requests.awaits("b")
    requests.stop()
    assert not requests.awaits("b")


def test_a_fault_of_ours_costs_one_message() -> None:
    """It is handed over to be counted, and the other messages are read."""
    faults: list[Exception] = []

    def clean(text: str) -> str:
        if text == "TeaError":
            raise LookupError(text)
        return text

    requests = TappedRequests(clean=clean, on_fault=faults.append)
    give(requests, event("r", REST), error("r", RAISED), response("r", FAILED))
    tapped = requests.settle("r")
    assert (tapped.trigger, tapped.error, tapped.error_type) == ("http", None, "503")
    assert [type(each) for each in faults] == [LookupError]


def test_what_has_been_copied_by_now_is_taken_first() -> None:
    """An invocation's end may be read sooner than the copy of its response."""
    requests = TappedRequests()
    waiting = [event("r", REST), response("r", FAILED)]

    def catch_up() -> None:
        while waiting:
            give(requests, waiting.pop(0))

    requests.catch_up = catch_up
    assert not requests.awaits("r")
    waiting.append(event("s", SQS))
    assert requests.of("s").trigger == "pubsub"
    waiting.append(error("r", RAISED))
    tapped = requests.settle("r")
    assert (tapped.trigger, tapped.error_type) == ("http", "503")
    assert tapped.error is not None


def test_the_error_of_an_init_is_known_by_its_time() -> None:
    """Another attempt has another."""
    requests = TappedRequests(clean=lambda text: text.replace(SECRET, "***"))
    give(requests, init_error(RAISED, at=1))
    found = requests.init_error(start_ns=ns(0), end_ns=ns(1))
    assert found is not None
    assert (found[0], found[1].message) == (ns(1), "cold: ***")
    requests.catch_up = lambda: give(requests, init_error(RAISED, at=2.5))
    assert requests.init_error(start_ns=ns(2), end_ns=ns(3)) is not None
    requests.catch_up = lambda: None
    assert requests.init_error(start_ns=ns(4), end_ns=ns(5)) is None
    assert requests.init_error(start_ns=ns(0), end_ns=ns(0)) is None


COPIES = [
    *(event("r", each) for each in SAMPLES.values()),
    response("r", FAILED),
    response("r", {"batchItemFailures": [{"itemIdentifier": ""}]}),
    error("r", RAISED),
    init_error(RAISED, at=1),
]


def test_no_message_is_too_broken_to_be_taken() -> None:
    """Bytes may be changed, cut or come in any order; all that is lost is what they said."""

    def check(chosen: list[tuple[Copy, int, int, bytes]]) -> None:
        faults: list[Exception] = []
        requests = TappedRequests(on_fault=faults.append)
        for copy, head, tail, noise in chosen:
            broken = replace(copy, data=copy.data[:head] + noise + copy.data[head:])
            give(requests, broken, broken.cut(head=head, tail=tail))
            requests.of("r")
        requests.settle("r").attributes(start_ns=ns(1))
        assert not faults
        assert requests.unread_bytes >= 0

    sizes = st.integers(0, 3000)
    broken = st.tuples(st.sampled_from(COPIES), sizes, sizes, st.binary(max_size=20))
    assert fuzz(check, st.lists(broken, max_size=4)) > 0
