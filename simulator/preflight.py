"""Telling a set-up that cannot work from a function that merely fails."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.errors import Failure
    from simulator.sandbox.sandbox import Sandbox
    from simulator.settings import FunctionSettings

_HANDLER_PROBLEMS = {
    "Runtime.HandlerNotFound",
    "Runtime.MalformedHandlerName",
    "Runtime.UserCodeSyntaxError",
}


def check_settings(settings: FunctionSettings) -> None:
    """Raise SimulatorError for what can be seen without starting anything."""
    if not settings.code.is_dir():
        raise SimulatorError(f"{settings.code}: there is no such folder with a function")
    if settings.runtime is None:
        _check_handler(settings)
    if settings.extensions is not None:
        _check_extensions(settings)


def setup_problem(sandbox: Sandbox, failure: Failure) -> str:
    """Return why a failed init can never succeed; empty when it might."""
    if failure.is_hopeless:
        return failure.message
    folder = sandbox.settings.extensions
    extension = next((e for e in sandbox.registry.extensions if e.name == failure.culprit), None)
    if extension is not None and folder is not None:
        path = folder / extension.name
        match extension.state:
            case "LaunchError":
                return f"{path}: cannot be launched: {failure.message}"
            case "Started" if failure.error_type == "Sandbox.Timedout":
                return f"{path}: {failure.message}"
            case "Started":
                problem = f"{path}: ended before it registered ({failure.message})"
            case "Registered" | "InitError" | "ExitError":
                problem = f"{path}: ended before it was ready ({failure.message})"
            case _:
                return ""
        return "\n    ".join([problem, *sandbox.fleet.last_lines(extension.name)])
    if failure.error_type == "Runtime.InvalidEntrypoint":
        return f"the runtime cannot be started: {failure.message}"
    return _handler_problem(sandbox)


def _check_handler(settings: FunctionSettings) -> None:
    module, dot, function = settings.handler.rpartition(".")
    if not (module and dot and function):
        raise SimulatorError(
            f"handler {settings.handler!r}: should be MODULE.FUNCTION, as in handler.handler"
        )
    path = settings.code / module.replace(".", "/")
    if not (path.with_name(f"{path.name}.py").is_file() or (path / "__init__.py").is_file()):
        raise SimulatorError(
            f"handler {settings.handler!r}: there is no file {path}.py; "
            "another language needs a runtime (--command)"
        )


def _check_extensions(settings: FunctionSettings) -> None:
    assert settings.extensions is not None
    if not settings.extensions.is_dir():
        raise SimulatorError(f"{settings.extensions}: there is no such folder with extensions")
    if not settings.strict_setup:
        return
    for path in sorted(settings.extensions.iterdir()):
        if path.is_file() and not os.access(path, os.X_OK):
            raise SimulatorError(f"{path}: is not executable; chmod +x it")


def _handler_problem(sandbox: Sandbox) -> str:
    try:
        error = json.loads(sandbox.runtime.init_error or b"{}")
    except ValueError:
        return ""
    if error.get("errorType") not in _HANDLER_PROBLEMS:
        return ""
    return f"handler {sandbox.settings.handler!r}: {error.get('errorMessage')}"
