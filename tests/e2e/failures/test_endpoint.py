"""The endpoint is down, slow, rude or not what it claims to be: the function never notices."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from extension.telemetry.export.connection_failures import NO_HTTP
from simulator.intake import Intake, IntakeRequest
from simulator.intake.replies import GARBAGE, RESET, RESET_IN_BODY, Answer, Hang, Raw, Reply
from tests.certificates import write_certificate
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import (
    assert_accounted_for,
    assert_arrived,
    assert_no_line_says,
    assert_unharmed,
    invocation_id,
    invocations,
)
from tests.launchers import sabotaged
from tests.sandbox import free_port
from tests.wall_clock import WallClock

AN_HOUR_S = 3600.0
FAR_FROM_A_MINUTE_MS = 30_000
"""A minute is what the user would wait; the budget of an export is two seconds of it."""

NO_SECOND_TRY = "replace('extension.telemetry.export.outcome:PAUSES_S', (3600.0,) * 9)"
"""The circuit's pauses are seconds, which a busy machine may need between two invocations."""

RESETS = {
    "ClientOSError",
    "ClientPayloadError: its answer ends early",
    "ServerDisconnectedError: closes the connection without an answer (https? gRPC?)",
}
"""Which of them it is depends on what the kernel had delivered before."""


async def test_down(run: Run, intake: Intake) -> None:
    """Connections are refused: it costs next to nothing, and what waits is counted at SHUTDOWN."""
    nowhere = {"DISPATCH_POST_URI": f"http://127.0.0.1:{free_port()}"}
    async with run(environment=nowhere) as stage:
        answers = await stage.invoke({}, {}, {})
    assert_unharmed(stage, answers)
    assert_accounted_for(stage, intake)
    assert stage.final_counts["unsent"] >= len(answers)
    assert set(stage.complaints) == {"export failed"}
    assert set(stage.causes) == {"ClientConnectorError: Connection refused"}


async def test_key_is_another_vendors(run: Run, intake: Intake) -> None:
    """The SDK posts its traces elsewhere: its key is not sent to ours, and a line says so."""
    environment = {
        "DISPATCH_POST_URI": intake.url,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://vendor-a.example/v1/traces",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=hunter2-hunter2",
    }
    async with run(environment=environment) as stage:
        answers = await stage.invoke({})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert intake.requests
    assert not any("api-key" in each.headers for each in intake.requests)
    [line] = [each for each in stage.own_lines if each["message"] == "configuration"]
    assert "OTEL_EXPORTER_OTLP_HEADERS" in line["cause"]
    assert_no_line_says(stage, "hunter2")


async def test_hangs(run_broken: Run) -> None:
    """The first export waits out its budget; the circuit then spares all later invocations."""
    hang = Hang()
    async with Intake(respond=lambda _: hang) as intake:
        environment = {"DISPATCH_POST_URI": intake.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "300"}
        launch = sabotaged("be_patient_at_start()", NO_SECOND_TRY)
        async with run_broken(environment=environment, launch=launch) as stage:
            answers = await stage.invoke({}, {}, {})
            assert len(intake.requests) == 1
            assert stage.causes == ["timeout"]
        hang.released.set()
    assert_unharmed(stage, answers)
    assert len(intake.requests) == 2  # the second one at SHUTDOWN, whatever the circuit says
    assert stage.final_counts["unsent"] >= len(answers)
    assert stage.final_counts["failed_exports"] == 2


async def test_hangs_past_the_deadline(run_broken: Run) -> None:
    """However patient the user is, the function's timeout does not come near, nor SHUTDOWN's."""
    hang = Hang()
    async with Intake(respond=lambda _: hang) as intake:
        environment = {"DISPATCH_POST_URI": intake.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "60000"}
        async with run_broken(
            environment=environment, launch=sabotaged("be_patient_at_start()")
        ) as stage:
            answers = await stage.invoke({}, {})
        hang.released.set()
    assert_unharmed(stage, answers)
    assert stage.final_counts["added_ms"] < FAR_FROM_A_MINUTE_MS
    assert stage.final_counts["unsent"] >= len(answers)


@pytest.mark.parametrize(
    ("trouble", "causes"),
    [
        pytest.param(Reply(status=429), {"status 429"}, id="429"),
        pytest.param(Reply(status=503), {"status 503"}, id="503"),
        pytest.param(Reply(status=401), {"status 401"}, id="401"),
        pytest.param(RESET, RESETS, id="reset"),
        pytest.param(RESET_IN_BODY, RESETS, id="reset in mid-body"),
        pytest.param(GARBAGE, {f"ClientResponseError: {NO_HTTP}"}, id="garbage"),
    ],
)
async def test_recovers(
    run_broken: Run, clock: WallClock, intake: Intake, trouble: Answer, causes: set[str]
) -> None:
    """What failed to leave is kept, and leaves as it was when the endpoint is well again."""
    intake.respond = lambda _: trouble
    environment = {"DISPATCH_POST_URI": intake.url}
    async with run_broken(environment=environment, launch=clock.launch) as stage:
        first = await stage.invoke({})
        assert invocations(intake) == []
        intake.respond = []
        clock.pass_by(stage.function, AN_HOUR_S)
        second = await stage.invoke({})
        assert {invocation_id(span) for span in invocations(intake)} == {
            answer.request_id for answer in first + second
        }
    assert_unharmed(stage, first + second)
    assert_arrived(stage, intake)
    assert stage.complaints == ["export failed"]
    assert set(stage.causes) <= causes


async def test_retry_after(run_broken: Run, clock: WallClock, intake: Intake) -> None:
    """Before the endpoint's own time has come no invocation tries it; the next one after does."""
    intake.respond = [Reply(status=429, headers={"Retry-After": "600"})]
    environment = {"DISPATCH_POST_URI": intake.url}
    async with run_broken(environment=environment, launch=clock.launch) as stage:
        answers = await stage.invoke({})
        clock.pass_by(stage.function, 590)
        answers += await stage.invoke({})
        assert len(intake.requests) == 1
        clock.pass_by(stage.function, 20)
        answers += await stage.invoke({})
        assert len(invocations(intake)) == len(answers)
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)


async def test_shutdown_does_not_wait_for_retry_after(run: Run, intake: Intake) -> None:
    """There is no later: the last attempt is made whatever was asked for."""
    intake.respond = [Reply(status=429, headers={"Retry-After": "600"})]
    async with run(environment={"DISPATCH_POST_URI": intake.url}) as stage:
        answers = await stage.invoke({}, {})
        assert len(intake.requests) == 1
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)


async def test_refuses_the_key(run: Run) -> None:
    """A wrong key loses nothing while there is hope, is reported as what it is, and never shown."""
    async with Intake(respond=lambda _: Reply(status=401, body=b"bad key: s3cr3t")) as intake:
        environment = {
            "DISPATCH_POST_URI": intake.url,
            "DISPATCH_POST_HEADERS": "authorization=Bearer%20s3cr3t",
        }
        async with run(environment=environment) as stage:
            answers = await stage.invoke({}, {}, {})
    assert intake.requests[0].headers["Authorization"] == "Bearer s3cr3t"
    assert_unharmed(stage, answers)
    assert_accounted_for(stage, intake)
    assert set(stage.causes) == {"status 401"}
    assert_no_line_says(stage, "s3cr3t")


async def test_repeats_the_path_that_has_the_key(run: Run) -> None:
    """The line that quotes the endpoint shows the words of the path alone."""
    key = "ZaVnC4dhaV0mQx7Rk2pLw9Ts5Yb8Nc3Uf1Gh6Je4Ko"

    def refuse(posted: IntakeRequest) -> Reply:
        return Reply(status=404, headers={}, body=f"no handler for {posted.path}".encode())

    async with Intake(respond=refuse) as intake:
        environment = {"DISPATCH_POST_URI": f"{intake.url}/receiver/v1/otlp/{key}"}
        async with run(environment=environment) as stage:
            answers = await stage.invoke({})
    assert_unharmed(stage, answers)
    assert intake.requests[0].path == f"/receiver/v1/otlp/{key}/v1/traces"
    said = {line["said"] for line in stage.own_lines if line["message"] == "export rejected"}
    assert said == {"no handler for /receiver/v1/otlp/[hidden]/v1/traces"}
    assert_no_line_says(stage, key[:10])


@pytest.mark.parametrize("status", [301, 400, 500])
async def test_refuses_for_good(run: Run, status: int) -> None:
    """What the specification forbids to send again is dropped, counted and logged."""
    refusal = Reply(status=status, headers={"Location": "http://127.0.0.1:1/v1/traces"})
    async with (
        Intake(respond=[refusal]) as intake,
        run(environment={"DISPATCH_POST_URI": intake.url}) as stage,
    ):
        answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert [invocation_id(span) for span in invocations(intake)] == [answers[1].request_id]
    assert stage.lost["dropped.rejected"] >= 1
    assert stage.complaints == ["export rejected"]
    assert [cause.partition(":")[0] for cause in stage.causes] == [f"status {status}"]


async def test_loses_an_acknowledgement(run: Run, intake: Intake) -> None:
    """The data was taken, the answer did not come: it comes again, the very same."""
    intake.respond = [Raw(reset=True, accepts=True)]
    async with run(environment={"DISPATCH_POST_URI": intake.url}) as stage:
        answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert stage.lost == {}
    first, again, other = invocations(intake)
    assert first == again
    assert Counter(invocation_id(span) for span in (again, other)) == Counter(
        answer.request_id for answer in answers
    )


async def test_is_restarted_while_the_sandbox_is_frozen(run: Run) -> None:
    """The kept connection is dead after the thaw; nothing has to wait for a later chance."""
    port = free_port()
    environment = {"DISPATCH_POST_URI": f"http://127.0.0.1:{port}"}
    async with run(environment=environment) as stage:
        async with Intake(port=port) as before:
            answers = await stage.invoke({})
            assert len(invocations(before)) == 1
        async with Intake(port=port) as after:
            answers += await stage.invoke({})
            assert len(invocations(after)) == 1
            assert stage.own_lines == []
            await stage.function.shutdown()
    assert_unharmed(stage, answers)
    assert stage.lost == {}


async def test_its_certificate_is_of_an_unknown_authority(run: Run, tmp_path: Path) -> None:
    """Nothing is sent to whom we cannot trust; the line says that it is the certificate."""
    _, tls = write_certificate(tmp_path)
    async with (
        Intake(tls=tls) as intake,
        run(environment={"DISPATCH_POST_URI": intake.url}) as stage,
    ):
        answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert intake.requests == []
    assert_accounted_for(stage, intake)
    [cause] = set(stage.causes)
    assert cause.startswith("ClientConnectorCertificateError: self-signed certificate; ")
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in cause


async def test_its_certificate_is_of_an_authority_of_the_users(run: Run, tmp_path: Path) -> None:
    """OTEL_EXPORTER_OTLP_CERTIFICATE names who is to be trusted."""
    trusted, tls = write_certificate(tmp_path)
    async with Intake(tls=tls) as intake:
        environment = {
            "DISPATCH_POST_URI": intake.url,
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(trusted),
        }
        async with run(environment=environment) as stage:
            answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
