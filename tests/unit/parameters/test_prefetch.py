"""The prefetch list."""

from __future__ import annotations

from extension.parameters.keys import ParameterKey, SecretKey
from extension.parameters.prefetch import SHOWN_CHARACTERS, read_list


def test_list() -> None:
    """Three kinds, in the order of the list, each once; spaces and empty entries do not count."""
    keys, unusable = read_list(
        " ssm:/a , SSM+decrypt:/b,,secretsmanager:arn:aws:secretsmanager:x:1:secret:n, ssm:/a,"
    )
    assert keys == [
        ParameterKey("/a"),
        ParameterKey("/b", decrypt=True),
        SecretKey("arn:aws:secretsmanager:x:1:secret:n"),
    ]
    assert unusable == []


def test_unusable_entries() -> None:
    """They are told, shortened, and the rest counts."""
    long = "x" * 200
    keys, unusable = read_list(f"/a,ssm:,:x,{long},ssm:/b")
    assert keys == [ParameterKey("/b")]
    assert unusable == ["/a", "ssm:", ":x", long[:SHOWN_CHARACTERS]]
    assert read_list("") == ([], [])
