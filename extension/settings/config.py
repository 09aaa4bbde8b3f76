"""The whole configuration: every environment variable, read once.

Each section has its module beside this one. docs/configuration.md is held against them by a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from extension.process.frozen import Frozen, fields
from extension.settings.aws import AwsConfig
from extension.settings.otlp import OtlpConfig, missed, read_otlp, without_effect
from extension.settings.parameters import ParametersConfig
from extension.settings.process import (
    LambdaConfig,
    LocalConfig,
    ProcessConfig,
    RedactionConfig,
)
from extension.settings.sdk_variables import SIGNALS
from extension.settings.telemetry import TelemetryConfig
from extension.settings.variable import Problem, read, variables


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
    local: LocalConfig = LocalConfig()
    sandbox: LambdaConfig = LambdaConfig()


USER_SECTIONS = (
    ProcessConfig,
    TelemetryConfig,
    OtlpConfig,
    RedactionConfig,
    ParametersConfig,
    AwsConfig,
    LocalConfig,
)
"""What the table in docs/configuration.md lists."""

OWN_PREFIX = "DISPATCH_"
FROM_LAUNCHER = "DISPATCH_EXTENSION_NAME"
"""Set by the launcher, for the registration."""

UNKNOWN = "is no variable of this extension and has no effect: is it misspelled?"


def read_config(environ: Mapping[str, str]) -> tuple[Config, tuple[Problem, ...]]:
    """Read every variable; what cannot be used is replaced by its default and reported."""
    process, in_process = read(ProcessConfig, environ)
    telemetry, in_telemetry = read(TelemetryConfig, environ)
    otlp, in_otlp, withheld = read_otlp(environ, telemetry=telemetry)
    redaction, in_redaction = read(RedactionConfig, environ)
    parameters, in_parameters = read(ParametersConfig, environ)
    aws, in_aws = read(AwsConfig, environ)
    local, _ = read(LocalConfig, environ)  # texts: none of them is wrong by itself
    sandbox, in_sandbox = read(LambdaConfig, environ)
    config = Config(
        process=process,
        telemetry=telemetry,
        otlp=otlp,
        withheld=missed(telemetry, withheld),
        notes=(
            *without_effect(telemetry),
            *_left_out(telemetry),
            *(_not_in_lambda(local) if sandbox.runtime_api else ()),
        ),
        redaction=redaction,
        parameters=parameters,
        aws=aws,
        local=local,
        sandbox=sandbox,
    )
    problems = in_process + in_telemetry + in_otlp + in_redaction
    problems += in_parameters + in_aws + in_sandbox
    return config, (*problems, *_unknown(environ))


def _unknown(environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the variables with our prefix that nothing reads."""
    ours = {name for name in environ if name.startswith(OWN_PREFIX) and environ[name].strip()}
    if ours:
        known = {row.name for section in USER_SECTIONS for row in variables(section)}
        for name in sorted(ours - known - {FROM_LAUNCHER}):
            yield Problem(variable=name, reason=UNKNOWN)


def _not_in_lambda(local: LocalConfig) -> Iterator[str]:
    """Yield which variables are set that are for use outside Lambda."""
    for name, row in zip(fields(LocalConfig), variables(LocalConfig), strict=True):
        if getattr(local, name):
            yield f"{row.name} is not used in Lambda: the cache is for this sandbox alone"


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
