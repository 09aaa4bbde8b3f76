"""When what is exported: by mode, by format, by signal, by subscription."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from simulator.intake import Intake
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import (
    assert_arrived,
    assert_unharmed,
    invocation_id,
    invocations,
    messages,
    started,
)
from tests.launchers import sabotaged
from tests.waiting import until
from tests.wall_clock import WallClock

REMEMBERED_GAPS = 20
PERIOD_S = 20.0
DELIVERY_S = 0.025
"""How long the platform gathers events before it delivers them."""


async def test_end(run: Run, intake: Intake) -> None:
    """When an invocation is over its span is out; what it cost is counted."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with run(environment=environment) as stage:
        answers = []
        for number in range(REMEMBERED_GAPS + 5):
            answers += await stage.invoke({"print": [f"in {number}"]})
            assert invocation_id(invocations(intake)[-1]) == answers[-1].request_id
            assert messages(invocations(intake)[-1]) == [f"in {number}"]
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert stage.final_counts["added_ms"] > 0


async def test_periodic(run_broken: Run, clock: WallClock, intake: Intake) -> None:
    """No invocation is held; one that comes when the period is over takes the others' along."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "periodic"}
    async with run_broken(environment=environment, launch=clock.launch) as stage:
        payload = {"sleep": 8 * DELIVERY_S}
        answers = await stage.invoke(payload)
        while not invocations(intake):
            answers += await stage.invoke(payload)
        exported = len(invocations(intake))
        answers += await stage.invoke(payload)
        assert len(invocations(intake)) == exported
        while len(invocations(intake)) == exported:
            clock.pass_by(stage.function, PERIOD_S)
            answers += await stage.invoke(payload)
        early = {invocation_id(span) for span in invocations(intake)}
        assert answers[-1].request_id not in early
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert stage.final_counts["added_ms"] == 0


@pytest.mark.parametrize("count", [1, 3])
async def test_periodic_tells_the_last_invocations_completely(
    run_patient: Run, intake: Intake, count: int
) -> None:
    """SHUTDOWN waits for what the platform still has: verdict and lines of the last ones."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "periodic"}
    async with run_patient(environment=environment) as stage:
        answers = await stage.invoke(*({"print": [f"in {number}"]} for number in range(count)))
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert [messages(span) for span in invocations(intake)] == [[f"in {n}"] for n in range(count)]
    assert {span.attributes["lambda_dispatch.status"] for span in invocations(intake)} == {
        "success"
    }


async def test_auto_holds_rare_invocations(
    run_broken: Run, clock: WallClock, intake: Intake
) -> None:
    """Minutes apart, each one is out when it is over, however many have been."""
    async with run_broken(
        environment={"DISPATCH_POST_URI": intake.url}, launch=clock.launch
    ) as stage:
        answers = []
        for number in range(REMEMBERED_GAPS + 5):
            answers += await stage.invoke({})
            assert len(invocations(intake)) == number + 1
            clock.pass_by(stage.function, 120)
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)


async def test_auto_spares_frequent_invocations(run: Run, intake: Intake) -> None:
    """Once it is known that the next one is near, an invocation costs nothing after its answer."""
    async with run(environment={"DISPATCH_POST_URI": intake.url}) as stage:
        answers = await stage.invoke(*[{}] * (REMEMBERED_GAPS + 1))
        held = len(invocations(intake))
        answers += await stage.invoke(*[{}] * 10)
        assert len(invocations(intake)) < len(answers)
    assert held >= REMEMBERED_GAPS
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)


async def test_managed_instances(run_broken: Run, intake: Intake) -> None:
    """No invocation is announced there: a timer exports, and SHUTDOWN the rest."""
    launch = sabotaged("be_patient()", "replace('extension.telemetry.telemetry:TIMER_S', 0.1)")
    async with run_broken(
        environment={"DISPATCH_POST_URI": intake.url},
        launch=launch,
        initialization_type="lambda-managed-instances",
    ) as stage:
        function = stage.function
        answers = await asyncio.gather(*(function.invoke({"sleep": 0.05}) for _ in range(4)))
        await until(lambda: len(invocations(intake)) == 4)
        answers += await stage.invoke({}, {})
    assert [answer.status for answer in answers] == ["success"] * 6
    assert_arrived(stage, intake)
    assert stage.final_counts["invocations"] == 6


async def test_a_fault_does_not_stop_the_timer(run_broken: Run, intake: Intake) -> None:
    """What raises inside one of its rounds costs that round alone."""
    launch = sabotaged(
        "be_patient()",
        "replace('extension.telemetry.telemetry:TIMER_S', 0.1)",
        "break_module('extension.telemetry.export.delivery:Delivery.flush', times=1)",
    )
    async with run_broken(
        environment={"DISPATCH_POST_URI": intake.url},
        launch=launch,
        initialization_type="lambda-managed-instances",
    ) as stage:
        answers = await stage.invoke({})
        await until(lambda: len(invocations(intake)) == 1)
        answers += await stage.invoke({})
        await until(lambda: len(invocations(intake)) == 2)
    assert [answer.status for answer in answers] == ["success"] * 2


async def test_min_batch_size(run: Run, intake: Intake) -> None:
    """Fewer items stay until there are enough; SHUTDOWN takes them all."""
    environment = {
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_FLUSH": "end",
        "DISPATCH_MIN_BATCH_SIZE": "12",
    }
    async with run(environment=environment) as stage:
        answers = []
        while not intake.requests:
            answers += await stage.invoke({})
        assert len(intake.spans) >= 12
        assert len(answers) > 1
        answers += await stage.invoke({})
        assert len(intake.requests) == 1
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)


async def test_format_json(run: Run, intake: Intake) -> None:
    """The platform's events as they are, a JSON array a POST, to the URL as it stands."""
    environment = {"DISPATCH_POST_URI": f"{intake.url}/events?key=1", "DISPATCH_FORMAT": "json"}
    async with run(environment=environment) as stage:
        answers = await stage.invoke({"print": ["hello"]}, {"print": [{"level": "INFO"}]})
    assert_unharmed(stage, answers)
    assert {(seen.method, seen.path) for seen in intake.requests} == {("POST", "/events?key=1")}
    assert {seen.headers["Content-Type"] for seen in intake.requests} == {"application/json"}
    events = [event for seen in intake.requests for event in seen.json()]
    delivered = Counter(event["type"] for event in events)
    emitted = Counter(event.type for event in stage.function.events if event.type != "extension")
    # The last report may come too late: the platform does not wait.
    assert emitted - delivered <= Counter({"platform.report": 1})
    assert delivered - emitted == Counter()
    assert "hello\n" in [event["record"] for event in events]
    assert stage.lost == {}


async def test_all_signals(run: Run, intake: Intake) -> None:
    """Spans, the lines as log records of their spans, and metrics of what happened."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_SIGNALS": "traces,logs,metrics"}
    async with run(environment=environment) as stage:
        answers = await stage.invoke({"print": ["one"]}, {"print": ["two"]})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    spans = {span.span_id: invocation_id(span) for span in invocations(intake)}
    lines = [(record.body, spans[record.span_id]) for record in intake.logs]
    assert lines == [("one", answers[0].request_id), ("two", answers[1].request_id)]
    assert [span.events for span in invocations(intake)] == [(), ()]
    [counted] = {
        sum(point.value or 0 for metric in intake.metrics if metric.name == name
            for point in metric.points)
        for name in ("faas.invocations",)
    }  # fmt: skip
    assert counted == len(answers)


async def test_metrics_alone(run_patient: Run, intake: Intake) -> None:
    """They leave with the invocation that they count, not only when the sandbox ends."""
    environment = {
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_SIGNALS": "metrics",
        "DISPATCH_FLUSH": "end",
    }
    async with run_patient(environment=environment) as stage:
        answers = await stage.invoke({})
        names = {metric.name for metric in intake.metrics}
    assert_unharmed(stage, answers)
    assert "faas.invoke_duration" in names


async def test_events_of_the_function_alone(run_patient: Run, intake: Intake) -> None:
    """Its lines arrive without invocation spans to carry them; no invocation is held."""
    environment = {
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_EVENTS": "function",
        "DISPATCH_SIGNALS": "logs",
    }
    async with run_patient(environment=environment) as stage:
        answers = await stage.invoke({"print": ["one"]}, {"print": ["two"]})
    assert_unharmed(stage, answers)
    assert [record.body for record in intake.logs] == ["one", "two"]
    assert (intake.spans, stage.lost) == ([], {})
    assert stage.final_counts["added_ms"] == 0
    assert len(started(stage)) == len(answers)
