"""Removes from the installed packages what the extension never reads.

The lists are by name, so a search for a missing file finds the line that took it; the smoke test
runs both jobs on the pruned tree.
"""

from __future__ import annotations

import shutil
from pathlib import Path

UNREAD_ANYWHERE = (
    *("*.pyi", "*.pyx", "*.pxd", "*.pxi", "*.c", "*.h", "*.proto", "py.typed"),
    *("*.md", "*.rst", "*.txt", "*.js", "*.so.hash", "*.hash", ".hash"),
    *("__pycache__", "*.dist-info", "tests", "testing"),
)
"""Types, C sources, prose, pip's metadata: nothing on our paths reads an entry point."""

UNREAD = (
    "bin",
    # The exporter over `requests`: we use the encoders beside it, and aiohttp posts.
    *("requests", "charset_normalizer", "certifi"),
    *("opentelemetry/exporter/http", "opentelemetry/exporter/otlp/common"),
    "opentelemetry/exporter/otlp/proto/http",
    # Names of every system that OpenTelemetry knows; the SDK uses its own.
    *("opentelemetry/semconv/trace", "opentelemetry/semconv/_incubating/*/[!_o]*.py"),
    "opentelemetry/semconv/_incubating/*/o[!t]*.py",
    # Protocol buffers of Google's APIs; OTLP answers with the status in google/rpc.
    *("google/api", "google/cloud", "google/gapic", "google/logging"),
    *("google/longrunning", "google/type", "google/rpc/context"),
    *("google/protobuf/compiler", "google/protobuf/internal/*benchmark*.py"),
    # Other services than ours, and what only they use.
    "botocore/data/*/*/examples-1.json",
    # boto3 over its engine botocore, which is all that we call.
    *("boto3", "s3transfer"),
    *("dateutil/zoneinfo", "dateutil/rrule.py", "dateutil/tz/win.py"),
    # Test aids, other servers, other platforms.
    *("aiohttp/test_utils.py", "aiohttp/pytest_plugin.py", "aiohttp/worker.py"),
    *("multidict/_testcapi*.so", "urllib3/contrib/emscripten"),
)

SERVICES = ("ssm", "secretsmanager", "sts")
SHARED_DATA = (
    "_retry.json",
    "endpoints.json",
    "partitions.json",
    "sdk-default-configuration.json",
)
"""What every client of botocore reads, besides the model of its service."""


def prune_packages(folder: Path) -> None:
    """Remove in `folder`, where packages are installed, what the extension never reads."""
    for pattern in UNREAD_ANYWHERE:
        remove_matches(folder, f"**/{pattern}")
    for pattern in UNREAD:
        remove_matches(folder, pattern)
    for entry in (folder / "botocore/data").glob("*"):
        if entry.name not in (*SERVICES, *SHARED_DATA):
            _remove(entry)
    remove_empty_folders(folder)


def remove_matches(folder: Path, pattern: str) -> None:
    """Remove every file and folder that matches."""
    for entry in list(folder.glob(pattern)):
        _remove(entry)


def remove_empty_folders(folder: Path) -> None:
    """Remove the folders that hold nothing any more, from the bottom up."""
    for entry in sorted(folder.rglob("*"), reverse=True):
        if entry.is_dir() and not entry.is_symlink() and not any(entry.iterdir()):
            entry.rmdir()


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)
