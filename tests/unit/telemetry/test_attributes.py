"""Our attribute names are those of the conventions."""

from __future__ import annotations

from importlib import import_module

from extension.telemetry.otlp.attributes import CONVENTIONAL

HOMES = (
    "opentelemetry.semconv._incubating.attributes.aws_attributes",
    "opentelemetry.semconv._incubating.attributes.cloud_attributes",
    "opentelemetry.semconv._incubating.attributes.faas_attributes",
    "opentelemetry.semconv._incubating.attributes.rpc_attributes",
    "opentelemetry.semconv._incubating.attributes.telemetry_attributes",
    "opentelemetry.semconv.attributes.error_attributes",
    "opentelemetry.semconv.attributes.exception_attributes",
    "opentelemetry.semconv.attributes.service_attributes",
)


def test_conventional_names_are_in_the_conventions() -> None:
    """Each name that we take for conventional stands in the official package."""
    modules = [import_module(name) for name in HOMES]
    official = {value for module in modules for value in vars(module).values()
                if isinstance(value, str)}  # fmt: skip
    assert len(CONVENTIONAL) > 15
    assert set(CONVENTIONAL) <= official


def test_metrics_are_the_conventions_metrics() -> None:
    """Names and units of the FaaS metrics are the official ones."""
    from opentelemetry.semconv._incubating.metrics import faas_metrics  # noqa: PLC0415

    from extension.telemetry.otlp.instruments import INSTRUMENTS  # noqa: PLC0415

    official = {value for value in vars(faas_metrics).values() if isinstance(value, str)}
    ours = {name for name in INSTRUMENTS if name.startswith("faas.")}
    assert ours <= official
