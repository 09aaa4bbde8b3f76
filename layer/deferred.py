"""Imports of packages that no start needs, put off to their first use by the build.

By module: what it imports, as its source names it (`.tracing` for `from .tracing import Trace`,
`botocore.waiter` for `from botocore import waiter`). `layer/defer.py` says how. Each is one that
neither a start nor an export nor a GET comes to: tests/layer/test_loaded_modules.py holds that.
A row that a package's new version does not know ends the build.
"""

from __future__ import annotations

DEFERRED = {
    # Nothing traces our requests, keeps cookies or logs in with a digest.
    "aiohttp": (
        *(".tracing", ".client_middleware_digest_auth", ".cookiejar", ".multipart"),
        ".payload_streamer",
    ),
    "aiohttp.client": (".tracing", ".cookiejar"),
    # Bodies of several parts.
    "aiohttp.client_reqrep": (".multipart",),
    "aiohttp.formdata": (".multipart",),
    # Content types of files.
    "aiohttp.payload": ("mimetypes",),
    "urllib3.fields": ("mimetypes",),
    # Credentials and proxies from files and variables, which we do not let it read; content types.
    "aiohttp.helpers": ("netrc", "email.parser", "email.policy", "pathlib", "urllib.request"),
    # Names of hosts that are not ASCII: the tables of Unicode are the largest module of a start.
    "yarl._url": ("idna",),
    # Where its headers in C are.
    "multidict": ("pathlib",),
    # A class for each of them is generated at import.
    "attr": (".validators",),
    # Signals of the SDK about itself, made where there is a TracerProvider; we make spans alone.
    "opentelemetry.sdk.trace": (
        "opentelemetry.metrics",
        "opentelemetry.sdk.trace._tracer_metrics",
    ),
    # Messages without the compiled module, and printing one.
    "google.protobuf.descriptor_pool": ("google.protobuf.internal.python_message",),
    "google.protobuf.internal.builder": ("google.protobuf.internal.python_message",),
    "google.protobuf.internal.python_message": ("google.protobuf.text_format",),
    # Looks among all installed packages for one that speaks HTTP/2.
    "urllib3.connection": (".http2.probe",),
    # Bodies of several parts.
    "urllib3": (".filepost",),
    "urllib3._request_methods": (".filepost",),
    # Documentation, waiters, a retry mode that is not ours, endpoints asked of a service, metrics.
    "botocore.client": ("botocore.waiter", "botocore.retries.adaptive", "botocore.discovery"),
    "botocore.session": ("botocore.waiter", "botocore.monitoring"),
    # Validation, which is off; numbers in CBOR, and answers that are streams of events.
    "botocore.serialize": ("botocore.validate", "decimal"),
    "botocore.parsers": ("botocore.eventstream",),
    "botocore.docs": ("botocore.docs.service",),
    "botocore.docs.docstring": (
        "botocore.docs.bcdoc.restdoc",
        "botocore.docs.method",
        "botocore.docs.paginator",
        "botocore.docs.waiter",
    ),
    # Proxies from variables, dates that are no numbers, tokens in files.
    "botocore.utils": ("urllib.request", "dateutil.parser", "tempfile", "pathlib"),
    "botocore.credentials": ("dateutil.parser",),
    "botocore.tokens": ("dateutil.parser",),
    # Settings in files, and paths into requests, which our operations have none of.
    "botocore.configloader": ("configparser", "shlex"),
    "botocore.compat": ("shlex",),
    "botocore.regions": ("jmespath",),
    "botocore.paginate": ("jmespath",),
}
