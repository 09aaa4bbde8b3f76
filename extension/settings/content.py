"""The variables of what telemetry holds: what is selected, how large it is, what the tap adds."""

from __future__ import annotations

from extension.process.frozen import Frozen
from extension.settings.kinds import choice, fraction_or, id_fields, pattern, switch, text, whole
from extension.settings.variable import variable


class SelectionConfig(Frozen):
    """Which invocations and log records are kept."""

    log_level_min: str = variable(
        "DISPATCH_LOG_LEVEL_MIN",
        choice("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"),
        default="TRACE",
        meaning="records below it are dropped; those without a level are kept",
    )
    detail_level_min: str = variable(
        "DISPATCH_DETAIL_LEVEL_MIN",
        choice("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"),
        default="",
        meaning="records below it are kept only of invocations that failed, timed out, ran out of "
        "memory or were slow; unset: as `DISPATCH_LOG_LEVEL_MIN`",
    )
    slow_ms: int = variable(
        "DISPATCH_SLOW_MS",
        whole(0),
        default=0,
        unit="milliseconds",
        meaning="an invocation that takes longer is slow, and kept as if it had failed; 0: none",
    )
    sample_ratio: float | None = variable(
        "DISPATCH_SAMPLE_RATIO",
        fraction_or("otel", 0, 1),
        default=1.0,
        meaning="share that is kept of the invocations that neither failed nor were slow nor cold, "
        "with all that belongs to them; metrics count all; otel: those that the function's SDK "
        "samples",
    )
    sdk_sampler: str = variable(
        "OTEL_TRACES_SAMPLER",
        text("the name of a sampler"),
        default="parentbased_always_on",
        meaning="the function's own SDK's; ours with `DISPATCH_SAMPLE_RATIO=otel`",
    )
    sdk_sampler_argument: str = variable(
        "OTEL_TRACES_SAMPLER_ARG",
        text(),
        default="",
        meaning="likewise: the ratio of `traceidratio` and `parentbased_traceidratio`",
    )
    exclude_regex: str = variable(
        "DISPATCH_EXCLUDE_REGEX",
        pattern(),
        default="",
        meaning="records whose body it is found in are dropped",
    )
    include_regex: str = variable(
        "DISPATCH_INCLUDE_REGEX",
        pattern(),
        default="",
        meaning="records whose body it is not found in are dropped",
    )


class LimitsConfig(Frozen):
    """How long and how many attributes and events are."""

    span_events: int = variable(
        "OTEL_SPAN_EVENT_COUNT_LIMIT",
        whole(1, 1024),
        default=128,
        unit="events",
        meaning="most log lines a span carries; the others go into further spans below it",
    )
    attribute_length: int = variable(
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        whole(1),
        default=4095,
        unit="characters",
        meaning="longest text of an attribute; a longer one loses its middle and says so",
    )
    span_attribute_length: int = variable(
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        whole(0),
        default=0,
        unit="characters",
        meaning="the same for spans and their events; 0: as for all",
    )
    log_attribute_length: int = variable(
        "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        whole(0),
        default=0,
        unit="characters",
        meaning="the same for log records; 0: as for all",
    )
    attribute_count: int = variable(
        "OTEL_ATTRIBUTE_COUNT_LIMIT",
        whole(1),
        default=128,
        unit="attributes",
        meaning="most attributes of a span, event or log record; a line's own are left out first",
    )
    span_attribute_count: int = variable(
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        whole(0),
        default=0,
        unit="attributes",
        meaning="the same for spans and their events; 0: as for all",
    )
    log_attribute_count: int = variable(
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
        whole(0),
        default=0,
        unit="attributes",
        meaning="the same for log records; 0: as for all",
    )


class TapConfig(Frozen):
    """What is taken from the events that the tap sees."""

    trust_caller: bool = variable(
        "DISPATCH_TRUST_CALLER",
        switch(),
        default=True,
        meaning="with the tap; false: the trace context of requests at public endpoints is ignored",
    )
    trace_fields: tuple[str, ...] = variable(
        "DISPATCH_TRACE_FIELDS",
        id_fields(),
        default=(),
        meaning="with the tap: where the JSON of messages and requests has the ids of the sender's "
        "trace and span, if not in a `traceparent`",
    )
    adopt_message_parent: bool = variable(
        "DISPATCH_ADOPT_MESSAGE_PARENT",
        switch(),
        default=False,
        meaning="with the tap; true: the sender of a single message is the parent, not a link",
    )
    cause_names: bool = variable(
        "DISPATCH_CAUSE_NAMES",
        switch(),
        default=True,
        meaning="with the tap; false: without the attributes that may name a person or an order: "
        "path, client address, user agent, message id, object key",
    )
