"""Values: built like frozen dataclasses, at a fraction of their cost at import."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest

from extension.process.frozen import Frozen, as_dict, fields, replace


class Point(Frozen):
    """Two required fields and one with a default."""

    x: int
    y: int
    label: str = ""


class Place(Frozen):
    """The same fields as a point, and one that is no field."""

    SHOWN = 3
    x: int
    y: int
    label: str = ""


class Twin(Frozen):
    """A twin of `Place`."""

    x: int
    y: int
    label: str = ""


def test_fields_are_set_by_name() -> None:
    """Fields come by name, in any order; one that is left out has its default."""
    point = Point(y=2, x=1)
    assert (point.x, point.y, point.label) == (1, 2, "")
    assert fields(Point) == fields(point) == ("x", "y", "label")
    assert fields(Place) == ("x", "y", "label")


@pytest.mark.parametrize("given", [{}, {"x": 1}, {"x": 1, "y": 2, "z": 3}])
def test_arguments_are_checked(given: dict[str, int]) -> None:
    """A missing or an unknown field is refused with its name."""
    wrong = {"x", "y"} - given.keys() or {"z"}
    with pytest.raises(TypeError) as error:
        Point(**given)  # type: ignore[arg-type]  # that is what is tested
    assert all(repr(name) in str(error.value) for name in wrong)


def test_places_are_refused() -> None:
    """What is read by its place is a NamedTuple."""
    with pytest.raises(TypeError):
        Point(1, 2)  # type: ignore[call-arg]  # that is what is tested


def test_nothing_is_assigned_later() -> None:
    """A field can neither be changed nor deleted, and the message names it."""
    point = Point(x=1, y=2)
    with pytest.raises(AttributeError, match=r"Point\.x is frozen"):
        point.x = 2  # type: ignore[misc]  # that is what is tested
    with pytest.raises(AttributeError, match=r"Point\.x is frozen"):
        del point.x
    assert point.x == 1


def test_equal_by_type_and_fields() -> None:
    """Values are equal, and one key, if type and fields are; a default counts as given."""
    assert Point(x=1, y=2) == Point(x=1, y=2, label="")
    assert {Point(x=1, y=2): "found"}[Point(y=2, x=1)] == "found"
    assert Point(x=1, y=2) != Point(x=1, y=3)
    assert Twin(x=1, y=2) != Place(x=1, y=2)


def test_a_changed_copy() -> None:
    """`replace` changes the fields that are named, in a new value, and refuses unknown ones."""
    point = Point(x=1, y=2, label="a")
    assert (replace(point, y=3), point) == (Point(x=1, y=3, label="a"), Point(x=1, y=2, label="a"))
    with pytest.raises(TypeError, match="'z'"):
        replace(point, z=1)


def test_shown_with_all_fields() -> None:
    """A value shows its type and all its fields, defaults included."""
    assert repr(Point(x=1, y=2)) == "Point(x=1, y=2, label='')"
    assert as_dict(Point(x=1, y=2)) == {"x": 1, "y": 2, "label": ""}


def test_copies_are_equal() -> None:
    """The standard library can copy a value."""
    assert copy.deepcopy(Point(x=1, y=2)) == Point(x=1, y=2)


def test_values_are_matched_by_their_fields() -> None:
    """A match statement takes values apart by the names of their fields."""
    match Place(x=1, y=2):
        case Place(x=x, y=2):
            assert x == 1
        case other:
            pytest.fail(repr(other))


def test_it_costs_no_code_generation() -> None:
    """Its import brings neither `dataclasses` nor `inspect`."""
    code = (
        "import sys, extension.process.frozen\n"
        "print({'dataclasses', 'inspect'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
