"""A message of which head and tail alone were kept says what it can, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension.telemetry.tap import names, partial_json
from extension.telemetry.tap.cause import Cause, CauseOptions, cause_of, read_cause
from extension.telemetry.tap.partial_json import (
    Excerpt,
    members_at_end,
    read_excerpt,
    read_head,
)
from extension.telemetry.tap.recognition import read_event
from tests.unit.telemetry.tap.samples import (
    ALB,
    APPSYNC,
    FUNCTION_URL,
    HTTP_API,
    KAFKA,
    KINESIS,
    REST,
    SAMPLES,
    SNS,
    SPAN,
    notification,
    sqs_record,
)

HEAD_BYTES, TAIL_BYTES = 65_536, 4096
LARGE = 'x" \\ }]\n' * 30_000
"""More than is kept, with all that may confuse a reader."""
DECEIT = '","eventSource":"aws:kinesis","requestContext":{"elb":{}}},"eventSource":"aws:kinesis"}]}'


def cut(event: Any, *, head: int = HEAD_BYTES, tail: int = TAIL_BYTES) -> Excerpt:
    """Return what is kept of an event."""
    data = json.dumps(event, ensure_ascii=False).encode()
    assert len(data) > head + tail
    return Excerpt(data[:head], data[len(data) - tail :], len(data))


def caused(event: Any) -> Cause:
    """Return the cause by what is kept."""
    return read_cause(cut(event), headers={})


@pytest.mark.parametrize("name", SAMPLES)
def test_a_head_and_a_tail_that_are_all_of_an_event_are_read_as_a_whole(name: str) -> None:
    """Nothing is counted twice, wherever they meet."""
    data = json.dumps(SAMPLES[name]).encode()
    for place in range(0, len(data), 97):
        assert read_event(Excerpt(data[:place], data[place:], len(data))) == SAMPLES[name]


def repr_of(event: Any) -> str:
    """Return what a sample is called in a test's name."""
    return next(name for name, each in SAMPLES.items() if each is event)


def is_part(part: Any, whole: Any) -> bool:
    """Tell whether nothing in a value is missing from, or different in, another."""
    match part, whole:
        case dict(), dict():
            return all(key in whole and is_part(each, whole[key]) for key, each in part.items())
        case list(), list():
            return len(part) <= len(whole) and all(map(is_part, part, whole))
    return bool(part == whole)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_head_of_any_length_is_a_part_of_the_message(name: str) -> None:
    """Wherever it is cut, within a word, an escape, a number or a character."""
    event = {**SAMPLES[name], "é": [1.5e10, True, None, '\u20ac\\"', {}, []]}
    data = json.dumps(event, ensure_ascii=False).encode()
    for length in range(1, len(data), 7):
        assert is_part(read_head(data[:length]), event)
    assert read_head(data) == event


@pytest.mark.parametrize("head", [b"", b"tea", b"]", b"{]", b'"', b"{,", b"\xff\xfe", b"[}" * 99])
def test_a_head_that_is_no_json_is_nothing(head: bytes) -> None:
    """Nothing raises."""
    assert read_head(head) in (None, {}, [])


def test_a_head_is_read_so_far_and_no_further() -> None:
    """Depth and number of what is looked at are bounded."""
    assert read_head(b"[" * 100_000) is not None
    assert len(read_head(b"[" + b"[]," * 100_000)) < 100_000
    assert read_head(b'{"a":1,"b":' + b"[" * 100)["a"] == 1


def test_a_head_is_read_to_its_64th_level() -> None:
    """What is deeper in is left out, and all that follows it."""

    def depth_of(levels: int) -> int:
        found, depth = read_head(b"[" * levels + b"7"), 0
        while found:
            [found], depth = found, depth + 1
        return depth + 1

    assert [depth_of(levels) for levels in (1, 63, 64, 65, 90)] == [1, 63, 64, 64, 64]
    whole = b"[" * 64 + b"]" * 64
    assert read_head(b'{"a":' + b"[" * 63 + b"]" * 63 + b',"b":1}')["b"] == 1
    assert read_head(b"[" + whole + b",1]") != json.loads(b"[" + whole + b",1]")
    assert read_head(whole) == json.loads(whole)


@pytest.mark.parametrize(("lists", "found"), [(9_999, 9_999), (10_000, 10_000), (12_000, 10_000)])
def test_twenty_thousand_brackets_of_a_head_are_read(lists: int, found: int) -> None:
    """That of all lists, both of 9,999, and the first of one more, or a second around them all."""
    assert len(read_head(b"[" + b"[]," * lists)) == found
    assert len(read_head(b"[[" + b"[]," * lists)[0]) == 9_999


def test_a_message_that_was_kept_as_a_whole_is_read_as_a_whole() -> None:
    """Head and tail are put together where nothing is missing between them."""
    data = json.dumps(REST).encode()
    assert read_excerpt(Excerpt(data)) == REST
    assert read_excerpt(Excerpt(data[:100], data[100:], len(data))) == REST
    assert read_excerpt(Excerpt(b"tea")) is None


@pytest.mark.parametrize("event", [REST, HTTP_API, FUNCTION_URL, ALB], ids=repr_of)
def test_a_request_with_a_large_body_is_known(event: Any) -> None:
    """What the gateway says stands before the body."""
    cause = caused({**event, "body": LARGE})
    whole = cause_of(event)
    assert (cause.source, cause.name, cause.parent) == (whole.source, whole.name, whole.parent)
    assert cause.attributes == {**whole.attributes, names.CUT: True}


@pytest.mark.parametrize("event", [REST, HTTP_API, FUNCTION_URL, ALB, APPSYNC], ids=repr_of)
def test_a_request_that_was_cut_is_trusted_no_more_than_a_whole_one(event: Any) -> None:
    """A large body does not make a public endpoint look like a caller with permission."""
    large = {**event, "body": LARGE} if "body" in event else {**event, "stash": {"a": LARGE}}
    ignoring = CauseOptions(trusts_caller=False)
    for excerpt in (cut(large), cut(large, head=1500, tail=500)):
        assert read_cause(excerpt, headers={}, options=ignoring).parent is None


def test_a_large_message_of_a_queue_is_known_by_its_end() -> None:
    """The attributes, and the queue, stand behind the body."""
    cause = caused({"Records": [sqs_record(LARGE)]})
    assert (cause.source, cause.name) == ("sqs", "process orders")
    assert [link.ids for link in cause.links] == [SPAN]
    assert cause.sent_ns
    assert cause.is_cut


def test_a_record_is_known_by_whatever_of_it_is_at_the_end() -> None:
    """Where the tail begins is chance."""
    record = sqs_record(LARGE)
    ending = {key: record[key] for key in list(record)[list(record).index("messageAttributes") :]}
    tail = len(json.dumps(ending, ensure_ascii=False)) + 2
    cause = read_cause(cut({"Records": [record]}, tail=tail), headers={})
    assert (cause.source, cause.sent_ns) == ("sqs", 0)
    assert [link.ids for link in cause.links] == [SPAN]


def test_a_record_of_whose_end_nothing_is_known_is_no_record() -> None:
    """Those before it are read."""
    records = [sqs_record(number=1), sqs_record(LARGE, number=2)]
    found = read_event(cut({"Records": records}, tail=3))
    assert found["Records"][0] == records[0]
    assert len(found["Records"]) == 2
    assert "eventSource" not in found["Records"][1]


@pytest.mark.parametrize(("before", "found"), [(31, {"a": 1}), (32, {})])
def test_members_are_looked_for_in_so_many_places(before: int, found: dict[str, int]) -> None:
    """A tail that is full of names costs no more than that."""
    assert members_at_end(b'"a": ,' * before + b'"a": 1}', ("a",), closed_by="") == found


def test_a_large_batch_has_the_links_of_what_is_kept() -> None:
    """How many messages there are is unknown, so there is no count, and no parent."""
    records = [sqs_record(number=number % 10) for number in range(1000)]
    cause = caused({"Records": records})
    assert cause.message_count == 0
    assert names.MESSAGING_COUNT not in cause.attributes
    assert names.MESSAGING_ID not in cause.attributes
    assert [link.ids for link in cause.links] == [SPAN]
    assert cause.name == "process orders"
    options = CauseOptions(adopts_single_message=True)
    assert read_cause(cut({"Records": records}), headers={}, options=options).parent is None


def test_a_large_record_of_a_stream_is_known_by_its_end() -> None:
    """Kinesis names itself behind the data."""
    record = KINESIS["Records"][0]
    data = {**record["kinesis"], "data": "A" * 200_000}
    cause = caused({"Records": [{**record, "kinesis": data}]})
    assert (cause.source, cause.name) == ("kinesis", "process clicks")


def test_a_large_notification_is_known_by_both_ends() -> None:
    """A topic names itself in front of the message, and its attributes stand behind."""
    record = SNS["Records"][0]
    cause = caused({"Records": [{**record, "Sns": {**record["Sns"], "Message": LARGE}}]})
    assert (cause.source, cause.name) == ("sns", "process order-placed")
    assert [link.ids for link in cause.links] == [SPAN]


def test_a_large_message_in_a_topic_is_known() -> None:
    """Kafka names itself in front."""
    record = KAFKA["records"]["brews-0"][0]
    cause = caused({**KAFKA, "records": {"brews-0": [{**record, "value": "A" * 200_000}]}})
    assert (cause.source, cause.name) == ("kafka", "process brews")


def test_a_resolver_with_large_arguments_is_known_by_its_end() -> None:
    """The field stands behind the arguments, and in what is kept of the end."""
    event = {
        key: APPSYNC[key] for key in ("identity", "source", "request", "prev", "info", "stash")
    }
    cause = caused({"arguments": {"picture": LARGE}, **event})
    assert (cause.source, cause.name) == ("appsync", "Mutation.placeOrder")


def test_a_text_that_looks_like_an_event_is_not_mistaken_for_one() -> None:
    """In a text every quotation mark has a backslash before it."""
    for body in (LARGE + DECEIT, LARGE + DECEIT * 20):
        assert caused({"Records": [sqs_record(body)]}).source == "sqs"
        assert caused({**REST, "body": body}).source == "api_gateway.rest"
        assert caused({"body": body, "order": 7}).source == "direct"
        assert caused({"order": 7, "body": body}).source == "direct"


def test_an_object_that_looks_like_an_event_is_not_mistaken_for_one() -> None:
    """What is deeper in than its place would be is the user's."""
    event = {
        "picture": LARGE,
        "copy": {"of": [{"eventSource": "aws:sqs"}], "info": {"fieldName": "x"}},
    }
    assert caused(event).source == "direct"


@pytest.mark.parametrize(
    ("tail", "closed_by", "found"),
    [
        (b'tea","a":1}', "", {"a": 1}),
        (b'tea", "a" : 1 , "b": {"a": 2} } \n', "", {"a": 1, "b": {"a": 2}}),
        (b'tea"},"b":{"a":1}}', "", {}),
        (b'tea\\"a\\":1}', "", {}),
        (b'tea","a":1}]}', "]}", {"a": 1}),
        (b'tea","a":1},{"a":2}]}', "]}", {"a": 2}),
        (b'tea","a":1}]}', "", {}),
        (b'tea","a":1', "", {}),
        (b'tea","a":"\xff"}', "", {"a": "\ufffd"}),
        (b"", "", {}),
        (b'"a":' + b"[" * 4000, "", {}),
        (b'"a":1,' * 600, "", {}),
    ],
)
def test_members_at_the_end_belong_to_the_object_that_ends_there(
    tail: bytes, closed_by: str, found: dict[str, Any]
) -> None:
    """What closes behind them says how deep in they are."""
    assert members_at_end(tail, ("a",), closed_by=closed_by) == found


def test_a_notification_in_a_queue_that_was_cut_is_still_the_queue_s() -> None:
    """What is in the body is unknown then, and so is who published it."""
    cause = caused({"Records": [sqs_record(notification(LARGE), attributes={})]})
    assert (cause.source, cause.links) == ("sqs", ())


class CountingDecoder:
    """Decodes JSON, and counts the characters that it reads where it succeeds."""

    def __init__(self) -> None:
        self.characters = 0

    def raw_decode(self, text: str) -> tuple[Any, int]:
        """Return the value and where it ends, as the decoder of `json` does."""
        value, end = json.JSONDecoder().raw_decode(text)
        self.characters += end
        return value, end


def test_a_tail_that_is_made_to_be_slow_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are looked for stand everywhere, and each begins an object to its end."""
    decoder = CountingDecoder()
    monkeypatch.setattr(partial_json, "DECODER", decoder)
    tail = b'"info": 1,' * 100 + b'"k": [' + b"1," * 32_000 + b"1]} and more"
    assert members_at_end(tail, ["info"], closed_by="") == {}
    assert len(tail) < decoder.characters < 6 * len(tail)
