"""What each kind of value takes, refuses, and says that it takes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from extension.settings.kinds import (
    BadValueError,
    Kind,
    ReplacedError,
    aws_endpoint,
    choice,
    choices,
    encryption,
    external_id,
    fraction,
    fraction_or,
    http_url,
    id_fields,
    is_http_url,
    log_group,
    pattern,
    pem_file,
    port,
    regions,
    s3_uri,
    sigv4,
    switch,
    whole,
)
from tests.waiting import PATIENCE_S


class Case(NamedTuple):
    """A kind, texts that it takes with their values, and texts that it refuses."""

    kind: Kind[Any]
    allowed: str
    taken: dict[str, Any]
    refused: tuple[str, ...]


def cases() -> dict[str, Case]:
    """Return the cases, whose kinds are made where they are tested."""
    return {
        "switch": Case(
            switch(), "true or false",
            {
                **dict.fromkeys(("true", "1", "on", "yes", "Yes"), True),
                **dict.fromkeys(("false", "0", "off", "no", "No"), False),
            },
            ("", "y", "2", "none"),
        ),
        "whole from 0": Case(
            whole(0), "whole numbers 0 or more",
            {"0": 0, "+1": 1, "007": 7, "9" * 18: 10**18 - 1},
            ("-1", "+", "1_0", "9" * 19),
        ),
        "whole from 1": Case(whole(1, 3), "whole numbers 1 to 3", {"1": 1, "3": 3}, ("0", "4")),
        "port": Case(
            port(), "whole numbers 1 to 65535", {"1": 1, "65535": 65_535}, ("0", "65536", "+80", "")
        ),
        "port or none": Case(
            port(0), "whole numbers 0 to 65535", {"0": 0, "4318": 4318}, ("65536", "+80", "004318")
        ),
        "fraction": Case(
            fraction(0, 0.5), "0 to 0.5", {"0": 0.0, "0.5": 0.5, "5e-1": 0.5},
            ("-0.1", "0.51", "half")
        ),
        "fraction or": Case(
            fraction_or("otel", 0, 1), "0 to 1 or otel",
            {"otel": None, "OTEL": None, "0": 0.0, "1": 1.0}, ("1.1", "none"),
        ),
        "choice": Case(
            choice("auto", "End", "off"), "auto, End or off", {"AUTO": "auto", "end": "End"},
            ("of",)
        ),
        "choices": Case(
            choices("a", "b", "c"), "a comma list of a, b, c",
            {"c,a": ("a", "c"), ",b,": ("b",)}, ("", ",", "a b"),
        ),
        "pattern": Case(pattern(), "a regular expression", {"a|b": "a|b"}, ("[", "a{99999999999}")),
        "id fields": Case(
            id_fields(), "two names of fields, such as trace_id,span_id",
            {"a, b.c.d.e": ("a", "b.c.d.e"), f"{'a' * 64},b": ("a" * 64, "b")},
            ("a", "a,b,c", "a,"),
        ),
        "encryption": Case(
            encryption(), "AES256, aws:kms or aws:kms:KEY",
            {each: each for each in ("AES256", "aws:kms", "aws:kms:dsse", "aws:kms:alias/x")},
            ("aes256", "aws", "aws:kms:a b"),
        ),
        "sigv4": Case(
            sigv4(), "SERVICE/REGION or off", {"OFF": "off", "es/eu-west-1": "es/eu-west-1"},
            ("es",)
        ),
        "log group": Case(
            log_group(), "the name of a log group",
            {"/aws/lambda/f": "/aws/lambda/f", "x" * 512: "x" * 512}, ("aws/x", "x" * 513, "a b"),
        ),
    }  # fmt: skip


NAMES = tuple(cases())


@pytest.mark.parametrize("name", NAMES)
def test_a_kind_takes_what_it_says(name: str) -> None:
    """Each text is taken with its value, up to the bounds and at them."""
    case = cases()[name]
    assert {text: case.kind.parse(text) for text in case.taken} == case.taken
    assert case.kind.allowed == case.allowed


@pytest.mark.parametrize("name", NAMES)
def test_a_kind_refuses_the_rest(name: str) -> None:
    """What is beyond a bound or in another form raises, and its default is used."""
    case = cases()[name]
    for text in case.refused:
        with pytest.raises(ValueError) as raised:  # noqa: PT011  # of float(), too
            case.kind.parse(text)
        assert not isinstance(raised.value, ReplacedError)


@pytest.mark.parametrize(
    ("kind", "text", "value", "consequence"),
    [
        (whole(0, 10, clamp=True), "11", 10, "is limited to 10"),
        (http_url(), "ftp://h", "", "is ignored: nothing is posted there"),
        (s3_uri(), "s3://B", "", "is ignored: nothing is stored there"),
        (aws_endpoint(), "h:1", "h:1", "switches off what would be asked there"),
        (external_id(), "a b", "a b", "is sent as it is: AWS will refuse it"),
        (external_id(), "x", "x", "is sent as it is: AWS will refuse it"),
        (regions(), "eu-west-1,rm -rf", (), "is ignored: entry 2 is no region"),
        (regions(), ",", (), "is ignored: 0 regions"),
        (regions(), ",".join(["eu-west-1"] * 6), (), "is ignored: 6 regions"),
    ],
)
def test_what_is_used_in_place_of_a_bad_value(
    kind: Kind[Any], text: str, value: Any, consequence: str
) -> None:
    """Where the default would be worse, another value is used, and a line says which."""
    with pytest.raises(ReplacedError) as raised:
        kind.parse(text)
    assert (raised.value.value, raised.value.consequence) == (value, consequence)
    assert str(raised.value) == consequence


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (whole(0, 10, clamp=True), "10", 10),
        (s3_uri(), "s3://a.b-c", "s3://a.b-c"),
        (s3_uri(), "s3://abc/de/f", "s3://abc/de/f"),
        (aws_endpoint(), "http://localhost:4566", "http://localhost:4566"),
        (external_id(), "a+b=c,d.e@f:g/h-i", "a+b=c,d.e@f:g/h-i"),
        (regions(), "us-isob-east-1", ("us-isob-east-1",)),
        (
            regions(), "eu-west-1, eusc-de-east-1,eu-west-1,us-east-1,us-east-2",
            ("eu-west-1", "eusc-de-east-1", "us-east-1", "us-east-2"),
        ),
    ],
)  # fmt: skip
def test_good_values_of_kinds_with_a_replacement(kind: Kind[Any], text: str, value: Any) -> None:
    """They are taken as they stand; of a region that is repeated the first counts."""
    assert kind.parse(text) == value


@pytest.mark.parametrize("make", [http_url, external_id])
def test_kinds_whose_values_may_be_secrets(make: Callable[[], Kind[Any]]) -> None:
    """Their bad values are never repeated."""
    assert make().secret


@pytest.mark.parametrize("kind", [s3_uri(), aws_endpoint(), switch(), whole(0)])
def test_kinds_whose_values_are_no_secrets(kind: Kind[Any]) -> None:
    """A bad value is repeated where it is harmless."""
    assert not kind.secret


def test_a_file_has_to_be_there_and_to_hold_pem(tmp_path: Path) -> None:
    """A missing file and one of another kind are refused before anything trusts them."""
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_text("# ours\n-----BEGIN CERTIFICATE-----\n")
    bad.write_text("CERTIFICATE")
    assert pem_file().parse(str(good)) == str(good)
    for path in (bad, tmp_path / "missing.pem", tmp_path, "nul\0"):
        with pytest.raises(BadValueError):
            pem_file().parse(str(path))


def test_no_setting_makes_the_start_wait_for_a_file(tmp_path: Path) -> None:
    """A pipe that nobody writes to, and a device without an end, are no PEM files."""
    pipe, opened = tmp_path / "pipe", os.pipe()
    os.mkfifo(pipe)
    refused: list[str] = []

    def refuse(path: str) -> None:
        with pytest.raises(BadValueError):
            pem_file().parse(path)
        refused.append(path)

    try:
        for path in (str(pipe), f"/proc/self/fd/{opened[0]}", "/dev/zero"):
            parsing = threading.Thread(target=refuse, args=[path], daemon=True)
            parsing.start()
            parsing.join(PATIENCE_S)
            assert refused[-1:] == [path]
    finally:
        for each in opened:
            os.close(each)


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        ("http://h", True),
        ("HTTPS://u:p@h:1/x y", True),
        ("http://[::1]:65535", True),
        ("http://h:0", False),
        ("http://h:65536", False),
        ("http://a b", False),
        ("http://h/\u200b", False),
        ("http://", False),
        ("http://[::1", False),
        ("//h", False),
        ("unix://h", False),
    ],
)
def test_urls(text: str, usable: bool) -> None:
    """A URL has a scheme of HTTP, and a host and port that can exist."""
    assert is_http_url(text) is usable
