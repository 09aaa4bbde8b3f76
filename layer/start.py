"""What the launcher runs: the extension or, where it cannot even be imported, its stand-in.

Understood by every Python 3, because the one that is found may be older than the extension's.
"""
# An old Python does not know the __future__ import, and importing pathlib takes 10 ms.
# ruff: noqa: I002, PTH100, PTH110, PTH120

import os
import sys

HOME = os.path.dirname(os.path.abspath(__file__))
CERTIFICATES = (
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    HOME + "/lib/botocore/cacert.pem",
)


def find_certificates() -> None:
    """Tell a bundled OpenSSL where this image has its certificates: it was built elsewhere."""
    if not sys.prefix.startswith(HOME):
        return
    for path in CERTIFICATES:
        if os.path.exists(path):
            os.environ.setdefault("SSL_CERT_FILE", path)
            return


def stand_in(error: BaseException) -> None:
    """Become the stand-in, which says why in its one line."""
    cause = "Python {}.{}: {}".format(*sys.version_info[:2], error)
    cause = " ".join(cause.replace('"', "'").replace("\\", "/").split())  # goes into JSON
    os.execv("/bin/sh", ["/bin/sh", HOME + "/stand-in.sh", cause])


def load():  # type: ignore[no-untyped-def]  # the types to name are not imported yet
    """Return the extension's entry point."""
    if sys.version_info < (3, 11):  # noqa: UP036  # any Python may have been found
        raise ImportError("the extension needs 3.11 or newer")
    from extension.__main__ import main  # noqa: PLC0415  # not with an older Python

    return main


find_certificates()
sys.path.insert(0, HOME + "/lib")
try:
    main = load()  # type: ignore[no-untyped-call]  # see above
except BaseException as error:  # noqa: BLE001  # whatever it is, the function must live
    stand_in(error)
else:
    main()
