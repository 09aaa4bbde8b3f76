"""Lines in the usual forms are read together; an unusual one costs itself alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.quick_lines import read_quickly
from extension.telemetry.reading.records import Record, read_record
from tests.platform_events import iso, ns

REQUEST = "8286a188-ba32-4475-8077-530cd35c09a9"
OTHER = "ffffffff-ba32-4475-8077-530cd35c09a9"
NOW_NS = ns(1)
AT = iso(1.25)


def read(*lines: Any) -> tuple[list[Record], list[int]]:
    """Return the records of usual lines, and the places of those that need a closer look."""
    records, unusual = read_quickly(lines, [NOW_NS] * len(lines), knows=REQUEST.__eq__)
    usual = [records[at] for at in range(len(lines)) if at not in unusual]
    return usual, sorted(unusual)


def alone(line: Any) -> Record:
    """Return the record of a line that is read by itself."""
    return read_record(LogLine(NOW_NS, "function", line), knows=REQUEST.__eq__)


def logged(**fields: Any) -> str:
    """Return a line as a logger writes it."""
    told = {"timestamp": AT, "level": "INFO", "message": "paid", "requestId": REQUEST}
    return json.dumps({**told, **fields})


PYTHON = f"[INFO]\t{AT}\t{REQUEST}\tpaid\twell\tin full\n"
NODE = f"{AT}\t{REQUEST}\tINFO\tpaid\twell\tin full\n"
EARLY = f"{AT}\tundefined\tINFO\tloading\n"


@pytest.mark.parametrize(
    "lines",
    [
        [PYTHON, PYTHON],
        [NODE, EARLY],
        [EARLY],
        ["paid\n", NODE, PYTHON, logged() + "\n", "well\n"],
        [logged(), logged(message="low")],
        [logged(order=7), logged(), logged(order=8)],
        [logged(timestamp=NOW_NS // 10**6), logged(timestamp=NOW_NS // 10**6 + 1)],
        [logged(timestamp=iso(1)[:-5] + "Z"), logged(timestamp=iso(1)[:-5] + "Z")],
        [logged(level=30), logged(level=20)],
        [logged(requestId=OTHER), logged(requestId=OTHER)],
        [json.loads(logged()), json.loads(logged(message="open"))] * 2,
        [json.loads(logged()), logged(order=7), {"message": "an object"}, "paid\n", {"msg": "x"}]
        * 2,
        [json.loads(logged(message=PYTHON, order=7))] * 4,
    ],
)
def test_usual_lines_need_no_closer_look(lines: list[Any]) -> None:
    """In one form or several, and each is what it is alone."""
    assert read(*lines) == ([*map(alone, lines)], [])


@pytest.mark.parametrize(
    "odd",
    [
        "{", '{"message": "x"', "[]", '["a"]', '{"message": ""}', '{"message": "{}"}',
        "level=info msg=x\n", "time=1 level=info msg=x", "two\nlines\n", "a\rb\n",
        f"[LOUD]\t{AT}\t{REQUEST}\tpaid\n", f"[INFO]\t{AT}\tpaid\n",
        f"{AT}\tx\tINFO\tpaid\n", f"{iso(400)}\t{REQUEST}\tINFO\tpaid\n",
        f"{AT}\t{REQUEST}\tINFO\t{{}}\n", {"message": 7}, {},
        {"message": PYTHON}, json.loads(logged(message=NODE)),
        logged(level="ERROR"), logged(timestamp=iso(400)), logged(message=7),
        logged(timestamp=None), logged(requestId=OTHER), logged(requestId=""),
        logged(requestId=None), logged(message="\ud800"), logged() + "}",
    ],
)  # fmt: skip
def test_an_unusual_line_costs_the_others_nothing(odd: Any) -> None:
    """It alone is read by itself; those around it are what they are without it."""
    before, after = [logged(), "paid\n"], [PYTHON, NODE, logged(message="low"), "well\n"]
    usual, unusual = read(*before, odd, *after)
    assert unusual == [2]
    assert usual == [*map(alone, [*before, *after])]


@pytest.mark.parametrize("odd", [{"message": 7}, {}, {"message": PYTHON}])
def test_an_unusual_object_costs_others_nothing(odd: Any) -> None:
    """One with a text that the platform has put into it, for instance; few are read one by one."""
    usual = json.loads(logged())
    assert read(usual, usual, odd, usual) == ([alone(usual)] * 3, [2])
    assert read(usual, usual, usual) == ([], [0, 1, 2])


def test_an_unusual_line_costs_lines_of_its_own_form_nothing() -> None:
    """Whichever part of it is unusual."""
    for usual, odd in (
        (PYTHON, PYTHON.replace("INFO", "LOUD")),
        (NODE, NODE.replace("INFO", "ERROR")),
        (NODE, NODE.replace(AT, iso(400))),
        (logged(), logged(level="ERROR")),
        (logged(), logged(message="")),
        (logged(requestId=OTHER), logged(requestId="")),
        (logged(requestId=OTHER), logged(requestId=None)),
        ("paid\n", "two\nlines\n"),
    ):
        assert read(usual, odd, usual) == ([alone(usual)] * 2, [1])


def test_a_time_may_be_five_minutes_from_the_platforms() -> None:
    """Before it and after it; one millisecond more needs a closer look."""
    for form in (NODE, logged()):
        near = [form.replace(AT, iso(1 + off)) for off in (-300, 300)]
        assert read(*near) == ([*map(alone, near)], [])
        far = [form.replace(AT, iso(1 + off)) for off in (-300.001, 300.001)]
        assert read(*far)[1] == [0, 1]


def test_levels_of_several_kinds_need_a_closer_look() -> None:
    """No logger writes both texts and numbers."""
    for other in (None, 30, True):
        assert read(logged(), logged(level=other), "paid\n")[1] == [0, 1]
