"""Start here: bootstrap first, then everything else; nothing gets out at the top.

`os._exit` at the end, because a worker thread that hangs in an AWS call would hold up the
interpreter's own exit past Lambda's two seconds.
"""

import gc
import os
import sys

from extension import survive
from extension.bootstrap import NAME, Boot, boot, stop_listening


def main() -> None:
    """Run the extension until SHUTDOWN."""
    # What the imports make stays, so looking for garbage among it is time lost; `app` resumes.
    gc.disable()
    booted = boot(os.environ)
    status = 0
    try:
        from extension.app import run  # noqa: PLC0415  # heavy: only after registering

        status = run(booted, os.environ)
    except BaseException as error:  # noqa: BLE001  # whatever it is, the function must live
        _carry_on(booted, error)
    sys.stdout.flush()
    os._exit(status)


def _carry_on(booted: Boot, error: BaseException) -> None:
    """Say in one line what broke, and keep the sandbox alive."""
    line = '{"extension": "%s", "level": "ERROR", "message": "switched off", "cause": "%s"}'
    print(line % (NAME, type(error).__name__), flush=True)  # noqa: T201  # the log may be what broke
    stop_listening(booted)
    for raw in (*booted.cache_sockets, booted.telemetry):
        if raw is not None:
            raw.close()  # frees its descriptor, unless `app` has taken it over
    if booted.api:
        survive.answer_events(booted, os.environ)


if __name__ == "__main__":
    main()
