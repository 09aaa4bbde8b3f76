"""An OTLP/HTTP receiver on loopback for tests: keeps, decodes, and answers as it is set to."""

from __future__ import annotations

from simulator.intake.server import Intake, IntakeRequest

__all__ = ["Intake", "IntakeRequest"]
