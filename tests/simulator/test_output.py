"""Bytes of a pipe become records: line by line, or frame by frame."""

from __future__ import annotations

import asyncio
import os
import struct

from hypothesis import given
from hypothesis import strategies as st

from simulator.sandbox.output import (
    LINE_LIMIT_BYTES,
    Decoder,
    FrameDecoder,
    LineDecoder,
    OutputPipe,
)
from tests.waiting import PATIENCE_S


def decode(decoder: Decoder, *chunks: bytes) -> list[str]:
    """Return all texts, those at the end included."""
    texts = [text for chunk in chunks for text, _ in decoder.feed(chunk)]
    return texts + [text for text, _ in decoder.rest()]


def frame(text: str, *, micros: int = 0) -> bytes:
    """Return one frame as the Python runtime writes it."""
    message = text.encode()
    return struct.pack(">IIQ", 0xA55A0003, len(message), micros) + message


def test_lines_keep_their_end() -> None:
    """A record is a line with its newline; an unfinished one comes at the end."""
    assert decode(LineDecoder(), b"one\ntw", b"o\nthree") == ["one\n", "two\n", "three"]


@given(st.text(max_size=200), st.integers(0, 200))
def test_lines_do_not_depend_on_chunks(text: str, cut: int) -> None:
    """However the bytes arrive, the records are the same and nothing is lost."""
    data = text.encode()
    pieces = decode(LineDecoder(), data[:cut], data[cut:])

    assert pieces == decode(LineDecoder(), data)
    assert "".join(pieces) == text


def test_a_line_without_end_comes_in_pieces() -> None:
    """A line beyond the limit is cut, so that memory stays bounded."""
    texts = decode(LineDecoder(), b"x" * (LINE_LIMIT_BYTES + 1) + b"\n")

    assert [len(text) for text in texts] == [LINE_LIMIT_BYTES, 2]


def test_bytes_that_are_no_text_are_replaced() -> None:
    """Output that is not UTF-8 still becomes a record."""
    assert decode(LineDecoder(), b"\xff\n") == ["\ufffd\n"]


def test_a_frame_keeps_many_lines_together() -> None:
    """A traceback logged through frames is one record, with the time it was written."""
    decoder = FrameDecoder()
    data = frame("first\nsecond", micros=5) + frame("third")

    assert list(decoder.feed(data[:20])) == []
    assert list(decoder.feed(data[20:])) == [("first\nsecond", 5000), ("third", 0)]


def test_what_is_no_frame_comes_through_as_it_is() -> None:
    """A runtime that writes plain text to the log descriptor loses nothing."""
    assert decode(FrameDecoder(), b"this is plain text\n") == ["this is plain text\n"]


async def test_draining_takes_what_was_written_just_now() -> None:
    """What a process printed before it answered is read before the answer has an effect."""
    texts: list[str] = []
    pipe = OutputPipe(LineDecoder(), lambda text, _time: texts.append(text))
    os.write(pipe.write_fd, b"printed\nhalf")

    pipe.drain()
    assert texts == ["printed\n"]
    pipe.close()
    assert texts == ["printed\n", "half"]


async def test_a_pipe_reads_by_itself() -> None:
    """Without being drained a pipe delivers records as they come."""
    arrived = asyncio.Event()
    pipe = OutputPipe(LineDecoder(), lambda _text, _time: arrived.set())
    os.write(pipe.write_fd, b"line\n")

    async with asyncio.timeout(PATIENCE_S):
        await arrived.wait()
    pipe.close()
