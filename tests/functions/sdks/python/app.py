"""A function with an OpenTelemetry SDK: spans of its own, a line, and the end it is asked for."""

import logging
import time

from opentelemetry import _logs, trace

logger = logging.getLogger()
logger.setLevel(logging.INFO)
tracer = trace.get_tracer("shop")


class OrderError(Exception):
    """What the function raises."""


def handler(event: dict[str, object], context: object) -> dict[str, object]:
    """Make a span and a client span in it, write a line, and do what the event says."""
    with (
        tracer.start_as_current_span("price", attributes={"order.id": 7}),
        tracer.start_as_current_span("GET /stock", kind=trace.SpanKind.CLIENT),
    ):
        logger.info("order 7")
    for number in range(int(str(event.get("spans", 0)))):
        tracer.start_span(f"span {number}").end()
    match event.get("do"):
        case "raise":
            raise OrderError("no stock")
        case "sleep":
            time.sleep(60)
        case "flush logs":
            _logs.get_logger_provider().force_flush()  # type: ignore[attr-defined]
    return {"statusCode": 200, "body": "done"}
