"""Telemetry in the life cycle, in simulated time: holds, what is added, the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from extension.platform.events import Invoke
from extension.process.frozen import replace
from extension.process.log import Log
from extension.process.waits import Budget
from extension.redaction.redactor import Redactor
from extension.settings.sharing import Share
from extension.telemetry.assembly.hold import UNKNOWN_QUIET_S
from extension.telemetry.assembly.sampling import Sampler
from extension.telemetry.export.delivery import Delivery
from extension.telemetry.export.flush import PERIOD_S, REMEMBERED_GAPS
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.reader import DeliveryReader
from extension.telemetry.receiver.content import Posted
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.receiver.posted_reader import PostedReader
from extension.telemetry.telemetry import LAST_READING_S, LETTERS_S, TIMER_S
from tests import platform_events as given
from tests.doubles import LogLines
from tests.posted_requests import spans
from tests.received import received
from tests.scripted.deliveries import Identity, delivery, done_event, report_event, start_event
from tests.simulated_sandbox import MS, SimulatedSandbox, Weather
from tests.simulated_time import StuckError

FAR_MS = 900_000
WHO = Identity.numbered(1, seed=7)


@pytest.fixture
def sandbox() -> Iterator[SimulatedSandbox]:
    """A sandbox in which each invocation is held."""
    made = SimulatedSandbox("end")
    yield made
    made.close()


def invoke(sandbox: SimulatedSandbox) -> Invoke:
    """Return the announcement of an invocation that begins now."""
    return Invoke(request_id=WHO.request_id, deadline_ms=sandbox.clock.wall_ns // MS + FAR_MS)


def hold_without_an_end(sandbox: SimulatedSandbox) -> float:
    """Let an invocation begin whose end does not come; return how long it was held."""
    announced, began_ns = invoke(sandbox), sandbox.clock.monotonic_ns

    async def hold() -> None:
        holding = asyncio.create_task(sandbox.telemetry.invoked(announced))
        await sandbox.deliver(delivery([start_event(WHO, sandbox.clock.wall_ns)]))
        await holding

    sandbox.run(hold())
    sandbox.telemetry.next_called(announced)
    return (sandbox.clock.monotonic_ns - began_ns) / 1e9


def whole_invocation(sandbox: SimulatedSandbox) -> None:
    """Let an invocation begin, and end."""
    announced = invoke(sandbox)

    async def whole() -> None:
        holding = asyncio.create_task(sandbox.telemetry.invoked(announced))
        now_ns = sandbox.clock.wall_ns
        await sandbox.deliver(
            delivery([start_event(WHO, now_ns), done_event(WHO, now_ns, duration_ms=0)])
        )
        await holding

    sandbox.run(whole())
    sandbox.telemetry.next_called(announced)


def test_an_end_that_does_not_come_is_given_up(sandbox: SimulatedSandbox) -> None:
    """After the silence that is borne, and no sooner."""
    assert UNKNOWN_QUIET_S <= hold_without_an_end(sandbox) < UNKNOWN_QUIET_S + 1


def line_of(stream: str, sandbox: SimulatedSandbox) -> bytes:
    """Return a delivery of one line that is written now."""
    seconds = (sandbox.clock.wall_ns - given.ns(0)) / 1e9
    return given.delivery(given.line("still here", seconds, stream=stream))


def post(sandbox: SimulatedSandbox) -> None:
    """Post a span of the function's SDK that ends now."""
    body = spans(f"span {sandbox.clock.wall_ns}").SerializeToString()
    reader = sandbox.telemetry.reader
    assert reader.receive_posted(Posted(signal="traces", encoding="protobuf", body=body))


SPEAK: dict[str, Callable[[SimulatedSandbox], Any]] = {
    "extension": lambda sandbox: sandbox.telemetry.reader.take(line_of("extension", sandbox)),
    "SDK": post,
    "function": lambda sandbox: sandbox.telemetry.reader.take(line_of("function", sandbox)),
}


@pytest.mark.parametrize(
    ("who", "held_s"), [("extension", UNKNOWN_QUIET_S), ("SDK", UNKNOWN_QUIET_S), ("function", 40)]
)
def test_only_the_function_and_the_platform_prolong_a_hold(
    sandbox: SimulatedSandbox, who: str, held_s: float
) -> None:
    """What else runs in the sandbox speaks on after the end, for it is not frozen meanwhile."""
    sandbox.telemetry.reader.posted = PostedReader(
        take=sandbox.telemetry.pipeline.take_sdk, signals=("traces",), redaction=Redactor(),
        counts=ReceiverCounts(), health=sandbox.health,
    )  # fmt: skip
    for seconds in range(1, 31):
        sandbox.loop.call_later(seconds, SPEAK[who], sandbox)
    assert held_s <= hold_without_an_end(sandbox) < held_s + 1
    assert not sandbox.health.faults


@pytest.mark.parametrize("reason", ["spindown", "failure"])
def test_a_hold_whose_end_never_came_is_counted(sandbox: SimulatedSandbox, reason: str) -> None:
    """From the last event that was heard: the function may have been done by then."""
    hold_without_an_end(sandbox)
    sandbox.shut_down(reason=reason)
    assert UNKNOWN_QUIET_S - 1 < sandbox.health.added_total_s < UNKNOWN_QUIET_S + 1


def test_what_was_held_before_telemetry_was_open_is_counted(sandbox: SimulatedSandbox) -> None:
    """From its end, which was delivered before, to the call of /next."""
    announced, now_ns = invoke(sandbox), sandbox.clock.wall_ns

    async def open_late() -> None:
        sandbox.telemetry.invoked_before(announced, at_ns=now_ns)
        sandbox.telemetry.let_go_before(announced, at_ns=now_ns + 3_000 * MS)
        events = [start_event(WHO, now_ns), done_event(WHO, now_ns + 1_000 * MS, duration_ms=1_000)]
        await sandbox.deliver(delivery(events))

    sandbox.run(open_late())
    sandbox.shut_down(reason="spindown")
    assert sandbox.health.added_total_s == pytest.approx(2)


def test_an_invocation_that_telemetry_was_open_too_late_for_is_exported_each_period(
    sandbox: SimulatedSandbox,
) -> None:
    """It may run for minutes, and no other invocation may follow it."""
    announced, now_ns = invoke(sandbox), sandbox.clock.wall_ns

    async def open_late() -> None:
        sandbox.telemetry.invoked_before(announced, at_ns=now_ns)
        sandbox.telemetry.let_go_before(announced, at_ns=now_ns)
        events = [start_event(WHO, now_ns), done_event(WHO, now_ns, duration_ms=0)]
        await sandbox.deliver(delivery(events))
        await asyncio.sleep(PERIOD_S + 1)

    sandbox.run(open_late())
    assert len(sandbox.endpoint.taken) == 1


def test_what_timed_out_was_not_held(sandbox: SimulatedSandbox) -> None:
    """It ran to its end, and nothing was added to it."""
    hold_without_an_end(sandbox)
    sandbox.shut_down(reason="timeout")
    assert sandbox.health.added_total_s == 0


def test_no_timer_runs_between_invocations(sandbox: SimulatedSandbox) -> None:
    """After an end was heard nothing is exported until the next invocation: it would be cut."""
    whole_invocation(sandbox)
    taken = len(sandbox.endpoint.taken)
    line = {"time": "2026-01-01T12:00:00.000Z", "type": "function", "record": "late"}
    sandbox.run(sandbox.deliver(delivery([line])))
    sandbox.run(asyncio.sleep(3 * PERIOD_S))
    assert taken == 1
    assert len(sandbox.endpoint.taken) == 1


def test_an_invocation_given_up_is_exported_when_its_end_comes(sandbox: SimulatedSandbox) -> None:
    """It went on without being held: nothing else would export it before SHUTDOWN."""
    hold_without_an_end(sandbox)
    sandbox.run(sandbox.deliver(delivery([done_event(WHO, sandbox.clock.wall_ns, duration_ms=1)])))
    sandbox.run(asyncio.sleep(1))
    assert [signal for signal, _ in sandbox.endpoint.taken] == ["traces"]


def test_what_waits_to_be_read_at_the_end_is_read(sandbox: SimulatedSandbox) -> None:
    """SHUTDOWN may come with the last delivery."""

    async def receive() -> None:
        now_ns = sandbox.clock.wall_ns
        events = [start_event(WHO, now_ns), done_event(WHO, now_ns, duration_ms=0)]
        await received(sandbox.telemetry.reader, delivery(events))

    sandbox.run(receive())
    sandbox.shut_down()
    assert sandbox.health.finished == 1
    assert len(sandbox.endpoint.taken) == 1


def test_what_the_sandbox_used_is_measured_from_beginning_to_end(
    sandbox: SimulatedSandbox,
) -> None:
    """Of each invocation, where that is asked for."""
    calls: list[tuple[str, str]] = []

    class Usage:
        def begin(self, request_id: str) -> None:
            calls.append(("begin", request_id))

        def end(self, request_id: str) -> None:
            calls.append(("end", request_id))

    usage: Any = Usage()
    sandbox.telemetry._usage = usage
    whole_invocation(sandbox)
    assert calls == [("begin", WHO.request_id), ("end", WHO.request_id)]


@pytest.mark.parametrize(("least", "exported"), [(2, 0), (1, 1)])
def test_a_batch_that_is_too_small_waits(
    sandbox: SimulatedSandbox, least: int, exported: int
) -> None:
    """Until there are more items, or the sandbox ends."""
    sandbox.telemetry._exports._min_batch_size = least
    whole_invocation(sandbox)
    assert len(sandbox.endpoint.taken) == exported
    sandbox.shut_down()
    assert len(sandbox.endpoint.taken) == 1


def test_half_a_buffer_is_no_small_batch(
    sandbox: SimulatedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit any more would be lost."""
    monkeypatch.setattr("extension.telemetry.exports.HALF_FULL", 0.0)
    sandbox.telemetry._exports._min_batch_size = 2
    whole_invocation(sandbox)
    assert len(sandbox.endpoint.taken) == 1


def test_where_nothing_is_announced_exports_go_on_regularly(sandbox: SimulatedSandbox) -> None:
    """On Managed Instances, for as long as the sandbox lives."""

    async def two_ends() -> None:
        exporting = asyncio.create_task(sandbox.telemetry.export_regularly())
        for number in (1, 2):
            who, now_ns = Identity.numbered(number, seed=7), sandbox.clock.wall_ns
            events = [start_event(who, now_ns), done_event(who, now_ns, duration_ms=0)]
            await sandbox.deliver(delivery(events))
            assert len(sandbox.endpoint.taken) == number - 1
            await asyncio.sleep(TIMER_S)
            assert len(sandbox.endpoint.taken) == number
        exporting.cancel()

    sandbox.run(two_ends())


def test_reading_goes_on_when_an_export_is_over(sandbox: SimulatedSandbox) -> None:
    """It may have waited for the buffer to become emptier."""
    room = sandbox.telemetry.reader.congestion._room
    sandbox.run(sandbox.deliver(delivery([start_event(WHO, sandbox.clock.wall_ns)])))
    room.clear()

    async def export() -> None:
        sandbox.telemetry._exports.begin_beside()
        await asyncio.sleep(1)

    sandbox.run(export())
    assert room.is_set()


def test_frequent_invocations_are_not_held() -> None:
    """The gaps between them are remembered: the next one is near, and takes the data with it."""
    sandbox = SimulatedSandbox("auto")
    held = []
    for _ in range(REMEMBERED_GAPS + 1):
        held.append(sandbox.telemetry._policy.holds)
        whole_invocation(sandbox)
        sandbox.clock.advance(1)
    assert held[0]
    assert not sandbox.telemetry._policy.holds
    sandbox.close()


class Posts:
    """Notes when an endpoint is posted to, and how long that may take."""

    def __init__(self, sandbox: SimulatedSandbox) -> None:
        self.times_s: list[float] = []
        self.budgets_s: list[float] = []
        self._sandbox = sandbox
        self._began = sandbox.clock.now()
        self._export = sandbox.endpoint.export
        sandbox.endpoint.export = self.export  # type: ignore[method-assign]

    async def export(self, signal: str, bodies: list[bytes], *, budget: Budget) -> Outcome:
        """Note it, and post."""
        self.times_s.append(self._sandbox.clock.now().since(self._began))
        self.budgets_s.append(budget.left_s)
        return await self._export(signal, bodies, budget=budget)


def posts_at_the_end(sandbox: SimulatedSandbox) -> Posts:
    """Shut a sandbox down, and return what is posted meanwhile."""
    posts = Posts(sandbox)
    sandbox.shut_down()
    return posts


def events_of(sandbox: SimulatedSandbox, *, least: int = 0, most: int = 3) -> bytes:
    """Return a delivery of an invocation's start, end and report, or of some of them."""
    now_ns = sandbox.clock.wall_ns
    events = [
        start_event(WHO, now_ns),
        done_event(WHO, now_ns, duration_ms=0),
        report_event(WHO, now_ns, duration_ms=0),
    ]
    return delivery(events[least:most])


@pytest.fixture
def periodic() -> Iterator[SimulatedSandbox]:
    """A sandbox in which no invocation is held."""
    made = SimulatedSandbox("periodic")
    yield made
    made.close()


@pytest.mark.parametrize(("most", "waits_s"), [(0, 0.1), (1, 0.1), (2, 0.04), (3, 0.0)])
def test_the_end_waits_a_little_for_what_is_still_to_be_reported(
    periodic: SimulatedSandbox, most: int, waits_s: float
) -> None:
    """An end for longer than a report; where nothing was heard, an end may be on its way."""
    if most:
        periodic.run(periodic.deliver(events_of(periodic, most=most)))
    posts = posts_at_the_end(periodic)
    assert periodic.clock.now().since(posts._began) == pytest.approx(waits_s + 0.01 * bool(most))
    assert posts.times_s == [pytest.approx(waits_s)] * bool(most)


def test_an_end_that_comes_while_it_is_waited_for_is_exported(periodic: SimulatedSandbox) -> None:
    """Its invocation is complete."""
    periodic.run(periodic.deliver(events_of(periodic, most=1)))
    end = events_of(periodic, least=1)
    periodic.loop.call_later(0.09, lambda: periodic.telemetry.reader.take(end))
    posts = posts_at_the_end(periodic)
    assert posts.times_s == [pytest.approx(0.09)]
    [(_, body)] = periodic.endpoint.taken
    assert b"incomplete" not in body


@pytest.mark.parametrize(("step_s", "waits_s"), [(3600.0, 0.2), (-3600.0, 0.1)])
def test_a_wall_clock_that_is_set_at_the_end_takes_none_of_its_time(
    periodic: SimulatedSandbox, step_s: float, waits_s: float
) -> None:
    """As is likely after a long freeze: what waits is exported, and what is missing waited for."""
    periodic.run(periodic.deliver(events_of(periodic, most=1)))
    periodic.loop.call_later(0.05, lambda: periodic.clock.freeze(step_s))
    posts = posts_at_the_end(periodic)
    assert posts.budgets_s == [pytest.approx(1.65 - waits_s)]
    assert len(periodic.endpoint.taken) == 1


def test_an_endpoint_that_hangs_is_given_up_before_the_sandbox_is_killed(
    periodic: SimulatedSandbox,
) -> None:
    """A third of a second before; what is not out is counted."""
    periodic.endpoint.weather = "hangs"
    periodic.run(periodic.deliver(events_of(periodic)))
    posts = posts_at_the_end(periodic)
    assert posts.budgets_s == [pytest.approx(1.65)]
    assert periodic.clock.now().since(posts._began) == pytest.approx(1.65)


def test_a_part_of_the_end_is_kept_for_storing_what_is_not_taken(
    periodic: SimulatedSandbox,
) -> None:
    """Where there is a bucket."""
    periodic.telemetry._reserve_s = LETTERS_S
    periodic.endpoint.weather = "hangs"
    periodic.run(periodic.deliver(events_of(periodic)))
    posts = posts_at_the_end(periodic)
    assert posts.budgets_s == [pytest.approx(1.65 - 0.6)]


def test_an_endpoint_in_this_sandbox_is_posted_to_at_once(periodic: SimulatedSandbox) -> None:
    """It may end when we do; what comes late follows, and what is not taken is stored."""
    periodic.telemetry._sends_at_once = True
    periodic.telemetry._reserve_s = LETTERS_S
    periodic.run(periodic.deliver(events_of(periodic, most=2)))
    report = events_of(periodic, least=2)
    periodic.loop.call_later(0.03, lambda: periodic.telemetry.reader.take(report))
    posts = posts_at_the_end(periodic)
    assert posts.times_s == [pytest.approx(0.0), pytest.approx(0.03)]
    assert posts.budgets_s[0] == pytest.approx(1.65 - 0.25 - 0.6)


def test_such_an_endpoint_that_does_not_answer_is_not_asked_again(
    periodic: SimulatedSandbox,
) -> None:
    """The rest of the time belongs to what comes late."""
    periodic.telemetry._sends_at_once = True
    periodic.endpoint.weather = "hangs"
    periodic.run(periodic.deliver(events_of(periodic)))
    posts = posts_at_the_end(periodic)
    assert len(posts.times_s) == 1
    assert periodic.clock.now().since(posts._began) == pytest.approx(1.4)


def test_at_the_end_an_endpoint_that_was_down_is_tried_once_more(
    periodic: SimulatedSandbox,
) -> None:
    """There is no later."""
    periodic.endpoint.weather = "refuses"
    periodic.run(periodic.deliver(events_of(periodic)))
    for weather in ("refuses", "takes"):
        periodic.endpoint.weather = weather

        async def export() -> None:
            periodic.telemetry._exports.begin_beside()
            await asyncio.sleep(0.1)

        periodic.run(export())
    assert not periodic.telemetry._delivery.may_try
    periodic.shut_down()
    assert len(periodic.endpoint.taken) == 1


def test_what_was_measured_is_collected_last(periodic: SimulatedSandbox) -> None:
    """When all is read and ended, for it measures what these count; what is later is counted."""
    calls: list[str] = []
    telemetry = periodic.telemetry
    for part, name in (
        (telemetry.reader, "read_all"),
        (telemetry.pipeline, "end"),
        (telemetry.pipeline, "collect"),
    ):
        setattr(part, name, lambda *_, called=name, **__: calls.append(called))
    periodic.shut_down()
    assert calls == ["read_all", "end", "collect", *["read_all", "end"] * 2]


def test_the_end_is_written_about_once(periodic: SimulatedSandbox) -> None:
    """With what is still here."""
    lines = LogLines()
    periodic.telemetry._log = Log(clock=periodic.clock, sink=lines)
    periodic.endpoint.weather = "refuses"
    periodic.run(periodic.deliver(events_of(periodic)))
    periodic.shut_down()
    [line] = lines.parsed
    assert (line["message"], line["invocations"], line["unsent"]) == ("telemetry", 1, 2)


def test_an_invocation_is_not_held_where_the_platform_may_deliver_nothing(
    sandbox: SimulatedSandbox,
) -> None:
    """As long as the subscription is not confirmed."""
    sandbox.telemetry.is_expected = lambda: False
    began = sandbox.clock.now()
    sandbox.run(sandbox.telemetry.invoked(invoke(sandbox)))
    assert sandbox.clock.now() == began
    assert sandbox.health.invocations == 1


def sampled(sandbox: SimulatedSandbox) -> None:
    """Let spans of an SDK wait for the verdict of their invocation; nearly all are kept."""
    health = sandbox.health
    sandbox.telemetry.pipeline._outlet._sampler = Sampler(
        share=Share(0.999), filtered=health.filtered, dropped=health.dropped
    )


@pytest.mark.parametrize("sample", [lambda _: None, sampled], ids=["all", "a share"])
@pytest.mark.parametrize(("weather", "sent"), [("takes", 2), ("hangs", 0)])
def test_what_an_sdk_posts_during_the_last_export_is_sent_or_counted(
    periodic: SimulatedSandbox,
    sample: Callable[[SimulatedSandbox], None],
    weather: Weather,
    sent: int,
) -> None:
    """Though everything was ended before: others send as long as the sandbox exists."""
    sample(periodic)
    counts = ReceiverCounts()
    periodic.telemetry.reader.posted = PostedReader(
        take=periodic.telemetry.pipeline.take_sdk, signals=("traces",), redaction=Redactor(),
        counts=counts, health=periodic.health,
    )  # fmt: skip
    periodic.endpoint.weather = weather
    periodic.loop.call_soon(post, periodic)
    periodic.loop.call_later(0.105, post, periodic)  # where nothing was heard, 0.1 s are waited
    periodic.shut_down()
    assert counts.items["traces"] == 2
    assert (len(periodic.endpoint.taken), periodic.telemetry._buffer.count) == (sent, 2 - sent)


@pytest.mark.parametrize("other_at_s", [None, 1.5])
def test_an_invocation_of_which_nothing_is_heard_is_held_for_two_seconds(
    sandbox: SimulatedSandbox, other_at_s: float | None
) -> None:
    """Whatever is heard of others meanwhile; what it was held for counts from its beginning."""
    if other_at_s is not None:
        other = delivery([start_event(Identity.numbered(2, seed=7), sandbox.clock.wall_ns)])
        sandbox.loop.call_later(other_at_s, lambda: sandbox.telemetry.reader.take(other))
    announced, began = invoke(sandbox), sandbox.clock.now()
    sandbox.run(sandbox.telemetry.invoked(announced))
    assert sandbox.clock.now().since(began) == pytest.approx(2.0)
    sandbox.telemetry.next_called(announced)
    sandbox.shut_down()
    assert sandbox.health.added_total_s == pytest.approx(2.0 - (other_at_s or 0.0))


def test_after_an_end_that_did_not_come_none_is_held_until_one_is_heard(
    sandbox: SimulatedSandbox,
) -> None:
    """Each further hold would wait in vain; and how long invocations take is learned."""
    hold_without_an_end(sandbox)
    held = [sandbox.telemetry._policy.holds]
    now_ns = sandbox.clock.wall_ns
    sandbox.run(sandbox.deliver(delivery([done_event(WHO, now_ns, duration_ms=1_500)])))
    assert [*held, sandbox.telemetry._policy.holds] == [False, True]
    assert [*sandbox.telemetry._policy.durations_s] == [1.5]


def test_only_what_was_given_up_counts_from_what_was_heard_last(
    sandbox: SimulatedSandbox,
) -> None:
    """One that was not held adds nothing, though its end is never told."""
    hold_without_an_end(sandbox)
    other = replace(invoke(sandbox), request_id="other")
    sandbox.clock.advance(5)
    sandbox.run(sandbox.telemetry.invoked(other))
    sandbox.clock.advance(5)
    sandbox.telemetry.next_called(other)
    sandbox.telemetry.let_go_before(
        replace(other, request_id="before"), at_ns=sandbox.clock.wall_ns
    )
    sandbox.shut_down()
    assert sandbox.health.added_total_s == pytest.approx(10, abs=0.1)


def test_a_long_invocation_is_exported_each_period(periodic: SimulatedSandbox) -> None:
    """One that is not held, as soon as it begins and then every twenty seconds."""
    posts = Posts(periodic)

    async def long() -> None:
        await periodic.deliver(events_of(periodic))
        await periodic.telemetry.invoked(invoke(periodic))
        for number in range(3):
            await asyncio.sleep(1)
            await received(periodic.telemetry.reader, delivery([
                {"time": "2026-01-01T12:00:00.000Z", "type": "function", "record": f"{number}"}
            ]))  # fmt: skip
            await asyncio.sleep(19)

    periodic.run(long())
    assert [round(each) for each in posts.times_s] == [0, 20, 40, 60]


def test_a_hold_ends_when_the_end_is_read(sandbox: SimulatedSandbox) -> None:
    """Nothing is given up then, and its export may take two seconds."""
    posts = Posts(sandbox)
    whole_invocation(sandbox)
    assert (posts.times_s, posts.budgets_s) == ([0.0], [2.0])
    assert sandbox.telemetry._policy.holds
    assert sandbox.telemetry._given_up is None


def test_the_end_leaves_half_of_its_time_for_reading_and_the_rest_for_exporting(
    periodic: SimulatedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slowly a burst of lines is read, what is read is exported, and what is not stored."""
    seconds: list[float] = []

    async def wait(self: DeliveryReader, left_s: float) -> None:
        seconds.append(left_s)

    async def flush(self: Delivery, budget: Budget, *, whatever_the_circuit: bool) -> bool:
        seconds.append(budget.left_s)
        return whatever_the_circuit

    async def store(self: Delivery, budget: Budget) -> None:
        seconds.append(budget.left_s)

    monkeypatch.setattr(DeliveryReader, "wait_until_read", wait)
    monkeypatch.setattr(Delivery, "flush", flush)
    monkeypatch.setattr(Delivery, "store_the_rest", store)
    periodic.telemetry._sends_at_once = True  # but there is nothing to send
    periodic.shut_down()
    left_s = 2.0 - 0.35 - 0.1
    assert seconds == [pytest.approx(each) for each in (left_s / 2, left_s, left_s)]


@pytest.mark.parametrize(("spent_s", "reads_s"), [(0.85, 0.35), (1.6, 0.05)])
def test_what_is_still_unread_at_the_end_gets_half_of_what_is_left(
    periodic: SimulatedSandbox, monkeypatch: pytest.MonkeyPatch, spent_s: float, reads_s: float
) -> None:
    """Or a moment: reading holds up everything, and Lambda does not wait."""
    seconds: list[float] = []

    async def wait(self: DeliveryReader, left_s: float) -> None:
        del self, left_s
        periodic.clock.advance(spent_s)

    monkeypatch.setattr(DeliveryReader, "wait_until_read", wait)
    monkeypatch.setattr(DeliveryReader, "read_all", lambda _, within_s: seconds.append(within_s))
    periodic.shut_down()
    assert seconds == [pytest.approx(reads_s), LAST_READING_S, LAST_READING_S]


def test_an_announced_invocation_is_reported_though_nothing_is_heard_of_it(
    periodic: SimulatedSandbox,
) -> None:
    """The sandbox may have ended before its events came."""

    async def open_late() -> None:
        periodic.telemetry.invoked_before(invoke(periodic), at_ns=periodic.clock.wall_ns)

    periodic.run(open_late())
    periodic.shut_down()
    assert (periodic.health.invocations, periodic.health.finished) == (1, 1)


def test_only_the_end_of_what_was_given_up_begins_an_export(sandbox: SimulatedSandbox) -> None:
    """Others are exported with the next invocation."""
    hold_without_an_end(sandbox)
    other, now_ns = Identity.numbered(2, seed=7), sandbox.clock.wall_ns
    events = [start_event(other, now_ns), done_event(other, now_ns, duration_ms=0)]
    sandbox.run(sandbox.deliver(delivery(events)))
    sandbox.run(asyncio.sleep(1))
    assert sandbox.endpoint.taken == []


def test_no_timer_is_left_at_the_end(periodic: SimulatedSandbox) -> None:
    """Nothing is exported after it."""
    periodic.run(periodic.telemetry.invoked(invoke(periodic)))
    periodic.shut_down()
    began = periodic.clock.now()
    with pytest.raises(StuckError):
        periodic.run(asyncio.Event().wait())
    assert periodic.clock.now() == began


def test_an_export_that_hangs_at_the_end_makes_way_for_the_last_one(
    periodic: SimulatedSandbox,
) -> None:
    """Its connection may have died in a freeze; a new one may not."""
    periodic.run(periodic.deliver(events_of(periodic)))
    periodic.endpoint.weather = "hangs"

    async def begin() -> None:
        periodic.telemetry._exports.begin_beside()
        await asyncio.sleep(0.01)

    periodic.run(begin())
    periodic.endpoint.weather = "takes"
    posts = posts_at_the_end(periodic)
    assert posts.times_s == [pytest.approx(0.5)]
    assert len(periodic.endpoint.taken) == 1


def test_an_invocation_is_let_go_half_a_second_before_its_deadline(
    sandbox: SimulatedSandbox,
) -> None:
    """That is the function's."""
    began = sandbox.clock.now()
    announced = replace(invoke(sandbox), deadline_ms=began.wall_ns // MS + 5_000)
    start = delivery([start_event(WHO, began.wall_ns)])
    sandbox.loop.call_later(0.1, lambda: sandbox.telemetry.reader.take(start))
    sandbox.run(sandbox.telemetry.invoked(announced))
    assert sandbox.clock.now().since(began) == pytest.approx(4.5)
