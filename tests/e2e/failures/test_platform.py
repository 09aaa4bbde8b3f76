"""The platform loses, repeats or delays what it tells: no time is lost, nothing counts twice."""

from __future__ import annotations

import pytest

from simulator.intake import Intake
from simulator.settings import Faults
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import (
    assert_arrived,
    assert_lived_until_shutdown,
    assert_unharmed,
    invocations,
    messages,
)
from tests.launchers import sabotaged

INCOMPLETE = "lambda_dispatch.incomplete"
RESERVE = "extension.telemetry.assembly.hold:DEADLINE_RESERVE_S"
PATIENCE = "extension.telemetry.assembly.hold:START_PATIENCE_S"
TIMEOUT_S, SILENCE_S = 60.0, 6.0
"""How long a hold waits for a word; invocations without a hold take less than half of it."""

EVERYTHING = frozenset(
    {"platform.start", "platform.runtimeDone", "platform.report", "platform.initStart", "function"}
)


async def test_an_end_is_lost(run_broken: Run, intake: Intake) -> None:
    """The hold gives up before the function's timeout, and the next ones do not even try."""
    launch = sabotaged("be_patient()", f"replace({RESERVE!r}, {TIMEOUT_S - SILENCE_S})")
    faults = Faults(missing=frozenset({"platform.runtimeDone", "platform.report"}))
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with run_broken(
        environment=environment, launch=launch, timeout_s=TIMEOUT_S, faults=faults
    ) as stage:
        answers = await stage.invoke({}, {}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert all(INCOMPLETE in span.attributes for span in invocations(intake))
    first, *others = [answer.after_response_ms for answer in answers]
    assert max(others) < first / 2


async def test_only_the_report_tells_the_end(run_patient: Run, intake: Intake) -> None:
    """A lost runtimeDone costs the span nothing but some precision."""
    faults = Faults(missing=frozenset({"platform.runtimeDone"}))
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "periodic"}
    async with run_patient(environment=environment, faults=faults) as stage:
        answers = await stage.invoke({"print": ["one"]}, {"print": ["two"]}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    first, second, _ = invocations(intake)
    assert [span.attributes.get("lambda_dispatch.status") for span in (first, second)] == [
        "success",
        "success",
    ]


async def test_nothing_is_told(run_broken: Run, intake: Intake) -> None:
    """Some seconds of silence are enough to know; what INVOKE announced is exported at the end."""
    launch = sabotaged("be_patient()", f"replace({PATIENCE!r}, {SILENCE_S})")
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with run_broken(
        environment=environment, launch=launch, faults=Faults(missing=EVERYTHING)
    ) as stage:
        answers = await stage.invoke({}, {}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    first, *others = [answer.after_response_ms for answer in answers]
    assert max(others) < first / 2


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(duplicate=EVERYTHING - {"function"}), id="twice in a batch"),
        pytest.param(Faults(lost_acknowledgements=3), id="in a second batch"),
    ],
)
async def test_events_are_repeated(run: Run, intake: Intake, faults: Faults) -> None:
    """The same event again changes nothing: one span, one id, the same children."""
    environment = {"DISPATCH_POST_URI": intake.url}
    async with run(environment=environment, faults=faults) as stage:
        answers = await stage.invoke({}, {}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert len({span.span_id for span in intake.spans}) == len(intake.spans)
    assert [span.name for span in intake.spans].count("responseLatency") == len(answers)


async def test_lines_come_an_invocation_later(run: Run, intake: Intake) -> None:
    """Their span has left: they follow it together, under the same trace."""
    faults = Faults(late=frozenset({"function"}))
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with run(environment=environment, faults=faults) as stage:
        answers = await stage.invoke({"lines": 100}, {}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    [late] = [span for span in intake.spans if messages(span)]
    assert late.trace_id == invocations(intake)[0].trace_id
    assert messages(late) == [f"line {number}" for number in range(100)]


async def test_delivery_is_slow(run: Run, intake: Intake) -> None:
    """A hold waits for what is on its way, and the data is out with its own invocation."""
    faults = Faults(listener_delay_s=0.3)
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with run(environment=environment, faults=faults) as stage:
        answers = []
        for count in (1, 2):
            answers += await stage.invoke({})
            assert len(invocations(intake)) == count
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)


async def test_next_fails_for_a_while(run_broken: Run, intake: Intake) -> None:
    """It is asked again, for nothing else would help; nothing is lost."""
    launch = sabotaged(
        "be_patient()",
        "break_module('extension.platform.extensions_api:ExtensionsApi.next_event', times=3)",
    )
    async with run_broken(environment={"DISPATCH_POST_URI": intake.url}, launch=launch) as stage:
        answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert stage.complaints == ["/next failed"] * 3


async def test_registering_fails_at_first(run_broken: Run, intake: Intake) -> None:
    """Without it there is no function, so it is tried again."""
    launch = sabotaged(
        "be_patient()",
        "break_module('extension.platform.plain_http:connect', times=1, "
        "error='ConnectionResetError')",
    )
    async with run_broken(environment={"DISPATCH_POST_URI": intake.url}, launch=launch) as stage:
        answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert stage.complaints == ["switched off"]
    assert stage.causes[0].startswith("registration failed")


async def test_a_failure_is_the_last_invocations_alone(run: Run, intake: Intake) -> None:
    """What SHUTDOWN says of its reason is no verdict on earlier ones of which nothing came."""
    faults = Faults(missing=EVERYTHING)
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "periodic"}
    async with run(environment=environment, faults=faults) as stage:
        await stage.invoke({}, {}, {"exit": 1})
    assert_lived_until_shutdown(stage)
    assert_arrived(stage, intake)
    assert [span.status for span in invocations(intake)] == ["UNSET", "UNSET", "ERROR"]
