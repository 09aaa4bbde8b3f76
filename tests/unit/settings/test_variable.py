"""Reading one variable: unset, good, bad, too large, secret."""

from __future__ import annotations

from typing import Any

import pytest

from extension.process.frozen import Frozen
from extension.settings.kinds import (
    BadValueError,
    Kind,
    choice,
    choices,
    credential,
    fraction,
    http_url,
    id_fields,
    pattern,
    switch,
    text,
    whole,
)
from extension.settings.variable import read, variable, variables


def parse(kind: Kind[Any], given: str) -> tuple[Any, tuple[str, ...]]:
    """Read `given` as a variable named X with the default None."""

    class Section(Frozen):
        value: Any = variable("X", kind, default=None, unit="s", meaning="")

    section, problems = read(Section, {"X": given})
    return section.value, tuple(map(str, problems))


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (switch(), "TRUE", True),
        (switch(), "off", False),
        (switch(), " 1 ", True),
        (whole(0, 10), "7", 7),
        (whole(0, 10), "+7", 7),
        (whole(0, 10), "10", 10),
        (fraction(0, 0.5), ".25", 0.25),
        (id_fields(), "trace_id , span_id", ("trace_id", "span_id")),
        (id_fields(), "meta.trace_id,meta.span_id", ("meta.trace_id", "meta.span_id")),
        (choice("DEBUG", "INFO"), "debug", "DEBUG"),
        (choices("a", "b", "c"), "c, A,c", ("a", "c")),
        (pattern(), "^a+$", "^a+$"),
        (http_url(), "https://h:4318/x", "https://h:4318/x"),
        (text(), " x ", "x"),
    ],
)
def test_good_values(kind: Kind[Any], given: str, value: Any) -> None:
    """A value that is allowed is taken, without a word."""
    assert parse(kind, given) == (value, ())


@pytest.mark.parametrize("given", ["", "   "])
def test_an_empty_variable_is_unset(given: str) -> None:
    """Templates often leave a variable empty."""
    assert parse(whole(0), given) == (None, ())


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (switch(), "maybe"),
        (whole(0, 10), "abc"),
        (whole(0, 10), "-1"),
        (whole(0, 10), "1.5"),
        (whole(0, 10), "11"),
        (whole(0, 10), "٣"),
        (whole(0), "Many"),
        (fraction(0, 0.5), "0.6"),
        (id_fields(), "trace"),
        (id_fields(), "a,b,c"),
        (fraction(0, 0.5), "nan"),
        (choice("a", "b"), "c"),
        (choices("a", "b"), "a,c"),
        (choices("a", "b"), ","),
        (pattern(), "("),
    ],
)
def test_bad_values_fall_back_and_are_named(kind: Kind[Any], given: str) -> None:
    """A bad value gives the default and a problem with variable, value and what is allowed."""
    value, [problem] = parse(kind, given)
    assert value is None
    assert problem.startswith(f"X = {given!r} is ignored, using None; allowed: {kind.allowed}")


@pytest.mark.parametrize(
    "given",
    [
        "sk-live-4f8Q2xZ9",
        "hunter2",
        "correct horse battery staple",
        "9" * 8,
        "abcdefghijkl",
        "aB,cD",
        "postgres://u:pw@h",
        "x\ny",
        "a,b,c,d,e,f",
    ],
)
@pytest.mark.parametrize("kind", [whole(0, 10), choice("a"), choices("a", "b"), switch()])
def test_a_bad_value_that_may_be_a_secret_is_not_repeated(kind: Kind[Any], given: str) -> None:
    """A key was put into the wrong variable: only its length is shown."""
    _, [problem] = parse(kind, given)
    assert given not in problem
    assert problem.startswith(f"X = ({len(given)} characters, not shown) is ignored")


def test_too_large_is_clamped_where_aws_clamps() -> None:
    """Above the limit the limit is used, with a warning."""
    value, [problem] = parse(whole(0, 300, clamp=True), "2700")
    assert value == 300
    assert problem == "X = '2700' is limited to 300; allowed: whole numbers 0 to 300 s"


@pytest.mark.parametrize(
    "given", ["ftp://u:pw@h", "h:4318", "http:///v1", "http://h:0", "http://h:x"]
)
def test_a_bad_url_is_not_repeated(given: str) -> None:
    """A URL may carry a key."""
    value, [problem] = parse(http_url(), given)
    assert value == ""
    assert given not in problem
    assert "(not shown)" in problem


def test_a_credential_is_never_repeated() -> None:
    """Whatever its parser says, the value stays out of the message."""
    refusing: Kind[int] = Kind(parse=int, allowed="a number", secret=True)
    _, [problem] = parse(refusing, "hunter2")
    assert "hunter2" not in problem
    assert credential("x").secret


@pytest.mark.parametrize("text", ["a,", ",", "a..b,c", "a.b.c.d.e,f", "a b,c", f"{'a' * 65},b"])
def test_paths_of_fields_have_up_to_four_names(text: str) -> None:
    """Each of them says where it stands."""
    with pytest.raises(BadValueError):
        id_fields().parse(text)


class Inner(Frozen):
    """A section in another one."""

    number: int = variable("INNER", whole(0), default=1, meaning="")


class Outer(Frozen):
    """A section with another one between its own variables."""

    before: int = variable("BEFORE", whole(0), default=2, meaning="")
    inner: Inner = Inner()
    after: int = variable("AFTER", whole(0), default=3, meaning="")


def test_a_section_in_another_one_is_read_with_it() -> None:
    """Its variables and its problems come in the place where it is declared."""
    assert [row.name for row in variables(Outer)] == ["BEFORE", "INNER", "AFTER"]
    assert read(Outer, {}) == (Outer(), ())
    assert read(Outer, {"INNER": "7"}) == (Outer(inner=Inner(number=7)), ())
    _, problems = read(Outer, {"AFTER": "a", "INNER": "b", "BEFORE": "c"})
    assert [each.variable for each in problems] == ["BEFORE", "INNER", "AFTER"]
