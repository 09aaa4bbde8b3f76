"""Names the machine and the versions: a figure without them says nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("aiohttp", "boto3", "opentelemetry-sdk", "protobuf")


def describe() -> str:
    """Return one line: processor, cores, kernel, Python, and the packages that weigh."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    cores = len(os.sched_getaffinity(0))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor()}, {cores} cores, Linux {platform.release()}, {python}, {packages}"


def load() -> str:
    """Return how busy the machine is with other things; noise in every figure."""
    return f"load {os.getloadavg()[0]:.1f}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
