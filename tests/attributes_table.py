"""The tables in docs/attributes.md, from the code's names; run this to write them."""

from __future__ import annotations

import re
from pathlib import Path

from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.instruments import INSTRUMENTS
from extension.telemetry.tap import names as tap

DOCUMENT = Path(__file__).parent.parent / "docs" / "attributes.md"
BLOCK = re.compile(r"<!-- (\w+) -->\n(.*?)<!-- /\1 -->", re.DOTALL)

RESOURCE, SPAN, CALL, RECORD, OVERHEAD, INIT = (
    "resource", "invocation", "call to AWS", "line", "`extension overhead`", "`init`",
)  # fmt: skip
SIGNALS = "for Application Signals, with X-Ray as the endpoint"
TAPPED = f"{SPAN}, with the [tap](tap.md)"

MEANINGS = {
    names.AWS_LAMBDA_INVOKED_ARN: (SPAN, "the ARN by which the function was invoked"),
    names.AWS_LOG_GROUP_NAMES: (RESOURCE, "the log groups that hold the lines of the function"),
    names.AWS_LOG_STREAM_NAMES: (RESOURCE, "the log stream of the sandbox"),
    names.AWS_REQUEST_ID: (CALL, "AWS's id of the call"),
    names.CLOUD_ACCOUNT_ID: (f"{RESOURCE}, {SPAN}", "the account"),
    names.CLOUD_PLATFORM: (RESOURCE, "`aws_lambda`"),
    names.CLOUD_PROVIDER: (RESOURCE, "`aws`"),
    names.CLOUD_REGION: (f"{RESOURCE}, {CALL}", "the Region of the function, or of the call"),
    names.CLOUD_RESOURCE_ID: (f"{RESOURCE}, {SPAN}", "the ARN of the function, without an alias"),
    names.ERROR_TYPE: (
        f"{SPAN}, {INIT}, {CALL}",
        "type of the exception, `timeout`, or AWS's code",
    ),
    names.EXCEPTION_MESSAGE: (RECORD, "message of an exception"),
    names.EXCEPTION_STACKTRACE: (RECORD, "its stack trace"),
    names.EXCEPTION_TYPE: (RECORD, "its type"),
    names.FAAS_COLDSTART: (SPAN, "whether the invocation waited for an init"),
    names.FAAS_INSTANCE: (RESOURCE, "the sandbox: the name of its log stream"),
    names.FAAS_INVOCATION_ID: (f"{SPAN}, its children, {RECORD}", "the request id"),
    names.FAAS_MAX_MEMORY: (RESOURCE, "configured memory, in bytes"),
    names.FAAS_NAME: (RESOURCE, "name of the function"),
    names.FAAS_TRIGGER: (f"{SPAN}, metrics", "what invoked it; see `DISPATCH_FAAS_TRIGGER`"),
    names.FAAS_VERSION: (f"{RESOURCE}, {SPAN}", "version of the function"),
    names.RPC_METHOD: (CALL, "such as `GetSecretValue`"),
    names.RPC_SERVICE: (CALL, "`SSM` or `Secrets Manager`"),
    names.RPC_SYSTEM: (CALL, "`aws-api`"),
    names.SERVICE_NAME: (RESOURCE, "`OTEL_SERVICE_NAME`, or the function's name"),
    names.TELEMETRY_DISTRO_NAME: (RESOURCE, "`lambda-dispatch`"),
    names.TELEMETRY_DISTRO_VERSION: (RESOURCE, "its version"),
    names.AWS_LOCAL_OPERATION: (SPAN, SIGNALS),
    names.AWS_LOCAL_SERVICE: (SPAN, SIGNALS),
    names.AWS_REMOTE_OPERATION: (CALL, SIGNALS),
    names.AWS_REMOTE_SERVICE: (CALL, SIGNALS),
    names.AWS_SPAN_KIND: (f"{SPAN}, {CALL}", SIGNALS),
    names.AWS_XRAY_TRACE_ID: (f"{SPAN}, {INIT}", "X-Ray's trace, where the span is in another one"),
    names.LOG_MESSAGE: (RECORD, "text of a line that is an event of a span"),
    names.LOG_SEVERITY: (RECORD, "its level"),
    names.SECRET_LEAKED: (
        SPAN,
        "the secrets, by name, that lines of it held and that were removed",
    ),
    names.ATTEMPTS: (CALL, "how often AWS was asked"),
    names.BILLED_DURATION_MS: (OVERHEAD, "what Lambda bills, in ms"),
    names.BILLED_RESTORE_DURATION_MS: (OVERHEAD, "what it bills for a restore, in ms"),
    names.CACHE_HITS: (SPAN, "GETs that the cache answered itself"),
    names.CACHE_MISSES: (SPAN, "GETs for which AWS was asked"),
    names.CACHE_STALE: (SPAN, "GETs that got an expired value"),
    names.CACHE_WAIT_MS: (SPAN, "how long GETs took, together"),
    names.CUT_FROM: ("all", "size in bytes before it was cut for the back end"),
    names.DURATION_MS: (SPAN, "duration by the platform's measure"),
    names.ENTRY: (CALL, "the parameter or secret, without its value"),
    names.INCOMPLETE: (
        SPAN,
        "true: its end was not heard; where one runs at a time, it ends with its last line",
    ),
    names.INIT_DURATION_MS: (OVERHEAD, "duration of the init, by the platform"),
    names.INIT_PHASE: (INIT, "the phase in which it ran: `init` or `invoke`"),
    names.INIT_TYPE: (INIT, "`on-demand`, `provisioned-concurrency`, `snap-start` …"),
    names.LOG_SOURCE: (RECORD, "`extension`, if another extension wrote the line"),
    names.INFERRED_FROM_LOG: (SPAN, "true: the error was recognised by its log line"),
    names.MAX_MEMORY_USED: (OVERHEAD, "most memory that was used, in bytes"),
    names.PART: ("`more logs`", "number of the part, from 2"),
    names.PRODUCED_BYTES: (SPAN, "size of the answer"),
    names.RESTORE_DURATION_MS: (OVERHEAD, "duration of a restore from a snapshot"),
    names.STATUS: (
        f"{SPAN}, {INIT}",
        "`success`, `error`, `failure` or `timeout`, as the platform says",
    ),
    names.THROTTLES: (CALL, "how often AWS throttled it"),
    names.TENANT_ID: (SPAN, "the tenant, where the function isolates tenants"),
    tap.AGE_MS: (TAPPED, "how long the request, or the oldest message, waited, in ms"),
    tap.CUT: (TAPPED, "true: the middle of the event was not copied"),
    tap.DETAIL: (TAPPED, "what kind of event of its source it was"),
    tap.EXECUTION_ARN: (TAPPED, "the execution of Step Functions, or the durable one"),
    tap.FIRST_BYTE_MS: (TAPPED, "from the event to the first byte of the response, in ms"),
    tap.FAILED_MESSAGES: (TAPPED, "messages of the batch that the function reported as failed"),
    tap.RECEIVE_COUNT: (TAPPED, "how often the message that was tried most often was received"),
    tap.RESPONSE_BYTES: (TAPPED, "size of the response, with all that was posted"),
    tap.SOURCE: (TAPPED, "where the event came from"),
}
"""Where each attribute stands, and what it says."""

HISTOGRAMS = frozenset(
    name
    for name, each in INSTRUMENTS.items()
    if each.unit in ("s", "By", "1", "{descriptor}", "{thread}") and ".received." not in name
)


def known() -> set[str]:
    """Return the names of all attributes."""
    of_all = {value for name, value in vars(names).items() if name.isupper()}
    of_tap = {value for name, value in vars(tap).items() if name.isupper()} - set(tap.CONVENTIONAL)
    return {value for value in of_all | of_tap if type(value) is str}


def tables() -> dict[str, str]:
    """Return each table as it should stand in the document, by its mark."""
    ours = sorted(each for each in MEANINGS if each.startswith(("lambda_dispatch.", "secret.")))
    others = sorted(set(MEANINGS) - set(ours))
    return {"ours": _attributes(ours), "conventional": _attributes(others), "metrics": _metrics()}


def _attributes(chosen: list[str]) -> str:
    rows = (f"| `{each}` | {MEANINGS[each][0]} | {MEANINGS[each][1]} |\n" for each in chosen)
    return "| Attribute | On | Meaning |\n| --- | --- | --- |\n" + "".join(rows)


def _metrics() -> str:
    rows = (
        f"| `{name}` | {'histogram' if name in HISTOGRAMS else 'sum'} | {each.unit} "
        f"| {_split_by(name)} | {each.description} |\n"
        for name, each in INSTRUMENTS.items()
    )
    head = "| Metric | Kind | Unit | Split by | Meaning |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(rows)


def _split_by(name: str) -> str:
    if name.startswith("faas.") or INSTRUMENTS[name].label == names.FAAS_TRIGGER:
        return f"`{names.FAAS_TRIGGER}`"
    return "" if name in HISTOGRAMS or name in UNSPLIT else f"`{INSTRUMENTS[name].label}`"


UNSPLIT = frozenset(
    f"lambda_dispatch.{each}"
    for each in ("billed_gigabyte_seconds", "dead_letters", "failed_exports", "platform_dropped",
                 "secret_leaks")
)  # fmt: skip


if __name__ == "__main__":
    text = DOCUMENT.read_text()
    for mark, table in tables().items():
        block = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
        text = block.sub(lambda found, table=table: found[1] + table + found[2], text)  # type: ignore[misc]
    DOCUMENT.write_text(text)
