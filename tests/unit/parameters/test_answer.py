"""AWS's answers as bodies, and the values in them."""

from __future__ import annotations

import pytest

from extension.parameters.answer import (
    bare,
    parameter_body,
    parameter_values,
    path_body,
    secret_body,
    secret_values,
    values_in,
)
from extension.aws.errors import UNUSABLE, UpstreamError


def test_absent_fields_are_those_of_go() -> None:
    """Null for pointers, empty and zero for the plain string and integer."""
    assert parameter_body({"Parameter": {}}) == (
        b'{"Parameter":{"ARN":null,"DataType":null,"LastModifiedDate":null,"Name":null,'
        b'"Selector":null,"SourceResult":null,"Type":"","Value":null,"Version":0},'
        b'"ResultMetadata":{}}'
    )
    assert secret_body({"ARN": "a"}) == (
        b'{"ARN":"a","CreatedDate":null,"Name":null,"SecretBinary":null,"SecretString":null,'
        b'"VersionId":null,"VersionStages":null,"ResultMetadata":{}}'
    )
    assert path_body([]) == b'{"NextToken":null,"Parameters":[],"ResultMetadata":{}}'


@pytest.mark.parametrize("rubbish", [{}, {"Parameter": "x"}, {"message": "<html>"}])
def test_answer_without_its_main_field_is_unusable(rubbish: dict[str, object]) -> None:
    """Rubbish with status 200 counts as trouble, so that a stale value may be served."""
    for body in (parameter_body, secret_body):
        with pytest.raises(UpstreamError) as raised:
            body(rubbish)
        assert (raised.value.code, raised.value.transient) == (UNUSABLE, True)


def test_values_of_a_parameter() -> None:
    """Decrypted ones are secure; a reference carries its secret twice."""
    secure = {"Name": "n", "Type": "SecureString", "Value": "v", "SourceResult": "r"}
    found = list(parameter_values(secure, decrypted=True))
    assert [(each.value, each.secure) for each in found] == [("v", True), ("r", True)]
    assert [each.secure for each in parameter_values(secure, decrypted=False)] == [False, False]
    plain = {"Name": "n", "Type": "String", "Value": "v"}
    assert [each.secure for each in parameter_values(plain, decrypted=True)] == [False]


def test_values_of_a_secret() -> None:
    """Always secure; empty ones are none."""
    assert [each.value for each in secret_values({"Name": "n", "SecretString": "s"})] == ["s"]
    assert [each.value for each in secret_values({"Name": "n", "SecretBinary": b"b"})] == [b"b"]
    assert list(secret_values({"Name": "n", "SecretString": ""})) == []


@pytest.mark.parametrize("value", ["v", "<&> \u2028 ä", '{"a": 1}'])
@pytest.mark.parametrize("name", ["n", None])
def test_values_in_a_body_are_those_of_the_answer(name: str | None, value: str) -> None:
    """What the cache holds is listed as it was when it arrived."""
    named = {} if name is None else {"Name": name}
    parameter = {**named, "Type": "SecureString", "Value": value, "SourceResult": "r"}
    from_answer = list(parameter_values(parameter, decrypted=True))
    body = parameter_body({"Parameter": parameter})
    assert list(values_in(body, decrypted=True)) == from_answer
    assert list(values_in(path_body([parameter] * 2), decrypted=True)) == from_answer * 2
    for told in ({"SecretString": value}, {"SecretBinary": value.encode()}):
        secret = {**named, "ARN": "a", **told}
        assert list(values_in(secret_body(secret), decrypted=False)) == list(secret_values(secret))


def test_bare_values() -> None:
    """Text, bytes, or none."""
    assert bare(parameter_body({"Parameter": {"Value": "<v>"}})) == "<v>"
    assert bare(secret_body({"ARN": "a", "SecretString": "s"})) == "s"
    assert bare(secret_body({"ARN": "a", "SecretBinary": b"\x00"})) == b"\x00"
    assert bare(parameter_body({"Parameter": {}})) is None
