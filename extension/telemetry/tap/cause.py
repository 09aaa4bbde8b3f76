"""PURE: what caused an invocation: its trigger, its remote parent, its links, its attributes.

The span of a caller that waits for the response becomes the parent. The spans that sent messages
become links, because a batch has many senders and none of them waits. The trace context of callers
that need permission to invoke the function is always used; at public endpoints the user can have
it ignored.

Sources: https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/,
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from extension.process.frozen import Frozen
from extension.telemetry.reading.read_json import read_json
from extension.telemetry.tap import names
from extension.telemetry.tap.carriers import TraceFields, context_in_body, from_object
from extension.telemetry.tap.facts import Expects, Facts, Message, Source, Trigger
from extension.telemetry.tap.json_paths import NOTHING, at, text_at
from extension.telemetry.tap.partial_json import Excerpt
from extension.telemetry.tap.recognition import Recognised, read_event, recognise
from extension.telemetry.tap.trace_context import RemoteSpan, read_context, read_xray

MOST_LINKS = 128
"""OpenTelemetry's limit of a span's links."""
MOST_MESSAGES = 256
"""Messages of a batch that are searched for a trace context."""
MOST_CONTEXT = 16_384
"""Characters of a client context; Lambda takes 3,583 bytes."""
LONGEST_TEXT = 1024
"""Longer texts are left out, not cut: a secret is not recognised by a part of it."""
LONGEST_TOOL = 128
CLIENT_CONTEXT = "lambda-runtime-client-context"
TOOL_NAME = "bedrockAgentCoreToolName"
TOOL_SEPARATOR = "___"
CUSTOM = ("custom", "Custom")
"""The custom part as most SDKs write it, and as Java's does."""


class CauseOptions(Frozen):
    """What the user configures.

    `trusts_caller`: whether to use the trace context of callers at public endpoints.
    `trace_fields`: the fields of a message's JSON body that hold the ids.
    `adopts_single_message`: whether the sender becomes the parent if the batch has one message.
    `with_names`: whether to include the attributes in `names.CHOSEN_BY_USERS`.
    """

    trusts_caller: bool = True
    trace_fields: TraceFields = ()
    adopts_single_message: bool = False
    with_names: bool = True


class Cause(Frozen):
    """What caused an invocation.

    `name`: of the span, empty for the function's. `message_count`: 0 if unknown, or no messages.
    `sent_ns`: when the request or the oldest message was accepted, 0 if unknown.
    """

    source: str
    trigger: Trigger
    kind: Literal["server", "consumer"] = "server"
    name: str = ""
    attributes: Mapping[str, Any] = NOTHING
    parent: RemoteSpan | None = None
    links: tuple[RemoteSpan, ...] = ()
    sent_ns: int = 0
    message_count: int = 0
    expects: Expects = ""
    is_cut: bool = False


DEFAULT_OPTIONS = CauseOptions()


def read_cause(
    excerpt: Excerpt, *, headers: Mapping[str, str], options: CauseOptions = DEFAULT_OPTIONS
) -> Cause:
    """Return the cause from the response to `/next`.

    `headers`: by their names in lower case.
    """
    return cause_of(
        read_event(excerpt),
        client_context=headers.get(CLIENT_CONTEXT, ""),
        options=options,
        is_cut=not excerpt.is_whole,
    )


def cause_of(
    event: Any,
    *,
    client_context: str = "",
    options: CauseOptions = DEFAULT_OPTIONS,
    is_cut: bool = False,
) -> Cause:
    """Return the cause from a parsed event; `is_cut`: a part of the event is missing."""
    custom = _custom(client_context)
    if tool := _tool(custom):
        return _by_tool(tool, custom, is_cut=is_cut)
    found = recognise(event)
    source, facts = found.source, found.facts
    spans, sent_ns = _messages(facts.messages, options.trace_fields)
    count = 0 if is_cut else facts.count
    parent = read_context(from_object(custom)) or _caller(found, options)
    links = tuple(spans)
    if options.adopts_single_message and not parent and count == len(links) == 1:
        parent, links = links[0], ()
    return Cause(
        source=source.name,
        trigger=source.trigger,
        kind="consumer" if source.trigger == "pubsub" else "server",
        name="" if _is_long(facts.name) else facts.name,
        attributes=_attributes(source, facts, is_cut=is_cut, with_names=options.with_names),
        parent=parent,
        links=links,
        sent_ns=facts.sent_ns or sent_ns,
        message_count=count,
        expects=source.expects,
        is_cut=is_cut,
    )


def _caller(found: Recognised, options: CauseOptions) -> RemoteSpan | None:
    """Return the span of the caller that waits for the response, if its context is used."""
    facts, is_public = found.facts, (found.starter or found.source).is_public
    if is_public and not options.trusts_caller:
        return None
    return read_context(facts.caller) or context_in_body(facts.caller_body, options.trace_fields)


def _messages(messages: Iterable[Message], fields: TraceFields) -> tuple[list[RemoteSpan], int]:
    """Return the senders' spans, each once, and the earliest time."""
    spans: dict[tuple[int, int], RemoteSpan] = {}
    oldest = 0
    for number, message in enumerate(messages):
        if number == MOST_MESSAGES:
            break
        if message.sent_ns:
            oldest = min(oldest, message.sent_ns) if oldest else message.sent_ns
        if len(spans) < MOST_LINKS and (span := _sender(message, fields)):
            spans.setdefault(span.ids, span)
    return list(spans.values()), oldest


def _sender(message: Message, fields: TraceFields) -> RemoteSpan | None:
    """Return the publisher's span, else the span of the service that delivered the message."""
    return (
        read_context(message.carrier)
        or context_in_body(message.body, fields)
        or (read_xray(message.xray) if message.xray else None)
    )


def _attributes(
    source: Source, facts: Facts, *, is_cut: bool, with_names: bool
) -> Mapping[str, Any]:
    """Return the attributes, bounded; a batch that was cut has no count and no message id."""
    given: dict[str, Any] = {
        names.FAAS_TRIGGER: source.trigger,
        names.SOURCE: source.name,
        names.CUT: True if is_cut else None,
        **facts.attributes,
    }
    left_out = set() if with_names else set(names.CHOSEN_BY_USERS)
    if is_cut:
        left_out |= {names.MESSAGING_COUNT, names.MESSAGING_ID}
    return {
        name: value
        for name, value in given.items()
        if value not in (None, "") and name not in left_out and not _is_long(value)
    }


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > LONGEST_TEXT


def _custom(client_context: str) -> Any:
    """Return the custom part of the client context."""
    if not client_context or len(client_context) > MOST_CONTEXT:
        return None
    try:
        context = read_json(client_context)
    except ValueError:
        return None
    return next((at(context, key) for key in CUSTOM if at(context, key)), None)


def _tool(custom: Any) -> str:
    """Return the name of the tool that AgentCore's gateway calls, without its target."""
    tool = text_at(custom, TOOL_NAME).rpartition(TOOL_SEPARATOR)[2]
    return tool if len(tool) <= LONGEST_TOOL else ""


def _by_tool(tool: str, custom: Any, *, is_cut: bool) -> Cause:
    source = Source("agentcore.gateway", "other", lambda _: True, lambda _: Facts())
    facts = Facts(attributes={names.TOOL_NAME: tool})
    return Cause(
        source=source.name,
        trigger=source.trigger,
        attributes=_attributes(source, facts, is_cut=is_cut, with_names=True),
        parent=read_context(from_object(custom)),
        is_cut=is_cut,
    )
