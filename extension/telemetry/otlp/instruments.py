"""PURE: every metric: its unit, what it says, and what a counter is split by."""

from __future__ import annotations

from typing import NamedTuple


class Instrument(NamedTuple):
    """One metric; `label`: what it is split by, if it is."""

    unit: str
    description: str
    label: str = "reason"


INSTRUMENTS = {
    "faas.invoke_duration": Instrument("s", "How long the handler ran."),
    "faas.init_duration": Instrument("s", "How long an initialization took."),
    "faas.mem_usage": Instrument("By", "Most memory that an invocation used."),
    "lambda_dispatch.memory_utilization": Instrument(
        "1", "Most memory that an invocation used, as a share of what is configured."
    ),
    "faas.cpu_usage": Instrument("s", "CPU time of the sandbox while an invocation ran."),
    "faas.net_io": Instrument("By", "Bytes on the network while an invocation ran."),
    "lambda_dispatch.tmp_usage": Instrument("By", "Bytes in /tmp when an invocation ended."),
    "lambda_dispatch.file_descriptors": Instrument(
        "{descriptor}", "Open descriptors when an invocation ended."
    ),
    "lambda_dispatch.threads": Instrument("{thread}", "Threads when an invocation ended."),
    "lambda_dispatch.message_age": Instrument(
        "s", "How long the oldest message or record of an invocation waited.", label="faas.trigger"
    ),
    "faas.coldstarts": Instrument("{coldstart}", "Invocations that waited for an initialization."),
    "faas.invocations": Instrument("{invocation}", "Invocations that succeeded."),
    "faas.errors": Instrument("{error}", "Invocations that failed, timeouts excepted."),
    "faas.timeouts": Instrument("{timeout}", "Invocations that timed out."),
    "lambda_dispatch.billed_gigabyte_seconds": Instrument(
        "{gigabyte_second}", "Billed duration times the configured memory."
    ),
    "lambda_dispatch.dropped": Instrument("{item}", "Items of telemetry that were lost."),
    "lambda_dispatch.dead_letters": Instrument(
        "{item}", "Items of telemetry that were stored instead of dropped."
    ),
    "lambda_dispatch.failed_exports": Instrument(
        "{export}", "Exports that the endpoint did not take."
    ),
    "lambda_dispatch.platform_dropped": Instrument(
        "{record}", "Records that the platform dropped."
    ),
    "lambda_dispatch.added_after_response": Instrument(
        "s", "How long an invocation was held after its response."
    ),
    "lambda_dispatch.secret_leaks": Instrument(
        "{record}", "Records that held a secret, which was removed."
    ),
    "lambda_dispatch.received.requests": Instrument(
        "{request}", "Requests of the function's SDK.", label="signal"
    ),
    "lambda_dispatch.received.bytes": Instrument(
        "By", "Bytes of requests of the function's SDK.", label="signal"
    ),
    "lambda_dispatch.received.items": Instrument(
        "{item}", "Items of the function's SDK.", label="signal"
    ),
    "lambda_dispatch.received.not_forwarded": Instrument(
        "{request}", "Requests of signals that are not exported.", label="signal"
    ),
    "lambda_dispatch.received.refused": Instrument(
        "{request}", "Requests of the function's SDK that were refused."
    ),
    "lambda_dispatch.received.redacted": Instrument(
        "{item}", "Items of the function's SDK that held a secret.", label="signal"
    ),
    "lambda_dispatch.cache.requests": Instrument(
        "{request}", "GETs that the cache answered.", label="result"
    ),
    "lambda_dispatch.cache.age": Instrument("s", "Age of the values that the cache answered with."),
    "lambda_dispatch.cache.upstream_duration": Instrument(
        "s", "How long the cache's calls to AWS took."
    ),
    "lambda_dispatch.cache.upstream_errors": Instrument(
        "{call}", "Calls of the cache to AWS that failed.", label="rpc.service"
    ),
    "lambda_dispatch.cache.throttles": Instrument(
        "{answer}", "Answers of AWS that throttled the cache.", label="rpc.service"
    ),
}
