"""Every environment variable of the product, once, with its default, unit, range and reason.

The README's configuration table is held against the sections here by a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from extension.process.frozen import Frozen
from extension.settings.sdk_variables import (
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
    ENDPOINT,
    HEADERS,
    SIGNALS,
    read_signal,
    same_origin,
)
from extension.settings.variable import (
    Problem,
    aws_endpoint,
    choice,
    choices,
    credential,
    fraction,
    http_url,
    pattern,
    pem_file,
    port,
    read,
    switch,
    text,
    variable,
    variables,
    whole,
)


class ProcessConfig(Frozen):
    """What concerns the whole process."""

    enabled: bool = variable(
        "DISPATCH_ENABLED",
        switch(),
        default=True,
        meaning="false: register, answer every event, do nothing else",
    )
    log_level: str = variable(
        "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL",
        choice("DEBUG", "INFO", "WARN", "ERROR", "NONE"),
        default="INFO",
        meaning="the least severe of our own lines that is written",
    )


class RedactionConfig(Frozen):
    """What both jobs share: secrets that the cache has served do not leave in telemetry."""

    redact: bool = variable(
        "DISPATCH_REDACT",
        switch(),
        default=True,
        meaning="off: what is exported may hold secrets",
    )
    redact_strict: bool = variable(
        "DISPATCH_REDACT_STRICT",
        switch(),
        default=False,
        meaning="on: short values, words, numbers and what stands under open keys are hidden, too",
    )
    redact_extra: str = variable(
        "DISPATCH_REDACT_EXTRA",
        pattern(),
        default="",
        meaning="what else is taken out of everything exported; `|` for several",
    )


class TelemetryConfig(Frozen):
    """Job 1: what is exported, where to, and when."""

    enabled: bool = variable(
        "DISPATCH_TELEMETRY",
        switch(),
        default=True,
        meaning="false: no telemetry, whatever else is set",
    )
    post_uri: str = variable(
        "DISPATCH_POST_URI",
        http_url(),
        default="",
        meaning="OTLP/HTTP endpoint; unset: no telemetry at all",
    )
    traces_uri: str = variable(
        "DISPATCH_TRACES_URI",
        http_url(),
        default="",
        meaning="where spans are posted, as it stands; unset: below `DISPATCH_POST_URI`",
    )
    logs_uri: str = variable(
        "DISPATCH_LOGS_URI", http_url(), default="", meaning="likewise for log records"
    )
    metrics_uri: str = variable(
        "DISPATCH_METRICS_URI", http_url(), default="", meaning="likewise for metrics"
    )
    post_headers: str = variable(
        "DISPATCH_POST_HEADERS",
        credential("key=value pairs, comma-separated, URL-encoded"),
        default="",
        meaning="headers of every export to the origin of `DISPATCH_POST_URI`",
    )
    format: str = variable(
        "DISPATCH_FORMAT",
        choice("otlp", "json"),
        default="otlp",
        meaning="json: the platform's events as they are, a JSON array a POST, instead of OTLP",
    )
    signals: tuple[str, ...] = variable(
        "DISPATCH_SIGNALS",
        choices(*SIGNALS),
        default=("traces",),
        meaning="what is made of the events; without `logs`, lines are events of their span",
    )
    events: tuple[str, ...] = variable(
        "DISPATCH_EVENTS",
        choices("platform", "function", "extension"),
        default=("platform", "function", "extension"),
        meaning="what is subscribed; without `platform` there are no invocation spans",
    )
    flush: str = variable(
        "DISPATCH_FLUSH",
        choice("auto", "end", "periodic"),
        default="auto",
        meaning="end: export before an invocation is over; periodic: with a later one; "
        "auto: end while they are rare",
    )
    min_batch_size: int = variable(
        "DISPATCH_MIN_BATCH_SIZE",
        whole(1),
        default=1,
        unit="items",
        meaning="inside an invocation nothing is exported while fewer wait",
    )
    buffer_max_bytes: int = variable(
        "DISPATCH_BUFFER_MAX_BYTES",
        whole(65_536),
        default=4_194_304,
        unit="bytes",
        meaning="most that waits for export; beyond it the oldest is dropped and counted",
    )
    trace_parent: str = variable(
        "DISPATCH_TRACE_PARENT",
        choice("xray", "link", "none"),
        default="xray",
        meaning="what X-Ray's ids are to our spans: trace and parent, a link, or nothing",
    )
    log_level_min: str = variable(
        "DISPATCH_LOG_LEVEL_MIN",
        choice("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"),
        default="TRACE",
        meaning="records below it are dropped; those without a level are kept",
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
    span_event_limit: int = variable(
        "OTEL_SPAN_EVENT_COUNT_LIMIT",
        whole(1, 1024),
        default=128,
        unit="events",
        meaning="most log lines a span carries; the others go into further spans below it",
    )
    attribute_length_limit: int = variable(
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        whole(1),
        default=4095,
        unit="characters",
        meaning="longest text of an attribute; a longer one loses its middle and says so",
    )
    span_attribute_length_limit: int = variable(
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        whole(0),
        default=0,
        unit="characters",
        meaning="the same for spans and their events; 0: as for all",
    )
    log_attribute_length_limit: int = variable(
        "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        whole(0),
        default=0,
        unit="characters",
        meaning="the same for log records; 0: as for all",
    )
    attribute_count_limit: int = variable(
        "OTEL_ATTRIBUTE_COUNT_LIMIT",
        whole(1),
        default=128,
        unit="attributes",
        meaning="most attributes of a span, event or log record; a line's own are left out first",
    )
    span_attribute_count_limit: int = variable(
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        whole(0),
        default=0,
        unit="attributes",
        meaning="the same for spans and their events; 0: as for all",
    )
    log_attribute_count_limit: int = variable(
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
        whole(0),
        default=0,
        unit="attributes",
        meaning="the same for log records; 0: as for all",
    )
    exception_signal: str = variable(
        "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN",
        choice("logs", "logs/dup"),
        default="logs",
        meaning="with the signal `logs`, an exception is told by its log record; "
        "logs/dup: on the span too",
    )
    temporality: str = variable(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        choice("delta", "cumulative", "lowmemory"),
        default="delta",
        meaning="of sums and histograms; lowmemory is delta here",
    )
    service_name: str = variable(
        "OTEL_SERVICE_NAME",
        text(),
        default="",
        meaning="`service.name` of the resource; unset: the function's name",
    )
    trigger: str = variable(
        "DISPATCH_FAAS_TRIGGER",
        choice("datasource", "http", "other", "pubsub", "timer"),
        default="other",
        meaning="`faas.trigger`: what invokes the function, which nothing here can see",
    )
    resource_attributes: str = variable(
        "OTEL_RESOURCE_ATTRIBUTES",
        text("key=value pairs, comma-separated, URL-encoded"),
        default="",
        meaning="further resource attributes; they win over what we find out",
    )

    @property
    def posted(self) -> tuple[str, ...]:
        """The signals that are on and have a URL; `events` in the JSON format."""
        if self.format == "json":
            return ("events",) if self.post_uri else ()
        return tuple(signal for signal in self.signals if self.uri_of(signal))

    def own_uri_of(self, signal: str) -> str:
        """Return the URL that is one signal's alone, empty if it has none."""
        uri: str = getattr(self, f"{signal}_uri", "")
        return uri

    def uri_of(self, signal: str) -> str:
        """Return a signal's own URL, else the one for all."""
        return self.own_uri_of(signal) or self.post_uri

    def gets_post_headers(self, signal: str) -> bool:
        """Tell whether `post_headers` are meant for a signal's URL: they may hold a key.

        They belong to the origin of the URL for all. Without that one, every URL has to be of one
        origin.
        """
        theirs = [self.post_uri] if self.post_uri else [self.uri_of(each) for each in self.posted]
        return all(same_origin(self.uri_of(signal), each) for each in theirs)


class OtlpConfig(Frozen):
    """How exports are posted; each also for one signal: `OTEL_EXPORTER_OTLP_TRACES_…` etc."""

    endpoint: str = variable(
        ENDPOINT,
        credential("an http:// or https:// URL"),
        default="",
        meaning="the function's own SDK's, never posted to: where one names another origin than "
        "`DISPATCH_POST_URI`, the SDK's headers and client certificate are not used",
    )
    headers: str = variable(
        HEADERS,
        credential("key=value pairs, comma-separated, URL-encoded"),
        default="",
        meaning="headers, if `DISPATCH_POST_HEADERS` is unset and they are meant for our endpoint",
    )
    timeout_ms: int = variable(
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        whole(1),
        default=10_000,
        unit="ms",
        meaning="longest export; inside an invocation never more than 2 s",
    )
    compression: str = variable(
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        choice("gzip", "deflate", "none"),
        default="",
        meaning="unset: gzip, but none with `DISPATCH_FORMAT=json`",
    )
    certificate: str = variable(
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        text("a PEM file"),
        default="",
        meaning="authorities trusted for https; unset: the system's",
    )
    client_certificate: str = variable(
        CLIENT_CERTIFICATE,
        text("a PEM file"),
        default="",
        meaning="our certificate, where the endpoint asks for one and it is meant for it",
    )
    client_key: str = variable(
        CLIENT_KEY,
        text("a PEM file"),
        default="",
        meaning="its key, if it is not in the same file",
    )


class ParametersConfig(Frozen):
    """Job 2: the localhost cache; those without `DISPATCH_` are AWS's own extension's."""

    enabled: bool = variable(
        "DISPATCH_CACHE",
        switch(),
        default=True,
        meaning="false: no cache and no port, for instance beside AWS's extension",
    )
    own_port: int = variable(
        "DISPATCH_CACHE_PORT",
        port(),
        default=2773,
        meaning="port of the cache, before `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT`",
    )
    cache_enabled: bool = variable(
        "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED",
        switch(),
        default=True,
        meaning="false: every GET goes to AWS",
    )
    cache_size: int = variable(
        "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE",
        whole(0, 1000, clamp=True),
        default=1000,
        unit="entries",
        meaning="most entries kept, parameters and secrets together; 0: no cache",
    )
    http_port: int = variable(
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT",
        port(),
        default=2773,
        meaning="port of the cache on localhost; AWS's extension reads it, too",
    )
    max_connections: int = variable(
        "PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS",
        whole(1),
        default=3,
        unit="connections",
        meaning="most calls under way to each of the two AWS services",
    )
    secrets_manager_timeout_ms: int = variable(
        "SECRETS_MANAGER_TIMEOUT_MILLIS",
        whole(0),
        default=0,
        unit="ms",
        meaning="longest a call may take, retries included; 0: 5000",
    )
    ssm_timeout_ms: int = variable(
        "SSM_PARAMETER_STORE_TIMEOUT_MILLIS",
        whole(0),
        default=0,
        unit="ms",
        meaning="longest a call may take, retries included; 0: 5000",
    )
    secrets_manager_ttl_s: int = variable(
        "SECRETS_MANAGER_TTL",
        whole(0),
        default=300,
        unit="s",
        meaning="how long a secret is fresh; 0: every GET goes to AWS",
    )
    ssm_ttl_s: int = variable(
        "SSM_PARAMETER_STORE_TTL",
        whole(0),
        default=300,
        unit="s",
        meaning="how long a parameter is fresh; 0: every GET goes to AWS",
    )
    ttl_limit_s: int = variable(
        "DISPATCH_CACHE_TTL_LIMIT_SECONDS",
        whole(1),
        default=300,
        unit="s",
        meaning="highest TTL accepted; a higher one is limited to it",
    )
    max_stale_s: int = variable(
        "DISPATCH_CACHE_MAX_STALE_SECONDS",
        whole(0),
        default=3600,
        unit="s",
        meaning="how long past its TTL a value is served while AWS fails; 0: never",
    )
    ttl_jitter: float = variable(
        "DISPATCH_CACHE_TTL_JITTER",
        fraction(0, 0.5),
        default=0.1,
        meaning="share of the TTL by which entries expire earlier, at random",
    )
    ready: str = variable(
        "DISPATCH_CACHE_READY",
        choice("init", "invoke"),
        default="init",
        meaning="invoke: refuse GETs until the first invocation, as AWS's extension does",
    )
    errors: str = variable(
        "DISPATCH_CACHE_ERRORS",
        choice("text", "json"),
        default="text",
        meaning="json: errors as a JSON body with code and message; a 401 stays text",
    )
    prefetch: str = variable(
        "DISPATCH_CACHE_PREFETCH",
        text("a comma list of ssm:NAME, ssm+decrypt:NAME, secretsmanager:ID"),
        default="",
        meaning="what is fetched during init",
    )
    batch: bool = variable(
        "DISPATCH_CACHE_BATCH",
        switch(),
        default=False,
        meaning="on: parameters missed at once share a GetParameters call",
    )


class AwsConfig(Frozen):
    """How AWS is reached; of the variables of AWS's SDKs these are used, and no others."""

    region: str = variable(
        "AWS_REGION", text(), default="", meaning="the region; Lambda sets it to the function's"
    )
    default_region: str = variable(
        "AWS_DEFAULT_REGION", text(), default="", meaning="the region, if `AWS_REGION` is unset"
    )
    endpoint: str = variable(
        "AWS_ENDPOINT_URL",
        aws_endpoint(),
        default="",
        meaning="endpoint of both services in place of AWS's own",
    )
    ssm_endpoint: str = variable(
        "AWS_ENDPOINT_URL_SSM",
        aws_endpoint(),
        default="",
        meaning="endpoint of Parameter Store, before `AWS_ENDPOINT_URL`",
    )
    secrets_manager_endpoint: str = variable(
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        aws_endpoint(),
        default="",
        meaning="endpoint of Secrets Manager, before `AWS_ENDPOINT_URL`",
    )
    ignore_endpoints: bool = variable(
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        switch(),
        default=False,
        meaning="true: the three endpoints above are not used",
    )
    use_fips: bool = variable(
        "AWS_USE_FIPS_ENDPOINT", switch(), default=False, meaning="true: AWS's FIPS endpoints"
    )
    use_dualstack: bool = variable(
        "AWS_USE_DUALSTACK_ENDPOINT",
        switch(),
        default=False,
        meaning="true: AWS's endpoints for IPv4 and IPv6",
    )
    ca_bundle: str = variable(
        "AWS_CA_BUNDLE",
        pem_file(),
        default="",
        meaning="authorities trusted for AWS",
    )
    requests_ca_bundle: str = variable(
        "REQUESTS_CA_BUNDLE",
        pem_file(),
        default="",
        meaning="likewise, if `AWS_CA_BUNDLE` is unset",
    )
    ssl_cert_file: str = variable(
        "SSL_CERT_FILE",
        pem_file(),
        default="",
        meaning="likewise, if both are unset; for https exports, too",
    )


class LambdaConfig(Frozen):
    """What Lambda itself says in the environment; not for users to set."""

    runtime_api: str = variable(
        "AWS_LAMBDA_RUNTIME_API", text(), default="", meaning="host:port of the Extensions API"
    )
    function_name: str = variable(
        "AWS_LAMBDA_FUNCTION_NAME", text(), default="", meaning="the function"
    )
    function_version: str = variable(
        "AWS_LAMBDA_FUNCTION_VERSION", text(), default="", meaning="its version"
    )
    memory_mb: int = variable(
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", whole(1), default=0, unit="MiB", meaning="its memory"
    )
    log_group: str = variable(
        "AWS_LAMBDA_LOG_GROUP_NAME", text(), default="", meaning="where its lines go"
    )
    initialization_type: str = variable(
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        text(),
        default="on-demand",
        meaning="on-demand, provisioned-concurrency, snap-start, lambda-managed-instances",
    )


class Config(Frozen):
    """The whole configuration."""

    process: ProcessConfig = ProcessConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    otlp: Mapping[str, OtlpConfig] = MappingProxyType(dict.fromkeys(SIGNALS, OtlpConfig()))
    """By signal."""
    withheld: tuple[str, ...] = ()
    """Variables that are not used because the SDK's endpoint, not ours, is what they are for."""
    notes: tuple[str, ...] = ()
    """What else is set and has no effect, in words."""
    redaction: RedactionConfig = RedactionConfig()
    parameters: ParametersConfig = ParametersConfig()
    aws: AwsConfig = AwsConfig()
    sandbox: LambdaConfig = LambdaConfig()


USER_SECTIONS = (
    ProcessConfig,
    TelemetryConfig,
    OtlpConfig,
    RedactionConfig,
    ParametersConfig,
    AwsConfig,
)
"""What the README's table lists."""


def read_config(environ: Mapping[str, str]) -> tuple[Config, tuple[Problem, ...]]:
    """Read every variable; what cannot be used is replaced by its default and told."""
    process, in_process = read(ProcessConfig, environ)
    telemetry, in_telemetry = read(TelemetryConfig, environ)
    otlp, in_otlp, withheld = _read_otlp(environ, telemetry=telemetry)
    redaction, in_redaction = read(RedactionConfig, environ)
    parameters, in_parameters = read(ParametersConfig, environ)
    aws, in_aws = read(AwsConfig, environ)
    sandbox, in_sandbox = read(LambdaConfig, environ)
    config = Config(
        process=process,
        telemetry=telemetry,
        otlp=otlp,
        withheld=_missed(telemetry, withheld),
        notes=(*_without_effect(telemetry), *_left_out(telemetry)),
        redaction=redaction,
        parameters=parameters,
        aws=aws,
        sandbox=sandbox,
    )
    problems = in_process + in_telemetry + in_otlp + in_redaction
    return config, problems + in_parameters + in_aws + in_sandbox


def _read_otlp(
    environ: Mapping[str, str], *, telemetry: TelemetryConfig
) -> tuple[dict[str, OtlpConfig], tuple[Problem, ...], dict[str, tuple[str, ...]]]:
    """Read the variables of each signal; the last of the three are those withheld, by signal."""
    names = [row.name for row in variables(OtlpConfig)]
    sections: dict[str, OtlpConfig] = {}
    problems: dict[Problem, None] = {}
    withheld: dict[str, tuple[str, ...]] = {}
    for signal in SIGNALS:
        values, withheld[signal] = read_signal(
            environ, names, signal=signal, ours=telemetry.uri_of(signal)
        )
        sections[signal], found = read(OtlpConfig, values)
        problems.update(dict.fromkeys(found))
    return sections, tuple(problems), withheld


def _missed(telemetry: TelemetryConfig, withheld: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return those of the withheld variables that would have been used."""
    names: dict[str, None] = {}
    for posted in telemetry.posted:
        signal = "traces" if posted == "events" else posted
        has_headers = telemetry.post_headers and telemetry.gets_post_headers(posted)
        for name in withheld[signal]:
            if not (has_headers and name.endswith("_HEADERS")):
                names[name] = None
    return tuple(names)


def _without_effect(telemetry: TelemetryConfig) -> Iterator[str]:
    """Yield what is set about URLs and has no effect."""
    for signal in SIGNALS:
        variable = f"DISPATCH_{signal.upper()}_URI"
        if telemetry.own_uri_of(signal) and signal not in telemetry.posted:
            yield f"{variable} is not used: {signal} are not in DISPATCH_SIGNALS"
        if telemetry.posted and signal in telemetry.signals and not telemetry.uri_of(signal):
            yield f"DISPATCH_SIGNALS: {signal} go nowhere without {variable} or DISPATCH_POST_URI"
        elsewhere = signal in telemetry.posted and not telemetry.gets_post_headers(signal)
        if telemetry.post_headers and elsewhere:
            yield f"DISPATCH_POST_HEADERS are not used for {signal}: their URI is of another origin"


def _left_out(telemetry: TelemetryConfig) -> Iterator[str]:
    """Yield which entries of the resource attributes are none, by their place: as for headers."""
    pairs = filter(None, map(str.strip, telemetry.resource_attributes.split(",")))
    places = [
        str(place)
        for place, pair in enumerate(pairs, start=1)
        if "=" not in pair or pair.startswith("=")
    ]
    if places:
        yield (
            f"OTEL_RESOURCE_ATTRIBUTES: entries left out: {', '.join(places)}; allowed: "
            "key=value pairs, comma-separated, URL-encoded"
        )
