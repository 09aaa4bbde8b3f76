"""What is reported to the redactor and to telemetry."""

from __future__ import annotations

import pytest

from extension.aws.call import CompletedCall
from extension.parameters.answer import Result, parameter_body, path_body, secret_body
from extension.parameters.hooks import (
    MOST_EARLY,
    Hooks,
    Value,
    parameter_values,
    secret_values,
    values_in,
)
from extension.parameters.keys import ParameterKey, SecretKey
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


SECRET = "the secret"


@pytest.mark.parametrize(
    ("source", "values"),
    [
        (None, []),
        ("", []),
        ("{}", []),
        ('{"SecretString":"the secret","Name":"n"}', [SECRET]),
        ('{"secretString":"the secret"}', [SECRET]),
        ('{"SecretBinary":"AP8="}', [b"\x00\xff"]),
        ('{"SecretString":"a","SecretBinary":"AP8="}', ["a", b"\x00\xff"]),
        ('{"SecretString":7,"SecretBinary":7}', []),
        ("the secret", [SECRET]),
        ('["the secret"]', ['["the secret"]']),
        ('{"SecretBinary":"x"}', ['{"SecretBinary":"x"}']),
        ("[" * 100_000, ["[" * 100_000]),
    ],
)
def test_a_reference_holds_what_secrets_manager_answered(
    source: str | None, values: list[str | bytes]
) -> None:
    """Its secret alone, in either case of its fields; what is no such answer is all secret."""
    parameter = {"Name": "n", "Type": "SecureString", "Value": "v", "SourceResult": source}
    found = [each.value for each in parameter_values(parameter, decrypted=True)]
    assert found == ["v", *values]


class Reported:
    """Hooks that note what they are called with, and a log."""

    def __init__(self) -> None:
        self.lines = LogLines()
        self.values: list[tuple[object, ...]] = []
        self.hooks = Hooks(log=Log(clock=SystemClock(), sink=self.lines))
        self.hooks.on_value = lambda name, value, *, secure: self.values.append(
            (name, value, secure)
        )
        self.hooks.on_kept = lambda key, values: self.values.append((key, *values))


@pytest.mark.parametrize(
    ("key", "secure"),
    [(ParameterKey("a"), False), (ParameterKey("a", decrypt=True), True)],
)
def test_what_the_cache_keeps_is_reported(key: ParameterKey, secure: bool) -> None:
    """With its values, of which those that were decrypted are secure; then that it is gone."""
    reported = Reported()
    body = parameter_body({"Parameter": {"Name": "a", "Type": "SecureString", "Value": "v"}})
    reported.hooks.kept(key, body)
    reported.hooks.gone(key)
    assert reported.values == [(key, Value("a", "v", secure)), (key,)]


def test_a_secret_that_the_cache_keeps_is_secure() -> None:
    """Whatever its key says."""
    reported = Reported()
    reported.hooks.kept(SecretKey("s"), secret_body({"ARN": "a", "SecretString": "v"}))
    reported.hooks.value(Value("s", "v", secure=True))
    assert reported.values == [(SecretKey("s"), Value("", "v", True)), ("s", "v", True)]


def test_a_hook_that_fails_is_a_line() -> None:
    """By the type of its error alone; the caller of the cache hears nothing."""
    reported = Reported()

    def fail(*_: object, **__: object) -> None:
        raise ValueError("hunter2")

    hooks = reported.hooks
    hooks.on_value = hooks.on_kept = hooks.on_upstream_call = hooks.on_answer = fail
    hooks.value(Value("a", "v", secure=True))
    hooks.gone(SecretKey("s"))
    hooks.upstream_call(call("/a"))
    hooks.answer(Result.HIT, age_s=0, waited_s=0)
    assert [each["error"] for each in reported.lines.parsed] == ["ValueError"] * 4
    assert "hunter2" not in "".join(reported.lines.lines)


def test_without_hooks_nothing_happens() -> None:
    """Values are not even looked for."""
    hooks = Hooks(log=Log(clock=SystemClock(), sink=LogLines()))
    hooks.value(Value("a", "v", secure=True))
    hooks.kept(SecretKey("s"), b"no JSON")
    hooks.gone(SecretKey("s"))


def test_two_hundred_and_fifty_six_reports_are_kept() -> None:
    """The latest of them."""
    assert len(early_and_late(300, keep=True)) == 257
