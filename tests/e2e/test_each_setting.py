"""Every row of the configuration table does something that is seen from outside the process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from extension.settings.config import USER_SECTIONS, read_config
from extension.settings.variable import as_shown, variables
from simulator.intake import IntakeRequest
from tests.e2e import scene as acts
from tests.e2e.scene import Act, Scene

TWICE = Act(acts.twice)
RAISES = Act(acts.raises)
POSTS = Act(acts.posts)
LOOK = Act(acts.twice_and_look)
ONCE_MORE = Act(acts.once_more)
PORTS = Act(acts.with_ports)
SLOW_ENDPOINT = Act(acts.endpoint_is_slow)
DOWN = Act(acts.endpoint_is_down)
SLOW_AWS = Act(acts.aws_is_slow)
AT_ONCE = Act(acts.many_at_once)
LATER = Act(acts.after_a_while)
ONE_BY_ONE = Act(acts.one_by_one)
RENEWED = Act(acts.renewed_ahead)
STALE = Act(acts.when_aws_is_down)
MISSING = Act(acts.missing)
MISSING_TWICE = Act(acts.missing_twice)
DESCRIBED = Act(acts.described)
SHORT_SECRET = Act(acts.short_secret)
STARTED = Act(acts.started)
AS_A_ROLE = Act(acts.as_a_role)
REQUESTED = Act(acts.requested)
QUEUED = Act(acts.queued)
QUEUED_WITH_CONTEXT = Act(acts.queued_with_context)
EARLY = Act(acts.early, handler="early.handler")

UNRESOLVED = {"AWS_LAMBDA_EXEC_WRAPPER": "{wrapper}", "VALUE": "{{{{resolve:none}}}}"}
JSON_ERRORS = {"DISPATCH_CACHE_ERRORS": "json"}
THROUGH_A_PROXY = {"AWS_ENDPOINT_URL": "", "HTTPS_PROXY": "{proxy}"}
TAPPED = {"AWS_LAMBDA_EXEC_WRAPPER": "{tap_wrapper}"}
SECURE_AWS = {"AWS_ENDPOINT_URL": "{secure_aws}"}


def paths(scene: Scene) -> set[str]:
    """The paths that were posted to."""
    return {request.path for request in scene.requests}


def header(name: str) -> Callable[[Scene], object]:
    """The values of one header of the exports."""
    return lambda scene: {request.headers.get(name, "") for request in scene.requests}


def signed_for(scene: Scene) -> set[str]:
    """The region and the service of each signature."""
    headers = (request.headers.get("Authorization", "") for request in scene.requests)
    return {"/".join(each.split("/")[2:4]) for each in headers}


def groups(scene: Scene) -> set[str]:
    """The log groups that records were sent to."""
    return {each.headers["x-aws-log-group"] for each in scene.requests if each.path == "/v1/logs"}


def letters(scene: Scene) -> list[IntakeRequest]:
    """What was sent to be stored, where the endpoint stands for the bucket, too."""
    return [each for each in scene.requests if each.path.startswith("/letters/lost/year")]


def has_letters(scene: Scene) -> bool:
    """Whether anything was sent to be stored."""
    return bool(letters(scene))


def statuses(scene: Scene) -> list[int]:
    """How the GETs of the last invocation were answered."""
    return [status for status, _, _ in scene.answers[-1]]


def cached(scene: Scene) -> list[str]:
    """Where the values of the first invocation came from."""
    return [result for _, result, _ in scene.answers[0]]


def last_cached(scene: Scene) -> set[str]:
    """Where the values of the last invocation came from."""
    return {result for _, result, _ in scene.answers[-1]}


def bodies(scene: Scene) -> str:
    """What the endpoint got, decoded, as one text."""
    return repr((scene.intake.spans, scene.intake.logs))


def is_in_sender_s_trace(scene: Scene) -> bool:
    """Whether the span of the invocation is a child of who has caused it."""
    ids = {(span.trace_id, span.parent_span_id) for span in scene.intake.spans}
    return acts.SENDER in ids


def links(scene: Scene) -> list[tuple[str, str]]:
    """The spans that spans are linked to."""
    return [(each.trace_id, each.span_id) for span in scene.intake.spans for each in span.links]


def says(text: str) -> Callable[[Scene], object]:
    """Whether a text has arrived at the endpoint."""
    return lambda scene: text in bodies(scene)


def writes(text: str) -> Callable[[Scene], object]:
    """Whether a text stands in the extension's own lines."""
    return lambda scene: text in scene.lines


def resource(name: str) -> Callable[[Scene], object]:
    """An attribute of the resource."""
    return lambda scene: {span.resource.get(name) for span in scene.spans}


def regions(scene: Scene) -> list[set[object]]:
    """The region of the resource, and those that AWS was asked in."""
    asked: set[object] = {request.region for request in scene.aws.requests}
    return [{span.resource.get("cloud.region") for span in scene.spans}, asked]


def metrics(scene: Scene) -> set[str]:
    """The names of the metrics that have arrived."""
    return {each.name for each in scene.intake.metrics}


def triggers(scene: Scene) -> set[object]:
    """What points of metrics say of the trigger; None: nothing."""
    points = (point for each in scene.intake.metrics for point in each.points)
    return {point.attributes.get("faas.trigger") for point in points}


def fact(name: str) -> Callable[[Scene], object]:
    """What the act has noted."""
    return lambda scene: scene.facts[name]


def lines(scene: Scene) -> list[Mapping[str, Any]]:
    """The attributes of each line, as an event or as a record."""
    events = [event.attributes for span in scene.spans for event in span.events]
    return [*events, *(record.attributes for record in scene.intake.logs)]


def has_long(scene: Scene) -> bool:
    """Whether any attribute of a line has more than five characters."""
    return any(len(str(value)) > 5 for line in lines(scene) for value in line.values())


def most(scene: Scene) -> int:
    """How many attributes a line has at most."""
    return max(len(line) for line in lines(scene))


class Case(NamedTuple):
    """A row, a value, what is seen with it, and what without."""

    variable: str
    value: str
    look: Callable[[Scene], Any]
    seen: object
    otherwise: object
    given: Mapping[str, str] = {}
    act: Act = TWICE
    in_vain: str = ""
    """Where what the act waits for cannot come: `with` the value, or `without` it."""


LOGS = {"DISPATCH_SIGNALS": "logs"}
TO_LOGS = {**LOGS, "DISPATCH_SIGV4": "logs/eu-west-1"}
ENCRYPTION = "x-amz-server-side-encryption"
LETTERS = {"DISPATCH_DEAD_LETTERS": "s3://letters/lost"}
TO_INTAKE = {"AWS_ENDPOINT_URL_S3": "{intake}"}
METRICS = {"DISPATCH_SIGNALS": "metrics"}
NO_URI = {"DISPATCH_POST_URI": ""}

CASES = [
    Case("DISPATCH_ENABLED", "false", statuses, [0, 0, 0], [200, 200, 200]),
    Case("PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL", "debug", writes('"DEBUG"'), True, False),
    Case("DISPATCH_TELEMETRY", "false", paths, set(), {"/v1/traces"}),
    Case("DISPATCH_POST_URI", "{intake}/x", paths, {"/x/v1/traces"}, set(), NO_URI),
    Case("DISPATCH_SIGV4", "osis/eu-west-1", signed_for, {"eu-west-1/osis"}, {""}),
    Case("DISPATCH_LOG_GROUP", "/mine", groups, {"/mine"}, {"/lambda-dispatch/function"}, TO_LOGS),
    Case("DISPATCH_TRACES_URI", "{intake}/t?x=1", paths, {"/t?x=1"}, set(), NO_URI),
    Case("DISPATCH_LOGS_URI", "{intake}/l", paths, {"/l"}, {"/v1/logs"}, LOGS),
    Case("DISPATCH_METRICS_URI", "{intake}/m", paths, {"/m"}, {"/v1/metrics"}, METRICS),
    Case("DISPATCH_POST_HEADERS", "x-a=1", header("x-a"), {"1"}, {""}),
    Case("DISPATCH_FORMAT", "json", header("content-type"), {"application/json"},
         {"application/x-protobuf"}),
    Case("DISPATCH_SIGNALS", "logs,metrics", paths, {"/v1/logs", "/v1/metrics"}, {"/v1/traces"}),
    Case("DISPATCH_EVENTS", "platform", says("blaring"), False, True),
    Case("DISPATCH_FLUSH", "periodic", fact("waits"), True, False, act=ONCE_MORE),
    Case("DISPATCH_MIN_BATCH_SIZE", "999", fact("before the end"), 0, 2, act=LOOK),
    Case("DISPATCH_BUFFER_MAX_BYTES", "65536", writes("dropped.buffer_full"), True, False, LOGS,
         DOWN),
    Case("DISPATCH_OTLP_PORT", "{other_port}", says("from the function"), True, False,
         {"DISPATCH_OTLP_PORT": "0"}, POSTS),
    Case("DISPATCH_DEAD_LETTERS", "s3://letters/lost", has_letters, True, False, TO_INTAKE, DOWN),
    Case("DISPATCH_DEAD_LETTERS_SSE", "AES256",
         lambda scene: {each.headers.get(ENCRYPTION) for each in letters(scene)},
         {"AES256"}, {None}, {**TO_INTAKE, **LETTERS}, DOWN),
    Case("DISPATCH_TRACE_PARENT", "link", lambda scene: {len(span.links) for span in scene.spans},
         {1}, {0}),
    Case("DISPATCH_LOGS_FROM", "sdk", says("blaring"), False, True,
         {**LOGS, "DISPATCH_OTLP_PORT": "{other_port}"}),
    Case("DISPATCH_LOG_LEVEL_MIN", "INFO", says("hushed"), False, True),
    Case("DISPATCH_DETAIL_LEVEL_MIN", "INFO", says("hushed"), False, True),
    Case("DISPATCH_SLOW_MS", "1", says("hushed"), True, False,
         {"DISPATCH_DETAIL_LEVEL_MIN": "INFO"}),
    Case("DISPATCH_SAMPLE_RATIO", "0", lambda scene: len(scene.spans), 1, 2),
    Case("OTEL_TRACES_SAMPLER", "always_off", lambda scene: len(scene.spans), 1, 2,
         {"DISPATCH_SAMPLE_RATIO": "otel"}),
    Case("OTEL_TRACES_SAMPLER_ARG", "0", lambda scene: len(scene.spans), 1, 2,
         {"DISPATCH_SAMPLE_RATIO": "otel", "OTEL_TRACES_SAMPLER": "traceidratio"}),
    Case("DISPATCH_EXCLUDE_REGEX", "blar", says("blaring"), False, True),
    Case("DISPATCH_INCLUDE_REGEX", "hush", says("blaring"), False, True),
    Case("OTEL_SPAN_EVENT_COUNT_LIMIT", "1",
         lambda scene: {len(span.events) for span in scene.spans}, {1}, {3}),
    Case("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5", has_long, False, True),
    Case("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5", has_long, False, True),
    Case("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5", has_long, False, True, LOGS),
    Case("OTEL_ATTRIBUTE_COUNT_LIMIT", "1", most, 1, 2),
    Case("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1", most, 1, 2),
    Case("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "1", most, 1, 4, LOGS, RAISES),
    Case("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "logs/dup",
         lambda scene: [event.name for span in scene.spans for event in span.events],
         ["exception"], [], {"DISPATCH_SIGNALS": "traces,logs"}, RAISES),
    Case("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative",
         lambda scene: {each.temporality for each in scene.intake.metrics}, {"CUMULATIVE"},
         {"DELTA"}, METRICS),
    Case("DISPATCH_PROCESS_METRICS", "true",
         lambda scene: "faas.cpu_usage" in metrics(scene), True, False, METRICS),
    Case("OTEL_SERVICE_NAME", "shop", resource("service.name"), {"shop"}, {"function"}),
    Case("DISPATCH_FAAS_TRIGGER", "pubsub",
         lambda scene: {span.attributes["faas.trigger"] for span in scene.spans}, {"pubsub"},
         {"other"}),
    Case("DISPATCH_TRUST_CALLER", "false", is_in_sender_s_trace, False, True, TAPPED, REQUESTED),
    Case("DISPATCH_TRACE_FIELDS", "trace_id,span_id", links, [acts.SENDER], [], TAPPED, QUEUED),
    Case("DISPATCH_ADOPT_MESSAGE_PARENT", "true", is_in_sender_s_trace, True, False, TAPPED,
         QUEUED_WITH_CONTEXT),
    Case("DISPATCH_CAUSE_NAMES", "false", says("messaging.message.id"), False, True, TAPPED,
         QUEUED),
    Case("OTEL_RESOURCE_ATTRIBUTES", "team=a%20b", resource("team"), {"a b"}, {None}),
    Case("OTEL_EXPORTER_OTLP_ENDPOINT", "https://other.example", header("x-a"), {""}, {"1"},
         {"OTEL_EXPORTER_OTLP_HEADERS": "x-a=1"}),
    Case("OTEL_EXPORTER_OTLP_HEADERS", "x-a=1", header("x-a"), {"1"}, {""}),
    Case("OTEL_EXPORTER_OTLP_TIMEOUT", "1", writes("timeout"), True, False, act=SLOW_ENDPOINT),
    Case("OTEL_EXPORTER_OTLP_COMPRESSION", "deflate", header("content-encoding"), {"deflate"},
         {"gzip"}),
    Case("OTEL_EXPORTER_OTLP_CERTIFICATE", "{trusted}", paths, {"/v1/traces"}, set(),
         {"DISPATCH_POST_URI": "{secure}"}),
    Case("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "{client_both}", paths, {"/v1/traces"}, set(),
         {"DISPATCH_POST_URI": "{strict}", "OTEL_EXPORTER_OTLP_CERTIFICATE": "{trusted}"}),
    Case("OTEL_EXPORTER_OTLP_CLIENT_KEY", "{client_key}", paths, {"/v1/traces"}, set(),
         {"DISPATCH_POST_URI": "{strict}", "OTEL_EXPORTER_OTLP_CERTIFICATE": "{trusted}",
          "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "{client}"}),
    Case("DISPATCH_REDACT", "false", says("[REDACTED:s]"), False, True),
    Case("DISPATCH_REDACT_STRICT", "true", says("aaaabbbb"), False, True, act=SHORT_SECRET),
    Case("DISPATCH_REDACT_EXTRA", "blar", says("blaring"), False, True),
    Case("DISPATCH_CACHE", "false", statuses, [0, 0, 0], [200, 200, 200]),
    Case("DISPATCH_CACHE_PORT", "{other_port}", fact("ports"), (False, True), (True, False),
         act=PORTS),
    Case("PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED", "false", cached, ["BYPASS"] * 3,
         ["MISS", "MISS", "HIT"]),
    Case("PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE", "1", cached, ["MISS"] * 3,
         ["MISS", "MISS", "HIT"]),
    Case("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "{other_port}", fact("ports"), (False, True),
         (True, False), act=PORTS),
    Case("PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS", "1", fact("several"), False, True,
         act=AT_ONCE, in_vain="with"),
    Case("SECRETS_MANAGER_TIMEOUT_MILLIS", "100", statuses, [200, 400], [200, 200],
         act=SLOW_AWS, in_vain="without"),
    Case("SSM_PARAMETER_STORE_TIMEOUT_MILLIS", "100", statuses, [400, 200], [200, 200],
         act=SLOW_AWS, in_vain="without"),
    Case("SECRETS_MANAGER_TTL", "0", last_cached, {"HIT", "BYPASS"}, {"HIT"}),
    Case("SSM_PARAMETER_STORE_TTL", "0", last_cached, {"HIT", "BYPASS"}, {"HIT"}),
    Case("DISPATCH_CACHE_TTL_LIMIT_SECONDS", "90", last_cached, {"MISS"}, {"HIT"},
         {"DISPATCH_CACHE_TTL_JITTER": "0"}, LATER),
    Case("DISPATCH_CACHE_MAX_STALE_SECONDS", "60", statuses, [400, 400, 400], [200, 200, 200],
         act=STALE),
    Case("DISPATCH_CACHE_TTL_JITTER", "0.5", last_cached, {"HIT", "MISS"}, {"HIT"},
         {"SSM_PARAMETER_STORE_TTL": "100", "DISPATCH_CACHE_REFRESH_AHEAD": "0"}, ONE_BY_ONE),
    Case("DISPATCH_CACHE_REFRESH_AHEAD", "0", fact("renewed"), False, True,
         {"DISPATCH_CACHE_TTL_JITTER": "0"}, RENEWED, in_vain="with"),
    Case("DISPATCH_CACHE_NEGATIVE_TTL", "60", lambda scene: len(scene.aws.requests), 1, 2,
         act=MISSING_TWICE),
    Case("DISPATCH_SECRETS_ROTATION", "true", fact("described"), True, False, act=DESCRIBED,
         in_vain="without"),
    Case("DISPATCH_CACHE_READY", "invoke", statuses, [400], [200],
         {"EARLY_PATH": acts.PARAMETER}, EARLY),
    Case("DISPATCH_CACHE_ERRORS", "json", lambda scene: scene.answers[0][0][2][0], "{", "a",
         act=MISSING),
    Case("DISPATCH_CACHE_PREFETCH", "ssm:/p,secretsmanager:s", cached, ["HIT", "HIT", "HIT"],
         ["MISS", "MISS", "HIT"]),
    Case("DISPATCH_CACHE_BATCH", "true", lambda scene: set(scene.aws.operations),
         {"GetParameters"}, {"GetParameter"}, act=AT_ONCE, in_vain="with"),
    Case("DISPATCH_CACHE_DECRYPT", "true",
         lambda scene: {request.arguments["WithDecryption"] for request in scene.aws.requests
                        if request.operation == "GetParameter"}, {True}, {False}),
    Case("DISPATCH_SECRETS_REGIONS", "us-west-2,eu-west-1",
         lambda scene: {request.region for request in scene.aws.requests
                        if request.operation == "GetSecretValue"}, {"us-west-2"}, {"eu-central-1"}),
    Case("DISPATCH_ENV_ON_ERROR", "keep", fact("started"), True, False, UNRESOLVED, STARTED),
    Case("DISPATCH_ENV_NEXT", "/bin/false", fact("started"), False, True,
         {"AWS_LAMBDA_EXEC_WRAPPER": "{wrapper}"}, STARTED),
    Case("DISPATCH_TAP", "true", fact("ports"), (True, True), (True, False),
         {"DISPATCH_TAP_PORT": "{other_port}"}, PORTS),
    Case("DISPATCH_TAP_PORT", "{other_port}", fact("ports"), (True, True), (True, False),
         {"DISPATCH_TAP": "true"}, PORTS),
    Case("DISPATCH_TAP_NEXT", "/bin/false", fact("started"), False, True,
         {"AWS_LAMBDA_EXEC_WRAPPER": "{tap_wrapper}"}, STARTED),
    Case("DISPATCH_BIND", "0.0.0.0", writes("DISPATCH_BIND is not used in Lambda"), True, False),
    Case("DISPATCH_TOKEN_FILE", "/tmp/token", writes("DISPATCH_TOKEN_FILE is not used in Lambda"),
         True, False),
    Case("AWS_REGION", "us-west-2", regions, [{"us-west-2"}] * 2, [{"eu-central-1"}] * 2),
    Case("AWS_DEFAULT_REGION", "us-west-2", regions, [{"us-west-2"}] * 2, [{"eu-central-1"}] * 2,
         {"AWS_REGION": ""}),
    Case("AWS_ENDPOINT_URL", "{aws}", statuses, [200] * 3, [400] * 3, THROUGH_A_PROXY),
    Case("AWS_ENDPOINT_URL_SSM", "{aws}", statuses, [200, 400, 200], [400] * 3, THROUGH_A_PROXY),
    Case("AWS_ENDPOINT_URL_SECRETS_MANAGER", "{aws}", statuses, [400, 200, 400], [400] * 3,
         THROUGH_A_PROXY),
    Case("AWS_ENDPOINT_URL_STS", "{sts}", statuses, [200], [400], act=AS_A_ROLE),
    Case("DISPATCH_ROLE_EXTERNAL_ID", "e-1",
         lambda scene: {asked.arguments.get("ExternalId") for asked in scene.accounts.requests},
         {"e-1"}, {None}, {"AWS_ENDPOINT_URL_STS": "{sts}"}, AS_A_ROLE),
    Case("AWS_ENDPOINT_URL_S3", "{intake}", has_letters, True, False, LETTERS, DOWN),
    Case("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", lambda scene: set(scene.connects),
         {"ssm.eu-central-1.amazonaws.com:443", "secretsmanager.eu-central-1.amazonaws.com:443"},
         set(), {"HTTPS_PROXY": "{proxy}"}),
    Case("AWS_USE_FIPS_ENDPOINT", "true", lambda scene: "-fips." in scene.connects[0], True,
         False, THROUGH_A_PROXY),
    Case("AWS_USE_DUALSTACK_ENDPOINT", "true",
         lambda scene: scene.connects[0].endswith(".api.aws:443"), True, False, THROUGH_A_PROXY),
    Case("AWS_CA_BUNDLE", "{trusted}", statuses, [200] * 3, [400] * 3, SECURE_AWS),
    Case("REQUESTS_CA_BUNDLE", "{trusted}", statuses, [200] * 3, [400] * 3, SECURE_AWS),
    Case("SSL_CERT_FILE", "{trusted}", statuses, [200] * 3, [400] * 3, SECURE_AWS),
]  # fmt: skip


OF_ONE_SIGNAL = [
    Case("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1", writes("timeout"), True, False,
         act=SLOW_ENDPOINT),
    Case("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-a=1", header("x-a"), {"1"}, {""}),
    Case("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none", header("content-encoding"), {""},
         {"gzip"}),
]  # fmt: skip
"""Variables of one signal, which are rows of all."""

READ_TWICE = [
    Case("DISPATCH_EVENTS", "function",
         lambda scene: "lambda_dispatch.added_after_response" in metrics(scene), False, True,
         METRICS),
    Case("DISPATCH_OTLP_PORT", "{other_port}", lambda scene: len(scene.spans), 1, 2,
         {"DISPATCH_SAMPLE_RATIO": "otel", "OTEL_TRACES_SAMPLER": "xray"}),
]  # fmt: skip
"""Rows that are read before registering, too: what the rest of the process makes of them.

Without the platform's events no invocation is held for its end. What is heard of the function's
SDK, here nothing, decides which invocations are kept.
"""

OF_OTHERS = [
    Case("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5", has_long, False, True, LOGS),
    Case("OTEL_ATTRIBUTE_COUNT_LIMIT", "1", most, 1, 4, LOGS, RAISES),
    Case("DISPATCH_FAAS_TRIGGER", "pubsub", triggers, {None, "pubsub"}, {None, "other"}, METRICS),
]  # fmt: skip
"""Rows that hold for several signals: not for spans alone."""

Control = tuple[frozenset[tuple[str, str]], Act]
"""What is given to a sandbox without the variable, and what is done there."""


@pytest.fixture(scope="module")
def without() -> dict[Control, Scene]:
    """What was seen in sandboxes without the variable; many cases look at the same one."""
    return {}


@pytest.mark.parametrize(
    "case", [*CASES, *OF_ONE_SIGNAL, *READ_TWICE, *OF_OTHERS], ids=lambda case: case.variable
)
async def test_the_setting_does_what_its_row_says(
    case: Case, without: dict[Control, Scene], tmp_path: Path
) -> None:
    """With the value something is different from without it, and it is what the row says."""
    control = (frozenset(case.given.items()), case.act)
    if control not in without:
        async with Scene(tmp_path / "without", waits=case.in_vain != "without") as scene:
            await scene.play(case.given, case.act)
        without[control] = scene
    assert case.look(without[control]) == case.otherwise
    async with Scene(tmp_path / "with", waits=case.in_vain != "with") as scene:
        await scene.play({**case.given, case.variable: case.value}, case.act)
        assert case.look(scene) == case.seen


@pytest.mark.parametrize("value", ["", " "])
async def test_empty_variables_are_unset(value: str, tmp_path: Path) -> None:
    """All at once, but those that the stage needs: the whole process reads them so."""
    needed = {"DISPATCH_POST_URI", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "AWS_REGION"}
    rows = {row.name for section in USER_SECTIONS for row in variables(section)}
    async with Scene(tmp_path) as scene:
        needed |= {*scene.aws.environment}
        await scene.play(dict.fromkeys(rows - needed, value), TWICE)
        assert scene.stage
        assert scene.stage.complaints == []
        assert (paths(scene), len(scene.spans)) == ({"/v1/traces"}, 2)
        assert [status for each in scene.answers for status, _, _ in each] == [200] * 6


def test_every_row_has_a_case() -> None:
    """A row that is added needs one."""
    rows = {row.name for section in USER_SECTIONS for row in variables(section)}
    assert {case.variable for case in CASES} == rows


BAD = {
    "DISPATCH_LOG_GROUP": "aws/spans",
    "DISPATCH_POST_URI": "collector:4318",
    "DISPATCH_SIGNALS": "traces,profiles",
    "DISPATCH_EVENTS": "everything",
    "DISPATCH_CACHE_TTL_JITTER": "0.9",
    "DISPATCH_ROLE_EXTERNAL_ID": "no spaces",
    **dict.fromkeys(
        ("DISPATCH_REDACT_EXTRA", "DISPATCH_EXCLUDE_REGEX", "DISPATCH_INCLUDE_REGEX"), "(nonsense"
    ),
}


def _bad_value(row: Any) -> str:
    """Return what no kind but text allows."""
    return BAD.get(row.name, "nonsense")


@pytest.mark.parametrize(
    "row",
    [row for section in USER_SECTIONS for row in variables(section)],
    ids=lambda row: row.name,
)
def test_a_bad_value_is_one_line(row: Any) -> None:
    """It names variable, value and what is allowed; a text has no bad value.

    Of a value that could be a secret in the wrong variable it gives the length instead.
    """
    bad = _bad_value(row)
    problems = [str(each) for each in read_config({row.name: bad})[1]]
    try:
        row.kind.parse(bad)
    except ValueError:
        [problem] = problems
        assert problem.startswith(f"{row.name} = ")
        assert row.kind.allowed in problem
        assert (as_shown(bad) in problem) != row.kind.secret
    else:
        assert problems == []
        assert row.kind.allowed in FREE_TEXT


FREE_TEXT = {
    "any text",
    "the name of a sampler",
    "key=value pairs, comma-separated, URL-encoded",
    "an http:// or https:// URL",
    "a PEM file",
    "a comma list of ssm:NAME, ssm+decrypt:NAME, secretsmanager:ID",
    "an IP address, with a token of 16 characters or more",
    "a path, or file:// and a path",
}
"""Kinds that are judged where they are used."""
