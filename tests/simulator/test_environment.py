"""Which variables each process gets, and which it must not see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simulator.sandbox.environment import (
    Host,
    container_credentials,
    extension_environment,
    runtime_environment,
)
from simulator.settings import FunctionSettings, InitializationType

HOST = Host(address="127.0.0.1:9001", log_group="group", log_stream="stream", token="token")
SETTINGS = FunctionSettings(
    code=Path("/var/task"), name="orders", memory_mb=256, environment={"MINE": "1", "_DEEP": "2"}
)
STATIC_KEYS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}


def test_an_extension_gets_exactly_what_lambda_gives() -> None:
    """The names are those of the documentation, the customer's own among them."""
    environment = extension_environment(SETTINGS, HOST)

    assert set(environment) == STATIC_KEYS | {
        "AWS_DEFAULT_REGION",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "LANG",
        "MINE",
        "PATH",
        "TZ",
    }
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "orders"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"


def test_the_runtime_gets_more() -> None:
    """Handler, log group and stream, task root and underscored names are the runtime's alone."""
    extra = set(runtime_environment(SETTINGS, HOST, log_fd=7)) - set(
        extension_environment(SETTINGS, HOST)
    )

    assert extra >= {
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_TASK_ROOT",
        "_DEEP",
        "_HANDLER",
        "_LAMBDA_TELEMETRY_LOG_FD",
    }


def test_customers_may_replace_keys_and_region_but_not_the_function() -> None:
    """Credentials, region, path and time zone can be set; what Lambda reserves cannot."""
    chosen = {"AWS_REGION": "us-east-1", "TZ": "Europe/Berlin", "AWS_LAMBDA_FUNCTION_NAME": "no"}
    environment = extension_environment(replace(SETTINGS, environment=chosen), HOST)

    assert environment["AWS_REGION"] == "us-east-1"
    assert environment["TZ"] == "Europe/Berlin"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "orders"


def test_snap_start_has_no_static_keys() -> None:
    """A snapshot holds a place to fetch credentials from, and no log stream."""
    settings = replace(SETTINGS, initialization_type="snap-start")
    for environment in (
        extension_environment(settings, HOST),
        runtime_environment(settings, HOST, log_fd=7),
    ):
        assert not STATIC_KEYS & set(environment)
        assert environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] == "token"
        assert "AWS_LAMBDA_LOG_STREAM_NAME" not in environment

    credentials = container_credentials(replace(settings, environment={"AWS_SESSION_TOKEN": "t"}))
    assert set(credentials) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert credentials["Token"] == "t"


def test_managed_instances_log_json_and_hide_their_concurrency() -> None:
    """Extensions see the log format of Managed Instances, but only the runtime the workers."""
    settings = replace(SETTINGS, initialization_type="lambda-managed-instances")

    assert extension_environment(settings, HOST)["AWS_LAMBDA_LOG_FORMAT"] == "JSON"
    assert "AWS_LAMBDA_MAX_CONCURRENCY" not in extension_environment(settings, HOST)
    assert runtime_environment(settings, HOST, log_fd=7)["AWS_LAMBDA_MAX_CONCURRENCY"] == "2"


@pytest.mark.parametrize(
    ("initialization_type", "limit_s"), [("on-demand", 10), ("provisioned-concurrency", 130)]
)
def test_init_limits_depend_on_the_kind_of_init(
    initialization_type: InitializationType, limit_s: float
) -> None:
    """An init on demand has 10 seconds, a prepared one 130 or the function's timeout."""
    settings = replace(SETTINGS, initialization_type=initialization_type)

    assert settings.init_limit_s == limit_s
    assert replace(settings, init_timeout_s=1.5).init_limit_s == 1.5
