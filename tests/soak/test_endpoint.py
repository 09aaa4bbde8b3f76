"""The endpoint of the soak: what it takes for an acknowledgement that was read."""

from __future__ import annotations

import aiohttp

from simulator.intake import Intake
from simulator.intake.replies import Answer
from tests.posted_requests import spans
from tests.soak.endpoint import Endpoint
from tests.soak.weather import ANSWERS, Weather

HEADERS = {"Content-Type": "application/x-protobuf"}


class Calm(Weather):
    """Always takes what comes."""

    def answer(self) -> tuple[str, Answer]:
        """Take it."""
        return "ok", ANSWERS["ok"][1]


async def post(session: aiohttp.ClientSession, url: str, name: str) -> None:
    """Post a span and read the answer."""
    body = spans(name).SerializeToString()
    async with session.post(f"{url}/v1/traces", data=body, headers=HEADERS) as answer:
        assert answer.status == 200
        await answer.read()


async def test_a_request_on_the_same_connection_shows_that_the_answer_was_read() -> None:
    """The last answer on a connection may have come too late."""
    async with Intake() as intake:
        endpoint = Endpoint(intake, Calm(1, deaths=0))
        intake.respond = endpoint.respond
        for names in (("first", "second"), ("other",)):
            async with aiohttp.ClientSession() as session:
                for name in names:
                    await post(session, intake.url, name)
        known = {span.name: is_known for span, is_known in endpoint.arrivals()}
    assert known == {"first": True, "second": False, "other": False}
