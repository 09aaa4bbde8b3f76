"""Faults of the platform that change while it runs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from simulator.settings import Faults

FIELDS = frozenset(each.name for each in fields(Faults))


class ChangingFaults(Faults):
    """Give it to a function's settings; the platform looks each fault up when it might cause it."""

    __slots__ = ("_current",)

    def __init__(self) -> None:
        self.change(Faults())

    def change(self, faults: Faults) -> None:
        """Cause these faults from now on."""
        object.__setattr__(self, "_current", faults)

    def __getattribute__(self, name: str) -> Any:
        """Ask the current faults for theirs."""
        owner = object.__getattribute__(self, "_current") if name in FIELDS else self
        return object.__getattribute__(owner, name)
