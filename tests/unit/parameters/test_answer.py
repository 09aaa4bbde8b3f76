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
)
from extension.parameters.errors import UNUSABLE, UpstreamError


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


def test_bare_values() -> None:
    """Text, bytes, or none."""
    assert bare(parameter_body({"Parameter": {"Value": "<v>"}})) == "<v>"
    assert bare(secret_body({"ARN": "a", "SecretString": "s"})) == "s"
    assert bare(secret_body({"ARN": "a", "SecretBinary": b"\x00"})) == b"\x00"
    assert bare(parameter_body({"Parameter": {}})) is None
