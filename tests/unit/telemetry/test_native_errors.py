"""What Go's runtime and Rust's standard library write of a panic, line by line."""

from __future__ import annotations

from typing import Any

import pytest

from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.native_errors import LastPanic
from extension.telemetry.reading.records import read_record

GOROUTINE = ["goroutine 1 [running]:", "main.handle(...)", "\t/app/main.go:9 +0x1d"]


def after(*lines: str) -> LastPanic:
    """Return what is known after these lines."""
    panic = LastPanic()
    for line in lines:
        panic.learn(line)
    return panic


def test_a_line_that_names_no_panic_is_none() -> None:
    """Nothing is known before the first one."""
    panic = after("paid", "", "main.handle(...)")
    assert (panic.error, panic.ended_process, panic.is_open) == (None, None, False)


def test_a_message_of_several_lines_ends_with_an_empty_one() -> None:
    """Go prints the text of the panic as it is, then an empty line, then the goroutines."""
    panic = after("panic: no stock", "of bolts", "", *GOROUTINE)
    expected = HandlerError(type="panic", message="no stock\nof bolts", stack="\n".join(GOROUTINE))
    assert panic.ended_process == expected


def test_message_and_stack_have_64_lines_each() -> None:
    """The first ones."""
    message = ["panic: 0", *map(str, range(1, 70))]
    stack = [GOROUTINE[0], *(f"main.f{number}(...)" for number in range(69))]
    error = after(*message, "", *stack).error
    assert error is not None
    assert error.message == "\n".join(map(str, range(64)))
    assert error.stack.split("\n") == stack[:64]


def test_only_the_first_goroutine_is_the_stack() -> None:
    """An empty line stands before the next one."""
    panic = after("panic: x", "", *GOROUTINE, "", "goroutine 2 [sleep]:", "main.wait(...)")
    assert panic.error is not None
    assert panic.error.stack.rstrip("\n") == "\n".join(GOROUTINE)


def test_the_signal_may_stand_before_the_goroutines() -> None:
    """Go tells it of a nil pointer, after the empty line."""
    signal = "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x0]"
    panic = after("panic: runtime error: nil pointer", signal, "", *GOROUTINE)
    assert panic.ended_process is not None
    late = after("panic: x", "", signal, *GOROUTINE)
    assert late.ended_process == HandlerError(type="panic", message="x", stack="\n".join(GOROUTINE))


def test_a_line_between_message_and_goroutines_shows_that_no_panic_ended_the_process() -> None:
    """The function printed a text that looks like one, and went on."""
    panic = after("panic: x", "", "paid")
    assert panic.is_open is False
    panic.learn(GOROUTINE[0])
    assert (panic.is_open, panic.ended_process) == (False, None)


@pytest.mark.parametrize(
    "fields", [{"message": 7}, {"message": None}, {"error": "x"}, {"message": "said by the user {"}]
)
def test_json_of_rust_without_a_reported_error_is_no_report(fields: dict[str, Any]) -> None:
    """Though it was written inside the runtime's own span."""
    record = {"level": "ERROR", "fields": fields, "span": {"name": "Lambda runtime invoke"}}
    assert read_record(LogLine(time_ns=0, stream="function", record=record)).evidence == ""


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"message": "user handler panicked: no stock"}, ": no stock"),
        ({"message": "user handler panicked", "payload": "no stock"}, "no stock"),
    ],
)
def test_json_of_rust_tells_what_a_panic_said(fields: dict[str, Any], message: str) -> None:
    """Behind the mark, or in the other fields."""
    record = {"level": "ERROR", "fields": fields, "span": {"name": "Lambda runtime invoke"}}
    read = read_record(LogLine(time_ns=0, stream="function", record=record))
    assert (read.error, read.evidence) == (HandlerError(type="panic", message=message), "mark")


def test_what_looks_like_a_panic_in_a_stack_is_a_part_of_it() -> None:
    """The panic is the one that was told first."""
    panic = after("panic: x", "", GOROUTINE[0], "panic: y")
    assert panic.error == HandlerError(type="panic", message="x", stack=f"{GOROUTINE[0]}\npanic: y")


def test_a_panic_of_rust() -> None:
    """The place, the message, the frames if they are wanted, a note; then the runtime's report."""
    place, note = "thread 'main' panicked at src/main.rs:1:1:", "note: run with `RUST_BACKTRACE=1`"
    told = [place, "no stock", "  of bolts", "stack backtrace:", "   0: a", "  1: b", note]
    expected = HandlerError(
        type="panic", message="no stock\n  of bolts", stack=f"{place}\n   0: a\n  1: b"
    )
    assert after(*told).ended_process == expected
    ended = after(*told, "paid")
    assert (ended.error, ended.ended_process) == (expected, None)


@pytest.mark.parametrize(
    ("told", "evidence"),
    [
        ('{"errorMessage":"no","errorType":"E"}', "shape"),
        ('{"errorMessage":"no","errorType":"E","stackTrace":[]}', "shape"),
        ('{"errorMessage":"no","errorType":"E","order":7}', ""),
        ('{"errorMessage":"no"}', ""),
    ],
)
def test_the_json_of_go_s_runtime_has_nothing_beside_the_error(told: str, evidence: str) -> None:
    """Anything more was logged by the function."""
    record = LogLine(time_ns=0, stream="function", record=f"1970/01/01 00:00:00 {told}")
    assert read_record(record).evidence == evidence


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ('"no stock"', HandlerError(type="Error", message="no stock")),
        ('OrderError("42")', HandlerError(type="OrderError", message='OrderError("42")')),
        ("NotFound", HandlerError(type="NotFound", message="NotFound")),
        ("no stock\n\nCaused by:\n    disk", HandlerError(
            type="Error", message="no stock", stack="\n    disk")),
        ("paid, thanks", None),
    ],
)  # fmt: skip
def test_an_error_that_a_handler_of_rust_returned(said: str, error: HandlerError | None) -> None:
    """In its debug form, which is a text in quotes for the simplest ones."""
    text = f"ERROR Lambda runtime invoke{{}}: {said}"
    record = read_record(LogLine(time_ns=0, stream="function", record=text))
    assert (record.error, record.evidence) == (error, "shape" if error else "")


def test_what_is_indented_behind_the_message_of_rust_is_no_part_of_it() -> None:
    """An empty line ends the message."""
    panic = after("thread 'main' panicked at src/main.rs:1:1:", "no stock", "", "  paid")
    assert panic.error is not None
    assert (panic.error.message, panic.is_open) == ("no stock", False)


def test_a_panic_is_kept_up_to_some_lines() -> None:
    """Sixty-four of the message and of the stack each, for they are held until the end."""
    message, stack = ([f"{each} {number}" for number in range(100)] for each in ("bolts", "frame"))
    panic = after(f"panic: {message[0]}", *message[1:], "", GOROUTINE[0], *stack)
    assert panic.ended_process == HandlerError(
        type="panic",
        message="\n".join(message[:64]),
        stack="\n".join([GOROUTINE[0], *stack[:63]]),
    )
    place = "thread 'main' panicked at src/main.rs:1:1:"
    told = [f"  {each}" for each in stack]
    panic = after(place, "no stock", *told, "stack backtrace:", *told)
    assert panic.ended_process == HandlerError(
        type="panic",
        message="\n".join(["no stock", *told[:63]]),
        stack="\n".join([place, *told[:63]]),
    )
