"""The endpoint refuses one signal, by a quota or a broken pipeline: the others leave as always."""

from __future__ import annotations

from simulator.intake import Intake, IntakeRequest
from simulator.intake.replies import Reply
from tests.e2e.failures.announced import Announced, deliver, lost, next_is_asked, sandbox
from tests.e2e.failures.expectations import invocations


def refuse_logs(request: IntakeRequest) -> Reply:
    """Answer 429 to logs alone, and later than what is accepted."""
    return Reply(status=429, delay_s=0.2) if request.path == "/v1/logs" else Reply()


async def test_logs_are_over_their_quota() -> None:
    """Each invocation's span is there before /next, and the last ones at SHUTDOWN."""
    async with Intake(respond=refuse_logs) as intake:
        environment = {
            "DISPATCH_POST_URI": intake.url,
            "DISPATCH_FLUSH": "end",
            "DISPATCH_SIGNALS": "traces,logs",
        }
        async with sandbox(**environment) as platform:
            for number in range(1, 5):
                announced = Announced(number)
                platform.send(announced.invoke())
                deliver(platform, announced.start, announced.line("a line"), announced.done)
                await next_is_asked(platform, number + 1)
                assert len(invocations(intake)) == number
    assert lost(platform) == {"unsent": 4}
