"""A process beside a Lambda function: exports telemetry, caches parameters and secrets."""

from __future__ import annotations

__version__ = "0.1.0"

NAME = "lambda-dispatch"
"""Of the product and of the file in /opt/extensions; marks each of our log lines."""
