"""What an ARN says."""

from __future__ import annotations

import pytest

from extension.aws.arns import in_region, is_role, region_of

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a/b-AbCdEf"


@pytest.mark.parametrize(
    ("name", "region"),
    [
        (SECRET, "eu-west-1"),
        ("arn:aws-cn:ssm:cn-north-1:1:parameter/p:3", "cn-north-1"),
        ("arn:aws-us-gov:ssm:us-gov-west-1:1:parameter/p", "us-gov-west-1"),
        ("arn:aws-iso-b:ssm:us-isob-east-1:1:parameter/p", "us-isob-east-1"),
        ("arn:aws-eusc:ssm:eusc-de-east-1:1:parameter/p", "eusc-de-east-1"),
        ("a/b", ""),
        ("name:eu-west-1", ""),
        ("arn", ""),
        ("arn:aws:ssm:eu-west-1", ""),
        ("arn:aws:ssm:evil.example:1:parameter/p", ""),
        ("arn:aws:ssm:eu-west-1\n:1:parameter/p", ""),
        ("arn:aws:ssm:eu-west-\u0661:1:parameter/p", ""),
        ("xarn:aws:ssm:eu-west-1:1:parameter/p", ""),
    ],
)
def test_the_region_of_a_name(name: str, region: str) -> None:
    """That of an ARN in any partition, and nothing that is not the name of a region."""
    assert region_of(name) == region


def test_an_arn_in_another_region() -> None:
    """A replica's ARN differs in the region alone; a name is the same everywhere."""
    assert in_region(SECRET, "us-east-1") == SECRET.replace("eu-west-1", "us-east-1")
    assert in_region("a/b", "us-east-1") == "a/b"


@pytest.mark.parametrize(
    ("arn", "is_one"),
    [
        ("arn:aws:iam::111122223333:role/r", True),
        ("arn:aws-cn:iam::111122223333:role/path/to/r+=,.@-_", True),
        ("arn:aws:iam::111122223333:role/", False),
        ("arn:aws:iam::111122223333:role/r\n", False),
        ("arn:aws:iam::111122223333:role/é", False),
        ("arn:aws:iam:eu-west-1:111122223333:role/r", False),
        ("arn:aws:iam::111122223333:root", False),
    ],
)
def test_what_is_a_role(arn: str, is_one: bool) -> None:  # a column of the table
    """What AWS's agent accepts as one."""
    assert is_role(arn) is is_one
