"""A function whose deployment lacks a library."""

from __future__ import annotations

raise ImportError("no such library in the deployment")
