"""The endpoints of AWS that take telemetry, on loopback: X-Ray, CloudWatch Logs, CloudWatch, S3."""

from __future__ import annotations

from simulator.aws.endpoints.answers import AwsError
from simulator.aws.endpoints.keys import AccessKey
from simulator.aws.endpoints.server import AwsEndpoints
from simulator.aws.endpoints.trouble import ALL_SERVICES, Trouble

__all__ = ["ALL_SERVICES", "AccessKey", "AwsEndpoints", "AwsError", "Trouble"]
