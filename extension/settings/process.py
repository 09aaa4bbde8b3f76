"""What concerns the whole process, what both jobs share, and what Lambda itself sets."""

from __future__ import annotations

from extension.process.frozen import Frozen
from extension.settings.kinds import choice, pattern, port, switch, text, whole
from extension.settings.variable import variable


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
    tap: bool = variable(
        "DISPATCH_TAP",
        switch(),
        default=False,
        meaning="true: start the pump also where `AWS_LAMBDA_EXEC_WRAPPER` is not "
        "`/opt/lambda-dispatch-tap`; false: never",
    )
    tap_next: str = variable(
        "DISPATCH_TAP_NEXT",
        text("any text"),
        default="",
        meaning="another wrapper, which `/opt/lambda-dispatch-tap` starts with the command line",
    )
    tap_port: int = variable(
        "DISPATCH_TAP_PORT",
        port(0),
        default=0,
        meaning="where the pump listens if that is free, for clients that are not started by the "
        "wrapper; 0: on any free port",
    )
    """`tap` and `tap_port` are read by `bootstrap`, `tap_next` by layer/lambda-dispatch-tap."""


class RedactionConfig(Frozen):
    """What both jobs share: secrets that the cache has served do not leave in telemetry."""

    redact: bool = variable(
        "DISPATCH_REDACT",
        switch(),
        default=True,
        meaning="false: what is exported may hold secrets",
    )
    redact_strict: bool = variable(
        "DISPATCH_REDACT_STRICT",
        switch(),
        default=False,
        meaning="true: short values, words, numbers and values of keys like `host` are hidden, too",
    )
    redact_extra: str = variable(
        "DISPATCH_REDACT_EXTRA",
        pattern(),
        default="",
        meaning="what else is taken out of everything exported; `|` for several",
    )


class LocalConfig(Frozen):
    """The cache on a developer's machine; without effect in Lambda."""

    bind: str = variable(
        "DISPATCH_BIND",
        text("an IP address, with a token of 16 characters or more"),
        default="",
        meaning="a further address of the cache, which containers reach",
    )
    token_file: str = variable(
        "DISPATCH_TOKEN_FILE",
        text("a path, or file:// and a path"),
        default="",
        meaning="a file with a token for callers, beside `AWS_SESSION_TOKEN`; read for each GET",
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
    log_stream: str = variable(
        "AWS_LAMBDA_LOG_STREAM_NAME", text(), default="", meaning="where those of this sandbox go"
    )
    initialization_type: str = variable(
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        text(),
        default="on-demand",
        meaning="on-demand, provisioned-concurrency, snap-start, lambda-managed-instances",
    )

    @property
    def is_snapshot(self) -> bool:
        """Whether init ends in a snapshot of the memory, from which sandboxes are restored."""
        return self.initialization_type == "snap-start"

    @property
    def is_managed(self) -> bool:
        """Whether several requests run at once, without INVOKE, and nothing is frozen."""
        return self.initialization_type == "lambda-managed-instances"
