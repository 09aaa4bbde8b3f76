"""One sandbox in one flush mode: invoked again and again while deliveries go wrong and it freezes.

What the function did and the platform reported is written down as it happens; `balance` judges.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random  # noqa: TID251  # repeatable from a seed, which os.urandom is not
from typing import Any

from extension.process.clock import SystemClock
from tests.scripted.deliveries import (
    Identity,
    Line,
    delivery,
    done_event,
    dropped_event,
    init_events,
    report_event,
    split_delivery,
    start_event,
)
from tests.scripted.platform import Platform
from tests.soak.deliveries.endpoint import Post, SlowEndpoint
from tests.soak.deliveries.plan import Step, draw_latency_s, draw_steps
from tests.waiting import until

BUFFERED_S = 0.025
"""How long the platform gathers events before it delivers them."""

TIMEOUT_S = 10.0
"""The function's."""

LONG_S = 27.0
"""What a long invocation takes at most: data must not wait for its end."""

BURST_S = 10.0
"""What an invocation that writes much takes at most, likewise."""

BURST_LINES, BURST_BYTES = 14, 200_000
"""Together more than half of the buffer, less than all of it."""

PATIENCE_S = 15.0
"""After the function's timeout: then the extension is given up."""

SHUTDOWN_S = 2.0
EXIT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What happened in one, by the outside clock; `held_s` is from the response to /next."""

    step: Step
    who: Identity
    held_s: float
    held_frozen_s: float


@dataclass
class Record:
    """All that is known of a course from outside."""

    flush: str
    planned: int
    invocations: list[Invocation] = field(default_factory=list)
    lines: dict[str, tuple[Step, Identity]] = field(default_factory=dict)
    """By their text: what was delivered, and so must arrive."""
    waited: list[str] = field(default_factory=list)
    """Data that should have left during an invocation and did not."""
    posts: list[Post] = field(default_factory=list)
    frozen: list[tuple[float, float]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    complaints: Counter[str] = field(default_factory=Counter)
    farewell: dict[str, Any] = field(default_factory=dict)


async def run_course(flush: str, *, invocations: int, seed: int, within_s: float) -> Record:
    """Run a course; no invocation begins after `within_s`."""
    latencies = Random(seed + 1)  # the endpoint is asked at its own pace
    record = Record(flush=flush, planned=invocations)
    async with SlowEndpoint(lambda: draw_latency_s(latencies)) as endpoint:
        environment = {
            "DISPATCH_POST_URI": endpoint.url,
            "DISPATCH_FLUSH": flush,
            "DISPATCH_SIGNALS": "traces,logs",
        }
        async with Platform(environment) as platform:
            course = _Course(platform, endpoint, record, seed=seed)
            await course.run(draw_steps(invocations, seed=seed), within_s=within_s)
            await course.end()
            record.frozen = platform.frozen
            record.problems += platform.problems
            record.farewell = platform.farewell
            levels = ("WARN", "ERROR")
            record.complaints.update(
                str(line["message"]) for line in platform.lines if line.get("level") in levels
            )
        record.posts = endpoint.posts
    return record


class _Course:
    def __init__(
        self, platform: Platform, endpoint: SlowEndpoint, record: Record, *, seed: int
    ) -> None:
        self._platform = platform
        self._endpoint = endpoint
        self._record = record
        self._seed = seed
        self._clock = SystemClock()
        self._pending = init_events(self._wall_ns(), duration_ms=100.0)
        """What is delivered with the next invocation's first events."""

    async def run(self, steps: list[Step], *, within_s: float) -> None:
        """Invoke the function once for each step, until the time is up."""
        ends_s = _now() + within_s
        for step in steps:
            if _now() > ends_s:
                break
            if not await self._invoke(step):
                self._record.problems.append(f"given up in invocation {step.number}")
                break

    async def end(self) -> None:
        """Tell the rest, and shut the sandbox down."""
        self._platform.thaw()
        if self._pending:
            self._platform.deliver(delivery(self._pending), after_s=0)
        deadline_ms = self._wall_ns() // 1_000_000 + round(SHUTDOWN_S * 1000)
        event = {"eventType": "SHUTDOWN", "shutdownReason": "spindown", "deadlineMs": deadline_ms}
        self._platform.send(event)
        await self._platform.exited(within_s=EXIT_S)

    async def _invoke(self, step: Step) -> bool:
        """Run one invocation; False when the extension never asked for the next event."""
        who = Identity.numbered(step.number, seed=self._seed)
        platform, asked = self._platform, self._platform.asked_next
        platform.thaw()
        timeout_s = TIMEOUT_S + {"long": LONG_S, "burst": BURST_S}.get(step.trouble, 0.0)
        platform.send(self._invoke_event(who, timeout_s))
        began_s, began_ns = _now(), self._wall_ns()
        events = [*self._take_pending(), start_event(who, began_ns)]
        await self._run_function(step, who, events, began_ns=began_ns)
        done_s, done_ns = _now(), self._wall_ns()
        self._tell_the_end(step, who, events, done_ns, duration_ms=(done_s - began_s) * 1000)
        if step.number % 2:
            await self._stand_still(step.frozen_inside_s)
        await self._wait_for_next(asked, timeout_s + PATIENCE_S)
        if platform.asked_next == asked:
            return False
        asked_s = platform.asked_next_s
        held_s = max(asked_s - done_s, 0.0)
        self._record.invocations.append(
            Invocation(
                step=step,
                who=who,
                held_s=held_s,
                held_frozen_s=platform.frozen_s(done_s, asked_s),
            )
        )
        duration_ms = (max(asked_s, done_s) - began_s) * 1000
        self._pending += [report_event(who, self._wall_ns(), duration_ms=duration_ms)]
        await self._stay_frozen(step.frozen_after_s)
        return True

    async def _run_function(
        self, step: Step, who: Identity, events: list[dict[str, Any]], *, began_ns: int
    ) -> None:
        """Let the function's time pass; what is delivered meanwhile is taken from `events`."""
        if step.trouble in ("burst", "long"):
            await self._write_early(step, who, events)
            return
        lines = (self._line(step, who, f"{each}", began_ns + each) for each in range(step.lines))
        events += [line.event for line in lines]
        if step.trouble not in ("split", "oversized split"):
            # Some of the lines come at once, the others with the end.
            first, events[:] = events[: -step.lines // 2], events[-step.lines // 2 :]
            self._deliver(step, first, after_s=BUFFERED_S)
        await asyncio.sleep(step.duration_s / 2)
        if not step.number % 2:
            await self._stand_still(step.frozen_inside_s)
        await asyncio.sleep(step.duration_s / 2)

    async def _write_early(self, step: Step, who: Identity, events: list[dict[str, Any]]) -> None:
        """Write much, or little and then nothing for long; wait until some of it has left."""
        count, size = (BURST_LINES, BURST_BYTES) if step.trouble == "burst" else (1, 0)
        lines = [
            self._line(step, who, f"{each} {'x' * size}", self._wall_ns()) for each in range(count)
        ]
        self._deliver(step, events, after_s=BUFFERED_S)
        events.clear()
        for line in lines:
            self._deliver(step, [line.event], after_s=BUFFERED_S)
        await self._platform.delivered()  # from then on the extension has it
        texts = {line.text for line in lines}
        longest_s = BURST_S if step.trouble == "burst" else LONG_S
        try:
            await until(lambda: texts & self._endpoint.texts, deadline_s=longest_s)
        except AssertionError:
            waited = f"nothing left within {longest_s:g} s of an invocation ({step.trouble})"
            self._record.waited.append(waited)

    def _tell_the_end(
        self,
        step: Step,
        who: Identity,
        events: list[dict[str, Any]],
        done_ns: int,
        *,
        duration_ms: float,
    ) -> None:
        """Deliver what is left of an invocation, in its own kind of trouble."""
        done = done_event(who, done_ns, duration_ms=duration_ms)
        match step.trouble:
            case "split" | "oversized split":
                self._deliver_split(step, who, events, done)
            case "delayed":
                self._deliver(step, [*events, done], after_s=BUFFERED_S + step.delay_s)
            case "late lines":
                self._deliver(step, [done], after_s=BUFFERED_S)
                self._pending += events
            case "lost runtimeDone":
                self._deliver(step, [*events, dropped_event(done_ns)], after_s=BUFFERED_S)
            case "silently lost runtimeDone":
                if events:
                    self._deliver(step, events, after_s=BUFFERED_S)
            case _:
                self._deliver(step, [*events, done], after_s=BUFFERED_S)

    def _deliver(self, step: Step, events: list[dict[str, Any]], *, after_s: float) -> None:
        body = delivery(events)
        for _ in range(2 if step.trouble == "duplicate" else 1):
            self._platform.deliver(body, after_s=after_s)

    def _deliver_split(
        self, step: Step, who: Identity, events: list[dict[str, Any]], done: dict[str, Any]
    ) -> None:
        size = self._platform.max_bytes + 5_000 if step.trouble == "oversized split" else 2_000
        text = "split " + 'aé"\\\t☃' * (size // 10)
        line = self._line(step, who, text, self._wall_ns(), as_json=bool(step.number % 3))
        for body in split_delivery(events, line.event, [done], at=step.cut_at):
            self._platform.deliver(body, after_s=BUFFERED_S)

    def _line(
        self, step: Step, who: Identity, text: str, time_ns: int, *, as_json: bool = False
    ) -> Line:
        line = Line(text=f"{step.number} says {text}", time_ns=time_ns, as_json=as_json)
        self._record.lines[line.text] = (step, who)
        return line

    async def _stand_still(self, seconds: float) -> None:
        if seconds:
            self._platform.freeze()
            await asyncio.sleep(seconds)
            self._platform.thaw()

    async def _stay_frozen(self, seconds: float) -> None:
        if seconds:
            self._platform.freeze()
            await asyncio.sleep(seconds)

    async def _wait_for_next(self, asked: int, patience_s: float) -> None:
        platform = self._platform
        try:
            await until(
                lambda: platform.asked_next > asked or not platform.is_alive,
                deadline_s=patience_s,
            )
        except AssertionError:
            return

    def _invoke_event(self, who: Identity, timeout_s: float) -> dict[str, Any]:
        return {
            "eventType": "INVOKE",
            "deadlineMs": self._wall_ns() // 1_000_000 + round(timeout_s * 1000),
            "requestId": who.request_id,
            "invokedFunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:soak",
            "tracing": {"type": "X-Amzn-Trace-Id", "value": who.tracing},
        }

    def _take_pending(self) -> list[dict[str, Any]]:
        taken, self._pending = self._pending, []
        return taken

    def _wall_ns(self) -> int:
        return self._clock.now().wall_ns


def _now() -> float:
    return asyncio.get_running_loop().time()
