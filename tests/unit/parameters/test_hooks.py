"""The values that are reported to the redactor."""

from __future__ import annotations

import pytest

from extension.parameters.answer import parameter_body, path_body, secret_body
from extension.parameters.hooks import parameter_values, secret_values, values_in


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
