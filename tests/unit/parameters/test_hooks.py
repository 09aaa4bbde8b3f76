"""What is reported to the redactor and to telemetry."""

from __future__ import annotations

import pytest

from extension.aws.call import CompletedCall
from extension.parameters.answer import Result, parameter_body, path_body, secret_body
from extension.parameters.hooks import (
    MOST_EARLY,
    Hooks,
    parameter_values,
    secret_values,
    values_in,
)
from extension.process.clock import SystemClock
from extension.process.log import Log
from tests.doubles import LogLines


def call(name: str) -> CompletedCall:
    """Return one that went well."""
    return CompletedCall(service="SSM", operation="GetParameter", name=name, start_ns=1, end_ns=2)


def early_and_late(names: int, *, keep: bool) -> list[object]:
    """Report calls and an answer before there are hooks, and one call after."""
    seen: list[object] = []
    hooks = Hooks(log=Log(clock=SystemClock(), sink=LogLines()))
    if keep:
        hooks.keep_early()
    for number in range(names):
        hooks.upstream_call(call(f"/{number}"))
    hooks.answer(Result.MISS, age_s=0.0, waited_s=0.5)
    hooks.hand_over(
        on_upstream_call=lambda each: seen.append(each.name),
        on_answer=lambda result, *, age_s, waited_s: seen.append((result, age_s, waited_s)),
    )
    hooks.upstream_call(call("/late"))
    return seen


def test_what_comes_before_telemetry_is_reported_once_it_is_open() -> None:
    """In its order, and each once."""
    assert early_and_late(2, keep=True) == ["/0", "/1", (Result.MISS, 0.0, 0.5), "/late"]


def test_the_latest_is_kept_for_telemetry() -> None:
    """However much there is."""
    seen = early_and_late(2 * MOST_EARLY, keep=True)
    assert seen[0] == f"/{MOST_EARLY + 1}"
    assert len(seen) == MOST_EARLY + 1


def test_nothing_is_kept_where_nobody_will_ask() -> None:
    """Without telemetry, say."""
    assert early_and_late(2, keep=False) == ["/late"]


def test_values_of_a_parameter() -> None:
    """Decrypted ones are secure; a reference holds its secret twice."""
    secure = {"Name": "n", "Type": "SecureString", "Value": "v", "SourceResult": "r"}
    values = list(parameter_values(secure, decrypted=True))
    assert [(each.value, each.secure) for each in values] == [("v", True), ("r", True)]
    assert [each.secure for each in parameter_values(secure, decrypted=False)] == [False, False]
    plain = {"Name": "n", "Type": "String", "Value": "v"}
    assert [each.secure for each in parameter_values(plain, decrypted=True)] == [False]


def test_values_of_a_secret() -> None:
    """Always secure; an empty one is no value."""
    assert [each.value for each in secret_values({"Name": "n", "SecretString": "s"})] == ["s"]
    assert [each.value for each in secret_values({"Name": "n", "SecretBinary": b"b"})] == [b"b"]
    assert list(secret_values({"Name": "n", "SecretString": ""})) == []


@pytest.mark.parametrize("value", ["v", "<&> \u2028 ä", '{"a": 1}'])
@pytest.mark.parametrize("name", ["n", None])
def test_values_in_a_body_are_those_of_the_answer(name: str | None, value: str) -> None:
    """Values in the cache are reported exactly as when they arrived."""
    named = {} if name is None else {"Name": name}
    parameter = {**named, "Type": "SecureString", "Value": value, "SourceResult": "r"}
    from_answer = list(parameter_values(parameter, decrypted=True))
    body = parameter_body({"Parameter": parameter})
    assert list(values_in(body, decrypted=True)) == from_answer
    assert list(values_in(path_body([parameter] * 2), decrypted=True)) == from_answer * 2
    for field in ({"SecretString": value}, {"SecretBinary": value.encode()}):
        secret = {**named, "ARN": "a", **field}
        assert list(values_in(secret_body(secret), decrypted=False)) == list(secret_values(secret))
