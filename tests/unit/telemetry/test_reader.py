"""Reading what was delivered, step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from extension.process.clock import Instant
from extension.redaction.redactor import Redactor
from extension.telemetry.assembly.held_records import FULL_SIZE
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer, PendingItem
from extension.telemetry.export.delivery import do_nothing
from extension.telemetry.health import Health
from extension.telemetry.otlp.encoder import OtlpEncoder
from extension.telemetry.pipeline import Pipeline
from extension.telemetry.reader import MAX_WAITING_BYTES, STEP_EVENTS, DeliveryReader
from extension.telemetry.reading.decode import Batch
from extension.telemetry.reading.events import Event, LogLine
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.receiver.content import Posted
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.receiver.posted_reader import PostedReader
from extension.telemetry.resource_identity import ResourceIdentity
from tests import platform_events as given
from tests.doubles import ManualClock, SequentialIds
from tests.fuzz.test_decoder import Accepting, build
from tests.posted_requests import spans
from tests.received import received
from tests.simulated_sandbox import SimulatedSandbox
from tests.simulated_time import StuckError
from tests.waiting import PATIENCE_S, until


async def test_each_step_of_reading_is_news() -> None:
    """A hold bears some silence of the platform; that we are slow to read is none."""
    clock = ManualClock()
    reader = build(Accepting(), Health(), as_json=False, clock=clock).reader
    lines = [given.line(f"line {number}", 2) for number in range(2 * STEP_EVENTS)]
    await received(reader, given.delivery(given.start("a", 1), *lines))
    for _ in range(2):
        clock.advance(60)
        await asyncio.sleep(0)
        assert reader.spoke == clock.now()


async def test_a_last_line_that_nothing_continues_goes_out() -> None:
    """It waits for the next delivery, which may continue it, but not for ever."""
    health, ids, clock = Health(), SequentialIds(), ManualClock()
    buffer = Buffer(max_bytes=1_000_000, dropped=health.dropped)
    pipeline = Pipeline(
        assembler=Assembler(ids=ids, stream_records=True),
        encoder=OtlpEncoder(
            ids=ids,
            identity=ResourceIdentity(),
            signals=["logs"],
            part=FULL_SIZE,
            meter=None,
            health=health,
        ),
        buffer=buffer,
        record_filter=RecordFilter(),
        redaction=Redactor(),
        health=health,
        clock=clock,
    )
    reader = DeliveryReader(pipeline, buffer=buffer, health=health, clock=clock)
    await received(reader, given.delivery(given.start("a", 1), given.line("no stock: E\n", 2)))
    await until(lambda: buffer.count == 1)
    await received(reader, given.delivery(given.line("no stock: E\n", 2)))
    await received(reader, given.delivery(given.line("E: no stock\n", 2)))
    await received(reader, given.delivery(given.line("\tat f\n", 2)))
    await until(lambda: buffer.count > 1)
    reader.read_all()
    assert buffer.count == 2


async def test_what_waits_to_be_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """While reading waits for the endpoint, the platform waits for its answer, and then gathers."""
    monkeypatch.setattr("extension.telemetry.reader.RECEIVE_PATIENCE_S", 0.0)
    monkeypatch.setattr("extension.telemetry.congestion.PATIENCE_S", PATIENCE_S)
    health = Health()
    telemetry = build(Accepting(), health, as_json=False)
    reader = telemetry.reader
    reader.congestion.on_half_full, reader.congestion.is_exporting = do_nothing, lambda: True
    full = PendingItem(signal="logs", body=bytes(3_000_000), count=1)
    telemetry._buffer.add(full)
    await received(reader, given.delivery(given.start("a", 1)))
    await until(lambda: not reader._has_unread)
    large = given.delivery(given.line("x" * (MAX_WAITING_BYTES // 2 - 200), 2))
    for dropped in (0, 0, 1, 2):
        await received(reader, large)
        large = large.replace(b"x", b"y", 1)
        assert health.dropped["delivery"] == dropped
    assert telemetry.pipeline.loss.at is not None
    reader.read_all()
    await received(reader, large)
    assert health.dropped["delivery"] == 2


def reading(health: Health, taken: list[str]) -> DeliveryReader:
    """Return a reader that notes what it takes from an SDK, and the ends of invocations."""
    telemetry = build(Accepting(), health, as_json=False)
    reader = telemetry.reader
    telemetry.pipeline.on_end = lambda done: taken.append(f"end of {done.request_id}")

    def take(signal: str, body: bytes, count: int, *, is_whole: bool) -> None:
        assert body
        taken.append(f"{count} {signal}{'' if is_whole else ', in part'}")

    reader.posted = PostedReader(
        take=take,
        signals=("traces",),
        redaction=Redactor(),
        counts=ReceiverCounts(),
        health=health,
    )
    return reader


def posted(*names: str) -> Posted:
    """Return a request with these spans."""
    body = spans(*names, key="v" * 100).SerializeToString()
    return Posted(signal="traces", encoding="protobuf", body=body)


async def test_what_an_sdk_posts_is_read_before_the_end_that_follows() -> None:
    """However large it is; and after what came before it."""
    taken: list[str] = []
    reader = reading(Health(), taken)
    await received(reader, given.delivery(given.start("a", 1), given.done("a", 2)))
    assert reader.receive_posted(posted(*(f"span {number}" for number in range(2000))))
    await received(reader, given.delivery(given.start("b", 3), given.done("b", 4)))
    await reader.wait_until_read(PATIENCE_S)
    assert taken == ["end of a", "2000 traces", "end of b"]


async def test_posts_never_wait_for_room() -> None:
    """Beyond the bound they are refused at once; there is room again when they are read."""
    taken: list[str] = []
    reader = reading(Health(), taken)
    large = Posted(signal="traces", encoding="protobuf", body=bytes(4_000_000))
    assert [reader.receive_posted(large) for _ in range(3)] == [True, True, False]
    reader.read_all()
    assert reader.receive_posted(large)
    reader.read_all()
    assert not reader.receive_posted(Posted(signal="traces", encoding="json", body=bytes(2**24)))


async def test_everything_posted_is_read_at_the_end() -> None:
    """What is read in steps is read to its end."""
    taken: list[str] = []
    reader = reading(Health(), taken)
    reader.receive_posted(posted(*(f"span {number}" for number in range(1000))))
    reader.receive_posted(posted("one more"))
    reader.read_all()
    assert taken == ["1000 traces", "1 traces"]


class SlowClock(ManualClock):
    """A clock of a machine that is so slow that each look at it takes a tenth of a second."""

    def now(self) -> Instant:
        """Let time pass."""
        self.advance(0.1)
        return super().now()


async def test_reading_at_the_end_ends_in_time() -> None:
    """What is left is counted: deliveries, one that was begun among them, and requests."""
    health, counts, taken = Health(), ReceiverCounts(), list[str]()
    clock = SlowClock()
    reader = build(Accepting(), health, as_json=False, clock=clock).reader

    def take(signal: str, body: bytes, count: int, *, is_whole: bool) -> None:
        assert body
        assert is_whole
        taken.append(f"{count} {signal}")

    reader.posted = PostedReader(
        take=take, signals=("traces",), redaction=Redactor(), counts=counts, health=health
    )
    lines = [given.line(f"line {number}", 2) for number in range(2 * STEP_EVENTS)]
    reader.receive_posted(posted("read"))
    for delivery in (given.delivery(given.start("a", 1), *lines), given.delivery(*lines)):
        assert reader.take(delivery) is None
    reader.receive_posted(posted("unread"))
    reader.read_all(0.65)
    assert taken == ["1 traces"]
    assert (health.dropped, counts.refused) == ({"delivery": 2}, {"waiting": 1})
    assert not reader._has_unread
    reader.read_all(0.65)
    assert (health.dropped, counts.refused) == ({"delivery": 2}, {"waiting": 1})


async def test_what_is_kept_back_when_time_is_up_is_counted() -> None:
    """So is a request that was read in part."""
    health, counts = Health(), ReceiverCounts()
    telemetry = build(Accepting(), health, as_json=False)
    reader = telemetry.reader
    reader.posted = PostedReader(
        take=telemetry.pipeline.take_sdk, signals=("traces",), redaction=Redactor(),
        counts=counts, health=health,
    )  # fmt: skip
    await received(reader, given.delivery(given.line("no stock: E\n", 2)))
    await reader.wait_until_read(PATIENCE_S)
    reader.receive_posted(posted(*(f"span {number}" for number in range(1000))))
    reader._read_some()
    reader._read_some()
    reader.read_all(0.0)
    assert (health.dropped, counts.refused) == ({"delivery": 1}, {"waiting": 1})


async def test_an_sdk_is_not_the_platform() -> None:
    """What it posts says nothing of whether the platform's deliveries come."""
    reader = reading(Health(), [])
    reader.receive_posted(posted("a"))
    await reader.wait_until_read(PATIENCE_S)
    assert (reader.has_heard, reader.spoke) == (False, None)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (given.line("text", 1), True),
        (given.start("a", 1), True),
        (given.line("text", 1, stream="extension"), False),
        (given.platform("logsDropped", 1, droppedRecords=3), False),
    ],
)
async def test_lines_of_the_function_and_the_platforms_events_count(
    event: given.JsonEvent, *, as_json: bool, counts: bool
) -> None:
    """In either format; what other extensions write does not, nor what is dropped of that."""
    clock = ManualClock()
    reader = build(Accepting(), Health(), as_json=as_json, clock=clock).reader
    reader.take(given.delivery(event))
    reader.read_all()
    read = clock.now()
    clock.advance(1)
    assert reader.spoke == (read if counts else None)


async def test_a_fault_of_ours_costs_one_request() -> None:
    """It is counted, and what comes after it is read."""
    health, taken = Health(), list[str]()
    reader = reading(health, taken)
    telling = iter([ValueError()])

    def take(signal: str, body: bytes, count: int, *, is_whole: bool) -> None:
        assert body
        assert is_whole
        for error in telling:
            raise error
        taken.append(f"{count} {signal}")

    reader.posted = PostedReader(
        take=take, signals=("traces",), redaction=Redactor(), counts=ReceiverCounts(),
        health=health,
    )  # fmt: skip
    reader.receive_posted(posted("a"))
    reader.receive_posted(posted("b", "c"))
    reader.read_all()
    assert taken == ["2 traces"]
    assert (health.faults, health.dropped) == ({"ValueError": 1}, {"fault": 1})


async def test_lines_alone_are_passed_on_in_steps() -> None:
    """In the platform's own format a delivery may have no event to read, and many to pass on."""
    health = Health()
    telemetry = build(Accepting(), health, as_json=True)
    lines = [given.line(f"line {number}", 2) for number in range(2 * STEP_EVENTS + 1)]
    await received(telemetry.reader, given.delivery(*lines))
    await until(lambda: not telemetry.reader._has_unread)
    assert telemetry._buffer.count == len(lines)
    assert not health.faults


async def test_an_event_that_cannot_be_read_is_counted_as_lost() -> None:
    """It may have been the end of an invocation."""
    health = Health()
    telemetry = build(Accepting(), health, as_json=False)
    good = given.delivery(given.start("a", 1))
    telemetry.reader.take(good)
    telemetry.reader.read_all()
    assert (telemetry.pipeline.loss.at, health.dropped) == (None, {})
    telemetry.reader.take(good.replace(b"[", b"[7, ", 1))
    telemetry.reader.read_all()
    assert telemetry.pipeline.loss.at is not None
    assert health.dropped == {"bad_event": 1}


async def test_a_line_that_waits_to_be_continued_is_read_at_the_end() -> None:
    """Nothing comes after it."""
    seen: list[Event] = []
    telemetry = build(Accepting(), Health(), as_json=False)
    feed = telemetry.pipeline.feed

    def recorded(events: Iterable[Event]) -> None:
        given_events = [*events]
        seen.extend(given_events)
        feed(given_events)

    telemetry.pipeline.feed = recorded  # type: ignore[method-assign]
    telemetry.reader.take(given.delivery(given.line("no stock: E\n", 2)))
    telemetry.reader.read_all()
    assert [each.record for each in seen if isinstance(each, LogLine)] == ["no stock: E\n"]


async def test_a_delivery_that_waits_for_room_is_taken_when_there_is_some() -> None:
    """The platform gets its answer then, and nothing is lost."""
    health = Health()
    telemetry = build(Accepting(), health, as_json=False)
    reader = telemetry.reader
    large = given.delivery(given.line("x" * (MAX_WAITING_BYTES - 300), 2))
    assert reader.take(large) is None
    waiting = reader.take(large.replace(b"x", b"y", 1))
    assert waiting is not None
    taking = asyncio.ensure_future(waiting)
    await asyncio.wait_for(taking, PATIENCE_S)
    await reader.wait_until_read(PATIENCE_S)
    reader.read_all()
    assert health.dropped == {}
    assert reader._waiting_bytes == 0


async def test_nothing_is_read_before_its_secrets_are_known() -> None:
    """What comes meanwhile is taken and waits; at the end of the process nothing waits any more."""
    health, known = Health(), asyncio.Event()
    reader = build(Accepting(), health, as_json=False).reader

    async def wait_until_known() -> None:
        await known.wait()

    reader.before_reading = wait_until_known
    for seconds in (1, 4, 7):
        given_id = str(seconds)
        body = [given.start(given_id, seconds), given.done(given_id, seconds + 1)]
        await received(reader, given.delivery(*body, given.report(given_id, seconds + 1)))
        await asyncio.sleep(0)
        if seconds == 1:
            await asyncio.sleep(0)
            assert health.finished == 0
            assert reader._waiting_bytes
            known.set()
            await until(lambda: health.finished == 1)
            known.clear()
    assert health.finished == 1
    reader.read_all()
    assert health.finished == 3
    known.set()
    await reader.wait_until_read(PATIENCE_S)


async def test_a_delivery_that_comes_again_is_read_once() -> None:
    """The platform repeats what it got no answer for."""
    health = Health()
    telemetry = build(Accepting(), health, as_json=False)
    body = given.delivery(given.start("a", 1), given.done("a", 2), given.report("a", 2))
    for _ in range(3):
        assert telemetry.reader.take(body) is None
    telemetry.reader.read_all()
    assert (health.repeated_deliveries, health.finished) == (2, 1)


async def test_eight_mebibytes_wait_to_be_read() -> None:
    """Of the platform's deliveries, and as much of what an SDK posts."""
    reader = reading(Health(), [])
    half = 4 * 1_048_576
    assert reader.take(b" " * half) is None
    assert reader.take(b"\n" * half) is None
    waiting: Any = reader.take(b"x")
    assert waiting is not None
    waiting.close()
    for _ in range(2):
        large = Posted(signal="traces", encoding="protobuf", body=bytes(half))
        assert reader.receive_posted(large)
    assert not reader.receive_posted(Posted(signal="traces", encoding="protobuf", body=b"x"))


async def test_a_fault_in_reading_is_counted_and_reading_goes_on() -> None:
    """With what is delivered next."""
    health = Health()
    telemetry = build(Accepting(), health, as_json=False)
    read, faults = telemetry.reader._read_some, iter([ZeroDivisionError()])

    def fails_once() -> bool:
        for fault in faults:
            raise fault
        return read()

    telemetry.reader._read_some = fails_once  # type: ignore[method-assign]
    await received(telemetry.reader, given.delivery(given.start("a", 1), given.done("a", 2)))
    await until(lambda: health.faults)
    assert health.faults == {"ZeroDivisionError": 1}
    await received(telemetry.reader, given.delivery(given.report("a", 2)))
    await until(lambda: not telemetry.reader._has_unread)
    assert health.finished == 1
    telemetry.reader.count_fault(KeyError())
    assert health.faults["KeyError"] == 1


async def test_what_a_fault_leaves_unread_holds_no_invocation() -> None:
    """The end may be in it, and nothing be delivered after it: that is silence, too."""
    health, clock = Health(), ManualClock()
    telemetry = build(Accepting(), health, as_json=False, clock=clock)
    await received(telemetry.reader, given.delivery(given.start("a", 1)))
    await until(lambda: not telemetry.reader._has_unread)
    heard = telemetry.reader.spoke

    def fails() -> bool:
        raise ZeroDivisionError

    telemetry.reader._read_some = fails  # type: ignore[method-assign]
    clock.advance(1)
    await received(telemetry.reader, given.delivery(given.done("a", 2)))
    await until(lambda: health.faults)
    assert telemetry.reader._has_unread
    clock.advance(60)
    assert telemetry.reader.spoke == heard


async def test_a_report_is_read_at_once_where_one_invocation_runs_at_a_time() -> None:
    """Only on Managed Instances a line may follow that belongs before it."""
    health = Health()
    telemetry = build(Accepting(), health, as_json=False)
    events = given.start("a", 1), given.done("a", 2), given.report("a", 2)
    telemetry.reader.take(given.delivery(*events))
    while telemetry.reader._read_some():
        pass
    assert not telemetry.reader._lines.waits


async def test_lines_that_are_passed_on_are_not_read() -> None:
    """In the platform's own format the events of invocations are: they decide when to export."""
    telemetry = build(Accepting(), Health(), as_json=True)
    seen: list[Event] = []
    telemetry.pipeline.feed = seen.extend  # type: ignore[method-assign, assignment]
    events = given.start("a", 1), given.line("text", 1), given.done("a", 2)
    telemetry.reader.take(given.delivery(*events))
    telemetry.reader.read_all()
    assert len(seen) == 2
    assert not [each for each in seen if isinstance(each, LogLine)]
    assert telemetry._buffer.count == 3


@pytest.fixture
def sandbox() -> Iterator[SimulatedSandbox]:
    """A sandbox whose time passes at once."""
    made = SimulatedSandbox("periodic")
    yield made
    made.close()


def line(number: int) -> bytes:
    """Return a delivery of one line."""
    return given.delivery(given.line(f"line {number}", 2))


def test_the_platform_waits_five_seconds_for_room(sandbox: SimulatedSandbox) -> None:
    """Then the delivery is lost, and counted: it may have held the end of an invocation."""
    reader, clock = sandbox.telemetry.reader, sandbox.clock
    reader._waiting_bytes = 8 * 1_048_576
    began = clock.monotonic_ns
    sandbox.run(received(reader, line(1)))
    assert (clock.monotonic_ns - began) / 1e9 == pytest.approx(5)
    assert sandbox.health.dropped == {"delivery": 1}
    assert sandbox.telemetry.pipeline.loss.at == clock.now()


@pytest.mark.parametrize(("room_after_s", "taken"), [(1, 1), (4, 1), (6, 1), (9, 0)])
def test_a_delivery_that_is_repeated_while_it_waits_is_taken_once(
    sandbox: SimulatedSandbox, room_after_s: int, taken: int
) -> None:
    """The platform gives up after three seconds, and sends it again; the last copy counts."""
    reader = sandbox.telemetry.reader
    reader._waiting_bytes = 8 * 1_048_576
    kept: list[bytes] = []
    reader._read_later = kept.append  # type: ignore[method-assign, assignment]

    def make_room() -> None:
        reader._waiting_bytes = 0
        reader._progress.set()

    async def take_twice() -> None:
        sandbox.loop.call_later(room_after_s, make_room)
        first = asyncio.ensure_future(received(reader, line(1)))
        await asyncio.sleep(3)
        await received(reader, line(1))
        await first

    sandbox.run(take_twice())
    assert kept == [line(1)] * taken
    assert sandbox.health.dropped["delivery"] == 1 - taken
    assert sandbox.health.repeated_deliveries == (taken if room_after_s < 5 else 0)


def test_a_freeze_costs_no_delivery(sandbox: SimulatedSandbox) -> None:
    """There may be room a moment after the thaw."""
    reader, clock = sandbox.telemetry.reader, sandbox.clock
    reader._waiting_bytes = 8 * 1_048_576

    async def take_in_a_freeze() -> None:
        taking = asyncio.ensure_future(received(reader, line(1)))
        await asyncio.sleep(1)
        clock.advance(3600)
        await asyncio.sleep(0.1)
        reader._waiting_bytes = 0
        reader._progress.set()
        await taking

    sandbox.run(take_in_a_freeze())
    assert sandbox.health.dropped == {}


def test_what_others_have_lost_of_the_deliveries_counts(sandbox: SimulatedSandbox) -> None:
    """The end of an invocation may have been among them."""
    sandbox.telemetry.reader.count_lost(2)
    assert sandbox.health.dropped == {"delivery": 2}
    assert sandbox.telemetry.pipeline.loss.at == sandbox.clock.now()


def test_a_delivery_that_was_lost_is_taken_when_it_comes_again(sandbox: SimulatedSandbox) -> None:
    """The platform repeats it where the answer was late; there may be room now."""
    reader, health = sandbox.telemetry.reader, sandbox.health
    reader._waiting_bytes = 8 * 1_048_576
    body = given.delivery(given.start("a", 1), given.done("a", 2), given.report("a", 2))
    sandbox.run(received(reader, body))
    reader._waiting_bytes = 0
    for _ in range(2):
        sandbox.run(received(reader, body))
    reader.read_all()
    assert (health.finished, health.repeated_deliveries) == (1, 1)
    assert health.dropped == {"delivery": 1}


def test_a_last_line_waits_a_tenth_of_a_second(sandbox: SimulatedSandbox) -> None:
    """For one that continues it."""
    reader, clock = sandbox.telemetry.reader, sandbox.clock
    began = clock.monotonic_ns
    read_after: list[float] = []
    feed = sandbox.telemetry.pipeline.feed

    def recorded(events: Iterable[Event]) -> None:
        waiting = [*events]
        if waiting:
            read_after.append((clock.monotonic_ns - began) / 1e9)
        feed(waiting)

    sandbox.telemetry.pipeline.feed = recorded  # type: ignore[method-assign]
    sandbox.run(received(reader, given.delivery(given.line("no stock: E\n", 2))))
    sandbox.run(asyncio.sleep(1))
    assert read_after == [pytest.approx(0.1)]


def test_a_wait_that_is_over_leaves_no_timer(sandbox: SimulatedSandbox) -> None:
    """It would wake the process in a later invocation."""

    async def wait() -> None:
        sandbox.telemetry.reader.take(line(1))
        await sandbox.telemetry.reader.wait_until_read(60)

    sandbox.run(wait())
    sandbox.run(asyncio.sleep(1))  # for the line that may be continued
    began = sandbox.clock.now()
    with pytest.raises(StuckError):
        sandbox.run(asyncio.Event().wait())
    assert sandbox.clock.now() == began


def test_a_step_takes_256_events(sandbox: SimulatedSandbox) -> None:
    """Between two steps GETs are answered and exports go on."""
    steps: list[int] = []
    feed = sandbox.telemetry.pipeline.feed

    def recorded(events: Iterable[Event]) -> None:
        step = [*events]
        steps.append(len(step))
        feed(step)

    sandbox.telemetry.pipeline.feed = recorded  # type: ignore[method-assign]
    lines = (given.line(f"line {number}", 2) for number in range(513))
    sandbox.run(received(sandbox.telemetry.reader, given.delivery(*lines)))
    sandbox.telemetry.reader.read_all()
    assert [each for each in steps if each] == [256, 256, 1]


async def test_a_delivery_that_cannot_be_taken_apart_is_lost_alone() -> None:
    """A fault of ours: it is counted, and so is what is lost by it."""
    health = Health()
    telemetry = build(Accepting(), health, as_json=False)
    read, faults = telemetry.reader._deliveries.read, iter([LookupError()])

    def fails_once(body: bytes, *, received_ns: int) -> Batch:
        for fault in faults:
            raise fault
        return read(body, received_ns=received_ns)

    telemetry.reader._deliveries.read = fails_once  # type: ignore[method-assign]
    telemetry.reader.take(given.delivery(given.start("z", 1)))
    telemetry.reader.take(given.delivery(given.start("a", 1), given.done("a", 2)))
    telemetry.reader.take(given.delivery(given.report("a", 2)))
    telemetry.reader.read_all()
    assert (health.faults, health.dropped) == ({"LookupError": 1}, {"delivery": 1})
    assert health.finished == 1
