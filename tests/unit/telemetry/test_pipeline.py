"""From an event to the buffer: what is left out, what a fault costs, and what is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from extension.platform.events import Invoke
from extension.process.frozen import replace
from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall
from extension.telemetry.assembly.finished import Finished
from extension.telemetry.assembly.held_records import FULL_SIZE
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import PendingItem, Signal
from extension.telemetry.health import Health
from extension.telemetry.otlp.encoder import OtlpEncoder
from extension.telemetry.reading.line_reader import LineReader
from extension.telemetry.resource_identity import ResourceIdentity
from tests import platform_events as given
from tests.doubles import SequentialIds
from tests.pipeline_stage import WHOLE, Recording, Stage
from tests.posted_requests import records, spans

SECRET = "tr0ub4dor&3"


def test_what_ends_goes_into_the_buffer() -> None:
    """The callback for an end is called, and the invocation is counted."""
    stage, ended = Stage("traces"), list[str]()
    stage.pipeline.on_end = lambda done: ended.append(done.request_id)
    stage.pipeline.announced(Invoke(request_id="r", deadline_ms=1), at_ns=given.ns(0))
    stage.feed(WHOLE[0])
    assert (ended, stage.buffer.count, stage.health.finished) == ([], 0, 0)
    stage.feed(*WHOLE[1:])
    assert (ended, stage.health.finished) == (["r"], 1)
    assert stage.buffer.count > 0
    assert not stage.health.faults


def test_what_never_ended_goes_out_with_the_sandbox() -> None:
    """It is incomplete."""
    stage = Stage("traces")
    stage.feed(WHOLE[0])
    assert stage.buffer.count == 0
    stage.pipeline.end(reason="spindown", now_ns=given.ns(3))
    assert (stage.buffer.count, stage.health.finished) == (1, 1)


def test_the_sandbox_s_name_is_told_once_it_is_known() -> None:
    """With the beginning of its init; and so is that it is ready."""
    stage, heard = Stage("traces"), list[str]()
    stage.pipeline.on_instance = heard.append
    stage.pipeline.on_init_end = lambda: heard.append("ready")
    begin = given.platform("initStart", 0, initializationType="on-demand", phase="init")
    end = given.platform(
        "initRuntimeDone", 1, initializationType="on-demand", phase="init", status="success"
    )
    stage.feed(begin)
    assert heard == []
    begin["record"]["instanceId"] = "sandbox-1"
    stage.feed(begin, end)
    assert heard == ["sandbox-1", "ready"]


def test_what_the_platform_dropped_is_counted_until_an_end_shows_what_it_was_not() -> None:
    """The end of an invocation may be among what is lost."""
    stage = Stage("traces")
    dropped = {"reason": "too slow", "droppedRecords": 3, "droppedBytes": 100}
    stage.feed(WHOLE[0], given.platform("logsDropped", 1, **dropped))
    assert (stage.health.platform_dropped, stage.pipeline.loss.at) == (3, stage.clock.now())
    stage.feed(*WHOLE[1:])
    assert stage.pipeline.loss.at is None


@pytest.mark.parametrize(("logs_from", "kept"), [("both", 2), ("lines", 2), ("sdk", 1)])
def test_lines_of_the_function_are_left_out_where_its_sdk_sends_them(
    logs_from: str, kept: int
) -> None:
    """Those of other extensions are not; each that is left out is counted."""
    stage = Stage("logs", logs_from=logs_from)
    stage.feed_lines(given.line("ours\n", 1), given.line("theirs\n", 1, stream="extension"))
    assert stage.buffer.count == kept
    assert stage.health.filtered == ({"lines": 1} if kept == 1 else {})


@pytest.mark.parametrize(("logs_from", "kept"), [("both", 3), ("sdk", 3), ("lines", 0)])
def test_records_of_the_sdk_are_left_out_where_lines_are_wanted(logs_from: str, kept: int) -> None:
    """Its spans are not."""
    stage = Stage("logs", "traces", logs_from=logs_from)
    stage.pipeline.take_sdk("logs", records("a").SerializeToString(), 3)
    assert stage.buffer.count == kept
    assert stage.health.filtered == ({} if kept else {"sdk_logs": 3})
    stage.pipeline.take_sdk("traces", spans("a").SerializeToString(), 1)
    assert stage.buffer.count == kept + 1


class Breaking(OtlpEncoder):
    """Cannot encode what has ended, nor pass anything on."""

    def encode(self, finished: Finished) -> list[PendingItem]:
        """Fail."""
        raise LookupError(finished)

    def encode_events(self, events: Sequence[Any]) -> Sequence[PendingItem]:
        """Fail."""
        raise KeyError(len(events))

    def read_sdk(self, body: bytes, count: int, *, finds_orphans: bool) -> Any:
        """Fail."""
        raise ValueError(count, finds_orphans)


def test_a_fault_costs_what_it_was_about() -> None:
    """It is counted by its type, with what was dropped, and nothing is raised."""
    encoder = Breaking(
        ids=SequentialIds(), identity=ResourceIdentity(), signals=["traces"], part=FULL_SIZE,
        meter=None, health=Health(),
    )  # fmt: skip
    stage = Stage("traces", encoder=encoder, joins_sdk=True)
    stage.feed(*WHOLE)
    lost = stage.health.faults["LookupError"]
    assert stage.health.dropped["fault"] == lost > 0
    stage.pipeline.feed_items([1, 2, 3])
    assert stage.health.faults == {"LookupError": lost, "KeyError": 1}
    assert stage.health.dropped == {"fault": lost + 3}
    stage.pipeline.take_sdk("traces", spans("a").SerializeToString(), 1)
    assert stage.health.faults["ValueError"] == 1
    assert (stage.health.dropped["fault"], stage.buffer.count) == (lost + 3, 1)


@pytest.mark.parametrize(("signal", "joins"), [("traces", False), ("logs", True)])
def test_only_spans_that_are_joined_are_read(signal: Signal, *, joins: bool) -> None:
    """Everything else of the SDK is passed on as it came."""
    encoder = Breaking(
        ids=SequentialIds(), identity=ResourceIdentity(), signals=["traces"], part=FULL_SIZE,
        meter=None, health=Health(),
    )  # fmt: skip
    stage = Stage("traces", encoder=encoder, joins_sdk=joins)
    stage.pipeline.take_sdk(signal, b"x", 1)
    assert (stage.buffer.count, stage.health.faults) == (1, {})


def test_a_line_that_cannot_be_read_costs_none_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever it stands among those that are read together."""
    read = LineReader.read

    def breaking(self: LineReader, lines: Sequence[Any], **more: Any) -> Any:
        if any(each.record == "bad\n" for each in lines):
            raise LookupError
        return read(self, lines, **more)

    monkeypatch.setattr(LineReader, "read", breaking)
    for place in range(5):
        stage = Stage("logs")
        texts = ["good\n"] * 5
        texts[place] = "bad\n"
        stage.feed_lines(*(given.line(text, 1) for text in texts))
        assert (stage.buffer.count, stage.health.faults) == (4, {"LookupError": 1})


def test_a_secret_in_a_line_is_counted() -> None:
    """Each line that had one."""
    stage = Stage("logs")
    stage.secrets.learn("key", SECRET)
    stage.feed_lines(
        given.line(f"a {SECRET}\n", 1), given.line("b\n", 1), given.line(f"{SECRET}\n", 1)
    )
    assert (stage.health.leaks, stage.buffer.count) == (2, 3)


def test_what_is_measured_is_collected_at_the_clock_s_time() -> None:
    """A fault in it costs nothing else."""
    collected: list[int] = []

    class Measuring(Breaking):
        def collect(self, health: Health, *, now_ns: int) -> list[PendingItem]:
            del health
            collected.append(now_ns)
            metrics: Signal = "metrics"
            return [PendingItem(signal=metrics, body=b"m", count=1)]

    stage = Stage(
        encoder=Measuring(
            ids=SequentialIds(), identity=ResourceIdentity(), signals=[], part=FULL_SIZE,
            meter=None, health=Health(),
        )
    )  # fmt: skip
    stage.pipeline.collect()
    assert (collected, stage.buffer.count) == ([stage.clock.wall_ns], 1)


def test_what_the_cache_did_is_measured_without_secrets() -> None:
    """Each GET that it answered, and each call that it made to AWS."""
    seen: list[CacheAnswer | CacheCall] = []

    class Counting(Breaking):
        def count_answer(self, answer: CacheAnswer) -> None:
            seen.append(answer)

        def count_call(self, call: CacheCall) -> None:
            seen.append(call)

    stage = Stage(
        encoder=Counting(
            ids=SequentialIds(), identity=ResourceIdentity(), signals=[], part=FULL_SIZE,
            meter=None, health=Health(),
        )
    )  # fmt: skip
    stage.secrets.learn("key", SECRET)
    answer = CacheAnswer(result="MISS", age_s=0, waited_s=0)
    stage.pipeline.cache_answered(answer)
    call = CacheCall(service="SSM", operation="o", name=SECRET, start_ns=0, end_ns=1)
    stage.pipeline.cache_called(call)
    assert seen == [answer, replace(call, name="[REDACTED:key]")]


def test_the_sandbox_s_name_is_on_what_is_sent() -> None:
    """As soon as it is known."""
    encoder = Recording(health=Health())
    stage = Stage("traces", encoder=encoder)
    stage.feed(*given.init(0, 1))
    assert encoder.seen == ["2026/01/01/[$LATEST]a"]


@pytest.mark.parametrize("may_stand_in", [True, False])
@pytest.mark.parametrize("is_whole", [True, False])
def test_a_span_without_a_parent_is_looked_for_in_whole_requests(
    *, is_whole: bool, may_stand_in: bool
) -> None:
    """In a part its parent may be in another; and only where it could be of use."""
    encoder = Recording(health=Health())
    parent: Any = "sdk" if may_stand_in else "xray"
    assembler = Assembler(ids=SequentialIds(), trace_parent=parent)
    stage = Stage("traces", encoder=encoder, assembler=assembler, joins_sdk=True)
    body = spans("a").SerializeToString()
    stage.pipeline.take_sdk("traces", body, 1, is_whole=is_whole)
    assert encoder.seen == [is_whole and may_stand_in]


def test_a_secret_in_an_event_of_the_platform_does_not_leave() -> None:
    """As in the words of an error that the runtime has reported."""
    stage = Stage("traces")
    stage.secrets.learn("key", SECRET)
    added: list[PendingItem] = []
    stage.buffer.add = added.append  # type: ignore[method-assign, assignment]
    failed = given.done("r", 2, status="error", errorType=SECRET)
    stage.feed(given.start("r", 1), failed, given.report("r", 2, status="error"))
    stage.pipeline.end(reason="spindown", now_ns=given.ns(3))
    body = b"".join(each.body for each in added)
    assert b"[REDACTED:key]" in body
    assert SECRET.encode() not in body


def test_an_invocation_is_known_from_its_announcement_on() -> None:
    """Whose it is and when it began, though none of its events ever comes."""
    stage = Stage("traces")
    added: list[PendingItem] = []
    stage.buffer.add = added.append  # type: ignore[method-assign, assignment]
    invoke = Invoke(
        request_id="r", deadline_ms=1, function_arn="arn:aws:lambda:::function:shop:live",
        tracing=given.HEADER,
    )  # fmt: skip
    stage.pipeline.announced(invoke, at_ns=given.ns(1))
    stage.pipeline.end(reason="timeout", now_ns=given.ns(3))
    assert stage.health.finished == 1
    body = b"".join(each.body for each in added)
    assert given.TRACE_ID.to_bytes(16, "big") in body
    assert invoke.function_arn.encode() in body


def test_a_call_of_the_cache_is_in_the_trace_of_its_invocation() -> None:
    """As a span of its own."""
    stage = Stage("traces")
    stage.feed(WHOLE[0])
    call = CacheCall(
        service="SSM", operation="o", name="n", start_ns=given.ns(1), end_ns=given.ns(2)
    )
    stage.pipeline.cache_called(call)
    stage.feed(*WHOLE[1:])
    assert stage.buffer.count == 3  # with the invocation, and what came after its response


def test_what_the_cache_answered_is_counted_in_the_span_of_its_invocation() -> None:
    """Where one runs."""
    stage = Stage("traces")
    added: list[PendingItem] = []
    stage.buffer.add = added.append  # type: ignore[method-assign, assignment]
    stage.feed(WHOLE[0])
    stage.clock.advance(1.5)
    stage.pipeline.cache_answered(CacheAnswer(result="MISS", age_s=0, waited_s=0))
    stage.feed(*WHOLE[1:])
    assert any(b"lambda_dispatch.cache.misses" in each.body for each in added)
