"""What telemetry learns from the cache."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from extension.bridge import (
    NoParametersError,
    forget_for_snapshot,
    hide_own_secrets,
    redact_what_is_served,
    resolver,
)
from extension.parameters.hooks import Hooks, Value
from extension.parameters.keys import ParameterKey
from extension.process.clock import SystemClock
from extension.process.log import Log
from extension.redaction.redactor import Redactor
from tests.doubles import LogLines

TEXT = "correct-horse-battery-staple"


@dataclass
class Parameters:
    """What the bridge sees of the cache."""

    keeps: bool = True
    hooks: Hooks = field(
        default_factory=lambda: Hooks(log=Log(clock=SystemClock(), sink=LogLines()))
    )

    async def resolve(self, reference: str, *, fresh: bool) -> str:
        """Return what was asked for."""
        return f"{reference} {fresh}"


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


OWN = {"AWS_SECRET_ACCESS_KEY": "static-key-of-ours-1"}


@pytest.mark.parametrize("secure", [True, False])
def test_what_the_cache_holds_is_hidden_as_long_as_it_does(*, secure: bool) -> None:
    """A secret stays hidden however many others are learned; a plain parameter never is."""
    redactor, parameters = Redactor(most_loose=0), Parameters()
    redact_what_is_served(parameters, redactor=redactor, exports=True)  # type: ignore[arg-type]  # a double
    key = ParameterKey(name="n", decrypt=True)
    kind = "SecureString" if secure else "String"
    body = json.dumps({"Parameter": {"Name": "n", "Type": kind, "Value": TEXT}}).encode()
    parameters.hooks.kept(key, body)
    assert redactor.redact(TEXT).text == ("[REDACTED:n]" if secure else TEXT)
    parameters.hooks.gone(key)
    assert redactor.redact(TEXT).text == TEXT


@pytest.mark.parametrize(
    ("parameters", "forgets"),
    [(None, True), (Parameters(keeps=False), True), (Parameters(keeps=True), False)],
)
def test_a_snapshot_holds_only_secrets_of_the_environment(
    parameters: Parameters | None, *, forgets: bool
) -> None:
    """A cache that keeps values is restored already: nothing that it serves is forgotten then."""
    redactor = Redactor()
    redactor.learn("n", TEXT)
    hide_own_secrets(redactor, OWN)
    forget_for_snapshot(redactor, OWN, parameters)  # type: ignore[arg-type]  # a double
    assert redactor.redact(TEXT).text == (TEXT if forgets else "[REDACTED:n]")
    assert redactor.redact(OWN["AWS_SECRET_ACCESS_KEY"]).names == ("AWS_SECRET_ACCESS_KEY",)


async def test_references_in_settings_are_resolved_by_the_cache() -> None:
    """With a value of its own or, after a refusal, a fresh one."""
    resolve = resolver(Parameters())  # type: ignore[arg-type]  # a double
    assert await resolve("ssm:/key", fresh=False) == "ssm:/key False"
    assert await resolve("ssm:/key", fresh=True) == "ssm:/key True"


async def test_without_a_cache_no_reference_is_resolved() -> None:
    """The error names the cause, not the reference."""
    with pytest.raises(NoParametersError, match="the parameters are switched off"):
        await resolver(None)("ssm:/key", fresh=False)
