"""AWS's answers as bodies, in JSON as Go writes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from extension.aws.errors import UNUSABLE, UpstreamError
from extension.parameters.answer import (
    Result,
    Served,
    bare,
    decode,
    encode,
    encode_decoded,
    parameter_body,
    path_body,
    region_of_body,
    rfc3339,
    secret_body,
)


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


@pytest.mark.parametrize(
    ("body", "region"),
    [
        (secret_body({"ARN": "arn:aws:secretsmanager:eu-west-1:1:secret:s"}), "eu-west-1"),
        (parameter_body({"Parameter": {"ARN": "arn:aws-cn:ssm:cn-north-1:1:p"}}), "cn-north-1"),
        (path_body([{"ARN": "arn:aws:ssm:us-east-1:1:p"}]), "us-east-1"),
        (path_body([]), ""),
        (parameter_body({"Parameter": {"Value": '{"ARN":"arn:aws:ssm:us-east-1:1:p"}'}}), ""),
        (secret_body({"ARN": "arn:"}), ""),
        (secret_body({"ARN": "arn:aws:secretsmanager"}), ""),
        (secret_body({"ARN": "other"}), ""),
        (secret_body({"ARN": "other:aws:ssm:us-east-1:1:p"}), ""),
        (secret_body({"ARN": "arn:aws:secretsmanager:no region:1:secret:s"}), ""),
        (secret_body({"ARN": "arn:aws:secretsmanager:eu\r\nX-Other: 1:1:secret:s"}), ""),
    ],
)
def test_the_region_of_a_body(body: bytes, region: str) -> None:
    """That of AWS's first ARN, and nothing that a value says."""
    assert region_of_body(body) == region


@pytest.mark.parametrize("rubbish", [{}, {"Parameter": "x"}, {"message": "<html>"}])
def test_answer_without_its_main_field_is_unusable(rubbish: dict[str, object]) -> None:
    """Rubbish with status 200 counts as trouble, so that a stale value may be served."""
    for body in (parameter_body, secret_body):
        with pytest.raises(UpstreamError) as raised:
            body(rubbish)
        assert (raised.value.code, raised.value.transient) == (UNUSABLE, True)


def test_bare_values() -> None:
    """Text, bytes, or none."""
    assert bare(parameter_body({"Parameter": {"Value": "<v>"}})) == "<v>"
    assert bare(secret_body({"ARN": "a", "SecretString": "s"})) == "s"
    assert bare(secret_body({"ARN": "a", "SecretBinary": b"\x00"})) == b"\x00"
    assert bare(parameter_body({"Parameter": {}})) is None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": None}, b'{"b":1,"a":null}'),
        ("<>&", b'"\\u003c\\u003e\\u0026"'),
        ("\u2028\u2029", b'"\\u2028\\u2029"'),
        ("ü", '"ü"'.encode()),
        ("\U0001f511", '"\U0001f511"'.encode()),
        ("\ud83d", '"\ufffd"'.encode()),
        ('"\\\n\t\x01', b'"\\"\\\\\\n\\t\\u0001"'),
        (b"\x00\xff", b'"AP8="'),
        (b"", b'""'),
        ([True, False, 1.5], b"[true,false,1.5]"),
    ],
)
def test_json_of_go(value: object, written: bytes) -> None:
    """Compact, escaped like Go, UTF-8."""
    assert encode(value) == written


def test_what_has_no_json_is_refused() -> None:
    """An error, not a guess."""
    with pytest.raises(TypeError, match="object"):
        encode(object())


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2022, 11, 16, 8, 22, 40, 362_000, UTC), "2022-11-16T08:22:40.362Z"),
        (datetime(2022, 11, 16, 8, 22, 40, 360_000, UTC), "2022-11-16T08:22:40.36Z"),
        (datetime(2022, 11, 16, 8, 22, 40, 0, UTC), "2022-11-16T08:22:40Z"),
        (datetime(2022, 12, 31, 23, 59, 59, 999_600, UTC), "2023-01-01T00:00:00Z"),
        (
            datetime(2022, 11, 16, 3, 22, 40, 0, timezone(timedelta(hours=-5))),
            "2022-11-16T08:22:40Z",
        ),
        (datetime(1969, 12, 31, 23, 59, 59, 500_000, UTC), "1969-12-31T23:59:59.5Z"),
    ],
)
def test_times(moment: datetime, written: str) -> None:
    """UTC, to the millisecond, without trailing zeros."""
    assert rfc3339(moment) == written


def test_a_refusal_of_the_endpoint_is_no_secret() -> None:
    """Without the ARN it is not an answer of Secrets Manager, whatever else it holds."""
    with pytest.raises(UpstreamError):
        secret_body({"SecretString": "s"})


def test_the_first_arn_of_a_body_is_looked_for_where_it_can_stand() -> None:
    """Behind the names of fields; an ARN further on may be part of a value."""
    arn = b'"ARN":"arn:aws:ssm:us-east-1:1:p"'
    assert region_of_body(b'{"NextToken":null,"Parameters":[{' + arn) == "us-east-1"
    assert region_of_body(b" " * (48 - len(b'"ARN":"arn:')) + arn) == "us-east-1"
    assert region_of_body(b" " * (49 - len(b'"ARN":"arn:')) + arn) == ""
    assert region_of_body(arn) == "us-east-1"
    assert region_of_body(b'"ARN":"arn:aws:ssm:us-east-1"') == ""
    assert region_of_body(b'"ARN":"arn:aws:ssm:us-east-1:"') == "us-east-1"
    assert region_of_body('"ARN":"arn:aws:ssm:zürich-1:"'.encode()) == ""
    assert region_of_body(b'"ARN":"arn:aws:ssm:us east:"') == ""


@pytest.mark.parametrize(
    "written", ['{"a":[1.10,1e3,-0,{"b":null}],"c":{}}', '["\\u003c",true]', "[]", "1.0", '"x"']
)
def test_numbers_stay_as_they_are_written(written: str) -> None:
    """Reading JSON and writing it changes no digit."""
    assert encode_decoded(decode(written)) == written.encode()


def test_a_byte_order_mark_is_no_part_of_json() -> None:
    """Editors write one into files that become secrets; of bytes `json` itself takes it."""
    assert decode("\ufeff[1]") == decode("\ufeff[1]".encode()) == ["1"]


def test_an_answer_has_no_age_unless_it_was_kept() -> None:
    """The default of what AWS has just said."""
    assert Served(b"", Result.MISS).age_s == 0
