"""Parameter Store and Secrets Manager on loopback, with every call counted."""

from __future__ import annotations

from simulator.aws.local_aws import LocalAws

__all__ = ["LocalAws"]
