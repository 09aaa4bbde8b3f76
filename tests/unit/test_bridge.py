"""What telemetry learns from the cache."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from extension.bridge import redact_what_is_served
from extension.parameters.hooks import Hooks, Value
from extension.process.clock import SystemClock
from extension.process.log import Log
from extension.redaction.redactor import Redactor
from tests.doubles import LogLines

TEXT = "correct-horse-battery-staple"


@dataclass
class Parameters:
    """What the bridge sees of the cache."""

    keeps: bool
    hooks: Hooks = field(
        default_factory=lambda: Hooks(log=Log(clock=SystemClock(), sink=LogLines()))
    )


@pytest.mark.parametrize(
    ("secure", "keeps", "exports", "hidden"),
    [
        (True, True, True, True),
        (True, True, False, True),
        (True, False, True, True),
        (True, False, False, False),
        (False, True, True, False),
    ],
)
def test_what_aws_returns_is_hidden_at_once(
    *, secure: bool, keeps: bool, exports: bool, hidden: bool
) -> None:
    """Secrets, not plain parameters; before a snapshot only what the lines of init may hold."""
    redactor, parameters = Redactor(), Parameters(keeps=keeps)
    redact_what_is_served(parameters, redactor=redactor, exports=exports)  # type: ignore[arg-type]  # a double
    parameters.hooks.value(Value(name="n", value=TEXT, secure=secure))
    assert redactor.redact(TEXT).text == ("[REDACTED:n]" if hidden else TEXT)
