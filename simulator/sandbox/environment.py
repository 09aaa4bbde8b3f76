"""What each process finds in its environment, and what it does not.

Source: "Defined runtime environment variables" and "Lambda extensions API" of the Lambda developer
guide: extensions see neither the handler, nor the log group and stream, nor anything that starts
with an underscore.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.settings import FunctionSettings

_PATH = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
_RUNTIME_ONLY_PREFIX = "_"
_CREDENTIALS_LIFE = timedelta(hours=12)
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the environment says about the simulator itself.

    Attributes:
        address: host:port of the Runtime API.
        log_group: Name of the log group; only the runtime gets it.
        log_stream: Name of the log stream; extensions learn it from `platform.initStart` alone.
        token: Key to the credentials endpoint, which replaces static keys under SnapStart.
    """

    address: str
    log_group: str
    log_stream: str
    token: str


def extension_environment(settings: FunctionSettings, host: Host) -> dict[str, str]:
    """Return the environment of an external extension."""
    visible = {
        name: value
        for name, value in settings.environment.items()
        if not name.startswith(_RUNTIME_ONLY_PREFIX)
    }
    shared = _defaults(settings) | visible | _reserved(settings, host)
    return _without_static_keys(shared) if settings.is_snap_start else shared


def runtime_environment(settings: FunctionSettings, host: Host, *, log_fd: int) -> dict[str, str]:
    """Return the environment of the function's runtime; `log_fd` takes framed log records."""
    everything = (
        _defaults(settings)
        | dict(settings.environment)
        | _reserved(settings, host)
        | _runtime_only(settings, host, log_fd)
    )
    if settings.is_snap_start:
        hidden = {"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"}
        restored = _without_static_keys(everything)
        return {name: value for name, value in restored.items() if name not in hidden}
    return everything


def container_credentials(settings: FunctionSettings) -> dict[str, str]:
    """Return what the credentials endpoint hands out under SnapStart, in its own words."""
    variables = _defaults(settings) | dict(settings.environment)
    key, secret, token = (variables[name] for name in _CREDENTIALS)
    expiry = datetime.now(UTC) + _CREDENTIALS_LIFE
    return {
        "AccessKeyId": key,
        "SecretAccessKey": secret,
        "Token": token,
        "Expiration": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _defaults(settings: FunctionSettings) -> dict[str, str]:
    """Return what the customer's own variables may replace."""
    return {
        "AWS_ACCESS_KEY_ID": "ASIASIMULATEDLAMBDA0",
        "AWS_SECRET_ACCESS_KEY": "simulated-secret-access-key",
        "AWS_SESSION_TOKEN": "simulated-session-token",
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_REGION": settings.region,
        "LANG": "en_US.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:{_PATH}",
        "TZ": ":UTC",
    }


def _reserved(settings: FunctionSettings, host: Host) -> dict[str, str]:
    variables = {
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": settings.name,
        "AWS_LAMBDA_FUNCTION_VERSION": settings.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": settings.initialization_type,
        "AWS_LAMBDA_RUNTIME_API": host.address,
    }
    if settings.is_managed:
        variables |= {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    if settings.is_snap_start:
        variables |= {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{host.address}/2021-04-23/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": host.token,
        }
    return variables


def _runtime_only(settings: FunctionSettings, host: Host, log_fd: int) -> dict[str, str]:
    variables = {
        "AWS_LAMBDA_LOG_GROUP_NAME": host.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": host.log_stream,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": str(settings.code.resolve()),
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "_HANDLER": settings.handler,
        "_LAMBDA_TELEMETRY_LOG_FD": str(log_fd),
    }
    if settings.runtime is None:  # an OS-only runtime has no such variable
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        variables["AWS_EXECUTION_ENV"] = f"AWS_Lambda_python{version}"
    if settings.log_format == "JSON":
        variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
    if settings.is_managed:
        variables["AWS_LAMBDA_MAX_CONCURRENCY"] = str(settings.max_concurrency)
    return variables


def _without_static_keys(variables: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in _CREDENTIALS}
