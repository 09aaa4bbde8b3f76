"""`python -m simulator.demo.shop`: the services of examples/shop, whose spans the tap links.

A request places an order, moto carries the messages, and each service is a function in a local
Lambda of its own, with the extension and the tap. What is printed is a picture in Mermaid.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from simulator.aws import LocalAws
from simulator.demo.linked import as_mermaid
from simulator.dispatch import beside_dispatch
from simulator.intake import Intake
from simulator.local_lambda import LocalLambda
from simulator.settings import FunctionSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from simulator.answers import Answer
    from simulator.intake.otlp import Span

ROOT = Path(__file__).resolve().parents[2]
CODE = ROOT / "examples" / "shop"
TAP = ROOT / "layer" / "lambda-dispatch-tap"
REGION, ACCOUNT = "eu-central-1", "123456789012"
SERVICES = ("checkout", "shipping", "billing", "mail")
DEADLINE_S = 60.0

REQUEST: dict[str, Any] = {
    "version": "2.0",
    "routeKey": "POST /orders",
    "rawPath": "/orders",
    "rawQueryString": "",
    "headers": {"content-type": "application/json"},
    "requestContext": {
        "domainName": "shop.example",
        "http": {
            "method": "POST",
            "path": "/orders",
            "protocol": "HTTP/1.1",
            "sourceIp": "203.0.113.9",
            "userAgent": "browser",
        },
        "routeKey": "POST /orders",
    },
    "body": json.dumps({"order": 7}),
    "isBase64Encoded": False,
}
"""What API Gateway sends for an order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wires:
    """The topic, the bus and the queues between the services."""

    url: str

    def __post_init__(self) -> None:
        topic = self.call("sns", "create_topic", Name="order-placed")["TopicArn"]
        for queue in ("shipments", "invoices", "mails"):
            self.call("sqs", "create_queue", QueueName=queue)
        self.call("sns", "subscribe", TopicArn=topic, Protocol="sqs", Endpoint=arn("shipments"))
        self.call("events", "create_event_bus", Name="shop")
        pattern = json.dumps({"source": ["shop.checkout"]})
        self.call("events", "put_rule", Name="mail", EventBusName="shop", EventPattern=pattern)
        # The queue stands for the function, which moto cannot invoke.
        targets = [{"Id": "mail", "Arn": arn("mails")}]
        self.call("events", "put_targets", Rule="mail", EventBusName="shop", Targets=targets)

    @property
    def environment(self) -> dict[str, str]:
        """What the services need to know."""
        return {
            "TOPIC_ARN": f"arn:aws:sns:{REGION}:{ACCOUNT}:order-placed",
            "BUS_NAME": "shop",
            "QUEUE_URL": f"{self.url}/{ACCOUNT}/invoices",
        }

    def records(self, queue: str) -> list[dict[str, Any]]:
        """Return what waits in a queue, as Lambda hands it to a function."""
        received = self.call(
            "sqs",
            "receive_message",
            QueueUrl=f"{self.url}/{ACCOUNT}/{queue}",
            MessageAttributeNames=["All"],
            AttributeNames=["All"],
            MaxNumberOfMessages=10,
        )
        return [_record(message, queue=queue) for message in received.get("Messages", ())]

    def call(self, service: str, operation: str, **arguments: Any) -> Any:
        """Call moto."""
        client = boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="AKIDLOCALEXAMPLE",
            aws_secret_access_key="local-secret-access-key",
        )
        try:
            return getattr(client, operation)(**arguments)
        finally:
            client.close()


class Shop:
    """The services, once they run; `spans` is what they have exported."""

    def __init__(self, wires: Wires, intake: Intake, services: Mapping[str, LocalLambda]) -> None:
        self._wires = wires
        self._intake = intake
        self._services = services

    @property
    def spans(self) -> list[Span]:
        """The spans of invocations."""
        return [each for each in self._intake.spans if "faas.trigger" in each.attributes]

    async def place_order(self) -> list[Answer]:
        """Place one order and let the services work on it; return their answers."""
        placed = await self._services["checkout"].invoke(REQUEST)
        deliveries = await asyncio.to_thread(self._deliveries)
        answers = [await self._services[name].invoke(each) for name, each in deliveries.items()]
        expected = len(answers) + 1
        await self._intake.wait_for(lambda _: len(self.spans) == expected, deadline_s=DEADLINE_S)
        return [placed, *answers]

    def _deliveries(self) -> dict[str, Any]:
        [mail] = self._wires.records("mails")
        return {
            "shipping": {"Records": self._wires.records("shipments")},
            "billing": {"Records": self._wires.records("invoices")},
            "mail": json.loads(mail["body"]),
        }


@asynccontextmanager
async def open_shop() -> AsyncIterator[Shop]:
    """Start AWS, an endpoint for the spans, and the Lambdas; sandboxes start when needed."""
    async with AsyncExitStack() as stack:
        aws = await stack.enter_async_context(LocalAws(region=REGION))
        intake = await stack.enter_async_context(Intake())
        wires = await asyncio.to_thread(Wires, url=aws.url)
        services = {}
        for name in SERVICES:
            bare = FunctionSettings(
                name=name,
                code=CODE,
                handler="checkout.handler" if name == "checkout" else "worker.handler",
                timeout_s=30.0,
                init_timeout_s=30.0,
                environment={
                    **aws.environment,
                    **wires.environment,
                    "AWS_LAMBDA_EXEC_WRAPPER": str(TAP),
                    "DISPATCH_POST_URI": intake.url,
                    "DISPATCH_TRACE_FIELDS": "trace_id,span_id",
                },
            )
            settings, _ = await stack.enter_async_context(beside_dispatch(bare))
            services[name] = await stack.enter_async_context(LocalLambda(settings))
        yield Shop(wires, intake, services)


def arn(queue: str) -> str:
    """Return the ARN of a queue."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"


def _record(message: Mapping[str, Any], *, queue: str) -> dict[str, Any]:
    attributes = {
        name: {key[0].lower() + key[1:]: value for key, value in each.items()}
        for name, each in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn(queue),
        "awsRegion": REGION,
    }


async def main() -> None:
    """Place an order and print how the spans are linked."""
    argparse.ArgumentParser(
        prog="python -m simulator.demo.shop",
        description="Run the services of examples/shop in local Lambdas, place an order, and print "
        "how their spans are linked, as a picture in Mermaid.",
    ).parse_args()
    async with open_shop() as shop:
        await shop.place_order()
        print(as_mermaid(shop.spans))


if __name__ == "__main__":
    asyncio.run(main())
