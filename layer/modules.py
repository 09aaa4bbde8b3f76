"""The standard modules without which a job does not run; self-built and minimal Pythons lack some.

Found out by hiding one module after the other from an interpreter that imports the job.
"""

from __future__ import annotations

NEEDED = {
    "the process": (
        *("_contextvars", "_posixsubprocess", "_socket", "_struct", "array"),
        *("asyncio", "binascii", "json", "logging", "math", "select"),
    ),
    "telemetry": ("_random", "_ssl", "email", "http", "resource", "unicodedata", "zlib"),
    "telemetry with metrics": ("_ctypes", "ctypes"),
    "parameters": ("_csv", "_random", "_ssl", "email", "html", "http", "resource", "xml", "zlib"),
}
"""By what is switched off without them."""
