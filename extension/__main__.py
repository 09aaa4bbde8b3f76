"""The entry point: bootstrap first, then everything else; no exception leaves `main`.

It ends with `os._exit`, because a worker thread that hangs in an AWS call would delay the
interpreter's own exit past Lambda's two seconds.
"""

import _signal  # type: ignore[import-not-found]  # built in, unlike signal
import gc
import os
import sys

from extension import NAME
from extension.platform import survive
from extension.platform.bootstrap import Start, bind_and_register, is_on

OF_THE_FUNCTION = ("OTEL_", "PROTOCOL_BUFFERS_")
"""What the names of variables begin with that are for libraries in the function. The launcher of
the layer removes the second kind; a start without it has them."""


def main() -> None:
    """Run the extension until SHUTDOWN."""
    # Objects made by imports stay, so garbage collection would find none; `opening` resumes it.
    gc.disable()
    status = 0
    try:
        # Lambda sends no signal; local tools do, and process 1 of a container ignores it otherwise.
        _signal.signal(_signal.SIGTERM, _signal.default_int_handler)
        status = _run()
    except KeyboardInterrupt:
        pass  # asked to end before there was anything to end
    try:  # noqa: SIM105  # contextlib is not built in
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        pass  # full, or closed, or None
    os._exit(status)


def _run() -> int:
    """Return the exit status."""
    start = bind_and_register(os.environ)
    try:
        if start.api and not is_on(os.environ, "DISPATCH_ENABLED"):
            return _only_answer_events(start)
        environ = _take_variables()
        if start.has_requested_next and not _imported(start):
            return _only_answer_events(start)
        from extension.app import run  # noqa: PLC0415  # heavy: only after registering

        return run(start, environ)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # whatever it is, the function must live
        _log("switched off", type(error).__name__)
        survive.stop_listening(start)
        return _only_answer_events(start) if start.api else 1


def _take_variables() -> dict[str, str]:
    """Return a copy of the variables, and take those of the function's SDK from the process.

    A copy, because imports change SSL_CERT_FILE for a moment, while threads read the variables.
    OpenTelemetry's modules and protobuf, too, read the function's when they are imported, and some
    raise for a value that they cannot use. What we need of them is in the copy.
    """
    variables = dict(os.environ)
    for name in variables:
        if name.startswith(OF_THE_FUNCTION):
            del os.environ[name]
    return variables


def _imported(start: Start) -> bool:
    """Answer events while the app is imported; return False if the sandbox ends before that."""
    from extension.platform.first_events import answer_while_importing  # noqa: PLC0415  # repeated starts only

    is_imported = answer_while_importing(start, "extension.app")
    if not is_imported and start.telemetry_socket is not None:
        _log("the sandbox ended before telemetry was open", "the start had too little CPU")
    return is_imported


def _only_answer_events(start: Start) -> int:
    """Keep the sandbox alive, and log why if it ends without SHUTDOWN."""
    if survive.answer_events(start, os.environ):
        return 0
    _log("the sandbox is gone", "the Extensions API does not respond, or refuses this extension")
    return 1


def _log(message: str, cause: str) -> None:
    line = '{"extension": "%s", "level": "ERROR", "message": "%s", "cause": "%s"}'
    try:
        print(line % (NAME, message, cause), flush=True)  # noqa: T201  # `process.log` may be broken
    except (OSError, ValueError):
        return


if __name__ == "__main__":
    main()
