"""Start here: bootstrap first, then everything else; no exception leaves `main`.

`os._exit` at the end, because a worker thread that hangs in an AWS call would hold up the
interpreter's own exit past Lambda's two seconds.
"""

import _signal  # type: ignore[import-not-found]  # built in, unlike signal
import gc
import os
import sys

from extension.platform import survive
from extension.platform.bootstrap import NAME, Boot, boot, is_on, stop_listening


def main() -> None:
    """Run the extension until SHUTDOWN."""
    # What the imports make stays, so looking for garbage among it is time lost; `app` resumes.
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
        pass  # it is full, or closed, or None
    os._exit(status)


def _run() -> int:
    """Return the exit status."""
    booted = boot(os.environ)
    try:
        if booted.api and not is_on(os.environ, "DISPATCH_ENABLED"):
            return _only_answer(booted)
        from extension.app import run  # noqa: PLC0415  # heavy: only after registering

        return run(booted, os.environ)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # whatever it is, the function must live
        _say("switched off", type(error).__name__)
        return _carry_on(booted)


def _carry_on(booted: Boot) -> int:
    """Keep the sandbox alive where everything else broke."""
    stop_listening(booted)
    for raw in (*booted.cache_sockets, booted.telemetry):
        if raw is not None:
            raw.close()  # frees its descriptor, unless `app` has taken it over
    return _only_answer(booted) if booted.api else 1


def _only_answer(booted: Boot) -> int:
    """Answer events, and say why if they end without SHUTDOWN."""
    if survive.answer_events(booted, os.environ):
        return 0
    _say("the sandbox is gone", "the Extensions API does not answer any more, or refuses us")
    return 1


def _say(message: str, cause: str) -> None:
    line = '{"extension": "%s", "level": "ERROR", "message": "%s", "cause": "%s"}'
    try:
        print(line % (NAME, message, cause), flush=True)  # noqa: T201  # the log may be what broke
    except (OSError, ValueError):
        return


if __name__ == "__main__":
    main()
