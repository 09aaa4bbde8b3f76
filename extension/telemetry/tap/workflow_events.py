"""PURE: steps of workflows, durable executions, destinations, and invocations by a caller's code.

Step Functions are recognised only if the state machine's definition passes its context object in
the input. The first operation of a durable execution holds the event that started it, in every
invocation; so all its invocations have the same cause.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html,
https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html,
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html,
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestSyntax
"""

from __future__ import annotations

from typing import Any

from extension.telemetry.tap import names
from extension.telemetry.tap.carriers import from_object
from extension.telemetry.tap.facts import Event, Facts, Message, Source
from extension.telemetry.tap.json_paths import (
    is_arn,
    list_at,
    mapping_at,
    text_at,
    time_ns,
    title_at,
)

CONTEXT_PLACES: tuple[tuple[str, ...], ...] = (
    (),
    ("_datadog",),
    ("Payload",),
    ("Payload", "_datadog"),
)
"""Where definitions usually put the context object."""
EXHAUSTED = frozenset(
    ["Success", "RetriesExhausted", "EventAgeExceeded", "MaximumEventAgeExceeded"]
)


def _step(event: Event) -> Facts:
    context = _context_object(event)
    return Facts(
        attributes={
            names.AWS_STATE_MACHINE_ARN: _arn(text_at(context, "StateMachine", "Id")),
            names.EXECUTION_ARN: _arn(text_at(context, "Execution", "Id")),
            names.DETAIL: title_at(context, "State", "Name"),
        },
        caller=from_object(event),
        caller_body=event,
        sent_ns=time_ns(text_at(context, "State", "EnteredTime")),
    )


def _durable(event: Event) -> Facts:
    operations = list_at(event, "InitialExecutionState", "Operations")
    return Facts(
        attributes={
            names.EXECUTION_ARN: _arn(text_at(event, "DurableExecutionArn")),
            names.DETAIL: "start" if len(operations) == 1 else "resume",
        },
        caller_body=started_by(event),
    )


def started_by(event: Event) -> str:
    """Return the JSON of the event that started a durable execution."""
    first = mapping_at(event, "InitialExecutionState", "Operations", 0)
    if text_at(first, "Type") != "EXECUTION":
        return ""
    return text_at(first, "ExecutionDetails", "InputPayload")


def _destination(event: Event) -> Facts:
    condition = text_at(event, "requestContext", "condition")
    original = mapping_at(event, "requestPayload")
    return Facts(
        attributes={names.DETAIL: condition if condition in EXHAUSTED else ""},
        messages=[
            Message(
                carrier=from_object(original),
                body=original,
                sent_ns=time_ns(text_at(event, "timestamp")),
            )
        ],
    )


def _direct(event: Event) -> Facts:
    return Facts(caller=from_object(event), caller_body=event)


def _context_object(event: Event) -> Any:
    places = (mapping_at(event, *place) for place in CONTEXT_PLACES)
    return next((each for each in places if _is_context(each)), None)


def _is_context(value: Any) -> bool:
    parts = (mapping_at(value, name) for name in ("Execution", "StateMachine", "State"))
    return all(parts) and is_arn(text_at(value, "StateMachine", "Id"))


def _arn(text: str) -> str:
    return text if is_arn(text) else ""


def _is_step(event: Event) -> bool:
    return _context_object(event) is not None


def _is_durable(event: Event) -> bool:
    return all(
        key in event for key in ("DurableExecutionArn", "CheckpointToken", "InitialExecutionState")
    )


def _is_destination(event: Event) -> bool:
    return bool(text_at(event, "requestContext", "condition")) and "requestPayload" in event


DURABLE = Source("durable_execution", "other", _is_durable, _durable)

SOURCES = (
    DURABLE,
    Source("lambda.destination", "pubsub", _is_destination, _destination),
    Source("step_functions", "other", _is_step, _step),
)

DIRECT = Source("direct", "other", lambda _: True, _direct)
"""Events that no row recognises: those of callers, and of services that send any JSON."""
