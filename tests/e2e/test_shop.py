"""The shop of examples/shop: services that tell each other by messages, through the real pump."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from simulator.demo.linked import as_mermaid
from simulator.demo.shop import CODE, open_shop

if TYPE_CHECKING:
    from simulator.answers import Answer
    from simulator.intake.otlp import Span

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Played:
    """What one order left behind."""

    answers: list[Answer]
    spans: dict[str, Span]
    picture: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played() -> AsyncIterator[Played]:
    """One order, placed and worked on by all services."""
    found = Played()
    async with open_shop() as shop:
        found.answers = await shop.place_order()
        found.spans = {str(each.resource["service.name"]): each for each in shop.spans}
        found.picture = as_mermaid(shop.spans)
    yield found


async def test_the_services_answer(played: Played) -> None:
    """The tap changes nothing that they get or give."""
    placed, *others = [json.loads(each.payload) for each in played.answers]
    assert placed["statusCode"] == 202
    assert others == [{"batchItemFailures": []}] * 3


@pytest.mark.parametrize("service", ["shipping", "billing", "mail"])
async def test_a_consumer_is_linked_to_its_producer(played: Played, service: str) -> None:
    """Through a notification in a queue, an attribute of a message, and an event's own fields."""
    checkout, consumer = played.spans["checkout"], played.spans[service]
    assert consumer.trace_id != checkout.trace_id
    links = [(link.trace_id, link.span_id) for link in consumer.links]
    assert links == [(checkout.trace_id, checkout.span_id)]
    assert consumer.kind == "CONSUMER"


async def test_each_service_says_why_it_was_invoked(played: Played) -> None:
    """The trigger, where the message came through, how long it waited, and the response."""
    checkout = played.spans["checkout"].attributes
    assert (checkout["http.route"], checkout["http.response.status_code"]) == ("/orders", 202)
    for service, system, destination in (
        ("shipping", "aws_sqs", "shipments"),
        ("billing", "aws_sqs", "invoices"),
        ("mail", "aws.eventbridge", "shop.checkout"),
    ):
        told = played.spans[service].attributes
        assert told["faas.trigger"] == "pubsub"
        assert (told["messaging.system"], told["messaging.destination.name"]) == (
            system,
            destination,
        )
        assert float(str(told["lambda_dispatch.cause.age_ms"])) >= 0
        assert float(str(told["lambda_dispatch.time_to_first_byte_ms"])) > 0
    assert (
        played.spans["shipping"].attributes["messaging.destination_publish.name"] == "order-placed"
    )


async def test_the_readme_shows_the_same_picture(played: Played) -> None:
    """As `python -m simulator.demo.shop` prints it."""
    [shown] = re.findall(r"```mermaid\n(.*?)\n```", (CODE / "README.md").read_text(), re.DOTALL)
    assert shown == played.picture
