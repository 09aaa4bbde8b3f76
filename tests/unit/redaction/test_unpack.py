"""What is encoded as a whole is decoded: hexadecimal, base64, lists of bytes."""

from __future__ import annotations

import base64
import json

import pytest

from extension.redaction.readings import readings
from extension.redaction.unpack import unpack

TEXT = 'pass=a"b%26c'


@pytest.mark.parametrize(
    "packed",
    [
        TEXT.encode().hex(),
        TEXT.encode().hex().upper(),
        TEXT.encode().hex(" "),
        TEXT.encode().hex("-"),
        TEXT.encode().hex(":"),
        TEXT.encode("utf-16-le").hex(),
        str(list(TEXT.encode())),
        str(list(TEXT.encode())).replace(",", ""),
        "[]byte{" + ", ".join(map(hex, TEXT.encode())) + "}",
        json.dumps(list(TEXT.encode()), separators=(",", ":")),
        "[" + ", ".join(f"{each:3}" for each in TEXT.encode()) + "]",
        "[" + " ".join(f"{each:3}" for each in TEXT.encode()) + "]",
        json.dumps(dict(enumerate(TEXT.encode()))),
        json.dumps(dict(enumerate(TEXT.encode())), separators=(",", ":")),
        str(dict(enumerate(TEXT.encode()))),
        str({str(at): each for at, each in enumerate(TEXT.encode())}),
        base64.b64encode(TEXT.encode()).decode(),
        base64.b64encode(TEXT.encode("utf-16-be")).decode(),
        base64.urlsafe_b64encode(TEXT.encode()).decode().rstrip("="),
    ],
)
def test_each_kind_is_decoded(packed: str) -> None:
    """In either case, with or without marks between the bytes, in UTF-8 and UTF-16."""
    layer = unpack(f"before {packed} after")
    assert layer is not None
    assert TEXT in layer.text
    assert layer.text.startswith("before ")
    assert layer.text.endswith(" after")
    assert "".join(layer.escaped) == f"before {packed} after"


def test_numbers_may_stand_in_columns() -> None:
    """As Node.js prints a typed array: aligned, a few on each line."""
    numbers = [f"{each:3}" for each in TEXT.encode()]
    rows = [", ".join(numbers[at : at + 3]) for at in range(0, len(numbers), 3)]
    printed = "Uint8Array(12) [\n  " + ",\n  ".join(rows) + "\n]"
    assert any(TEXT in layer.text for layer in readings(printed)[1])


@pytest.mark.parametrize(
    "line",
    [
        "0c1cd8ff-65f9-44d5-b25b-5d3a5b5b5e5e",
        "trace=4bf92f3577b34da6a3ce929d0e0e4736 span=00f067aa0ba902b7",
        "GET /orders/1234/items/5678/and/what/is/in/them",
        "10:00:00.123 took 12, 13 and 14 ms in eu-central-1",
        '{"0": 80, "1": 97, "2": 115, "3": 115, "4": 119, "5": 48, "6": 114}',
        '{"1": 80, "2": 97, "3": 115, "4": 115, "5": 119, "6": 48, "7": 114, "8": 100}',
        "AAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_most_of_what_looks_encoded_is_not(line: str) -> None:
    """Ids, digests and paths decode to no text: the line has no other reading."""
    assert unpack(line) is None
    assert readings(line) == (line, [])


def test_short_runs_between_dashes_are_left_alone() -> None:
    """As a UUID's are, though the dash is a digit of URL-safe base64."""
    assert unpack("YWI-" * 5) is None
    assert unpack("x" * 16 + " YWI-YWI-YWI-YWI-") is not None


def test_places_lead_back_to_what_was_encoded() -> None:
    """To the characters that spell what was found, and their neighbours in the same group."""
    packed = base64.b64encode(b"something before hunter2-hunter2 and behind").decode()
    layer = unpack(f"x {packed} y")
    assert layer is not None
    begin = layer.text.index("hunter2-hunter2")
    [(first, last)] = layer.origins([(begin, begin + len("hunter2-hunter2"))])
    assert b"hunter2-hunter2" in base64.b64decode(f"x {packed} y"[first:last])
    assert last - first <= len("hunter2-hunter2") * 4 // 3 + 8


@pytest.mark.parametrize(
    "raw", ["a hunter2-hunter2 b".encode("utf-16-le"), b"id\0\0a hunter2-hunter2 b\0\0\0"]
)
def test_what_has_zeros_is_hidden_as_a_whole(raw: bytes) -> None:
    """Its characters are not where its bytes are, so nothing tells which digits are whose."""
    line = f"x {raw.hex()} y"
    layer = unpack(line)
    assert layer is not None
    begin = layer.text.index("hunter2-hunter2")
    [(first, last)] = layer.origins([(begin, begin + len("hunter2-hunter2"))])
    assert line[first:last] == raw.hex()


def test_encodings_in_encodings_are_followed() -> None:
    """JSON in base64 in JSON in hexadecimal: each reading is reached once."""
    inner = base64.b64encode(json.dumps({"p": TEXT}).encode()).decode()
    outer = json.dumps({"body": inner}).encode().hex()
    texts = [layer.text for layer in readings(f"event {outer}")[1]]
    assert any('pass=a"b&c' in text for text in texts)
    assert len(set(texts)) == len(texts)


def test_a_reading_that_is_reached_in_two_ways_counts_once() -> None:
    """What is escaped beside what is encoded may be undone first or last."""
    line = f"100%25 {base64.b64encode(b'hunter2-hunter2').decode()}"
    texts = [layer.text for layer in readings(line)[1]]
    assert sorted(texts) == sorted({*texts})
    assert "100% hunter2-hunter2" in texts


def test_readings_are_bounded() -> None:
    """A line that can be read in ever more ways is read in sixteen of them."""
    line = "hunter2 '' \\u005c"
    for _ in range(4):
        line = json.dumps(base64.b64encode(line.encode()).decode() + " " + line)
    assert len(readings(line)[1]) == 16


@pytest.mark.parametrize(("unreadable", "is_text"), [(4, True), (5, False)])
def test_what_is_mostly_text_is_text(unreadable: int, is_text: bool) -> None:
    """A quarter of it may be anything, as in a record with lengths in it; more is no text."""
    raw = b"abc" * 4 + b"\xff" * unreadable
    assert (unpack(raw.hex()) is not None) == is_text


MIXED = "signed with care by ä € 😀 \udcff, and sealed!"
"""Characters of one to four bytes, and a byte that is no UTF-8."""


def _first_byte(character: str) -> bytes:
    return character.encode("utf-8", "surrogateescape")[:1]


def test_each_character_leads_back_to_its_own_digits() -> None:
    """In hexadecimal two digits are a byte, so nothing beside a secret is taken along."""
    line = f"x {MIXED.encode('utf-8', 'surrogateescape').hex()} y"
    layer = unpack(line)
    assert layer is not None
    assert layer.text == f"x {MIXED} y".replace("\udcff", "\xff")
    for at, character in enumerate(MIXED, start=2):
        [(first, last)] = layer.origins([(at, at + 1)])
        assert bytes.fromhex(line[first:last]) == _first_byte(character)


def test_each_character_leads_back_to_its_own_group() -> None:
    """In base64 four characters are three bytes; characters are where they begin."""
    line = f"x {base64.b64encode(MIXED.encode('utf-8', 'surrogateescape')).decode()} y"
    layer = unpack(line)
    assert layer is not None
    assert layer.text == f"x {MIXED} y".replace("\udcff", "\xff")
    for at, character in enumerate(MIXED, start=2):
        [(first, last)] = layer.origins([(at, at + 1)])
        group = base64.b64decode(line[first:last])
        assert last - first == 4
        assert _first_byte(character) in group


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["\u043fa\u0440s\u043es\u043b=", "\u0400ab\u0400cd\u0400ef"])
def test_utf_16_is_known_by_its_zeros(order: str, text: str) -> None:
    """One byte in four is enough, and the order is the one that most of them speak for."""
    layer = unpack(text.encode(order).hex())
    assert layer is not None
    assert layer.text == text


def test_utf_16_whose_zeros_speak_for_neither_order_is_the_network_s() -> None:
    """As RFC 2781 has it for a text without a mark of its order."""
    text = "\u0100a\u0200b\u0300c"
    layer = unpack(text.encode("utf-16-be").hex())
    assert layer is not None
    assert layer.text == text


def test_what_is_no_text_stays_beside_what_is() -> None:
    """Each token is decoded by itself."""
    unreadable, readable = "A" * 20, TEXT.encode().hex()
    layer = unpack(f"{unreadable} {readable} {unreadable}")
    assert layer is not None
    assert layer.text == f"{unreadable} {TEXT} {unreadable}"


@pytest.mark.parametrize("digits", ["7", "747"])
def test_a_half_byte_at_the_end_is_no_byte(digits: str) -> None:
    """What is before it is decoded."""
    layer = unpack(b"hunter2-hunter2".hex() + digits)
    assert layer is not None
    assert layer.text.startswith("hunter2-hunter2")


@pytest.mark.parametrize("dashes", [False, True])
@pytest.mark.parametrize("dropped", [0, 1, 2, 3])
def test_base64_may_be_cut_anywhere(dropped: int, dashes: bool) -> None:
    """A log line's end cuts it; all whole bytes are decoded."""
    packed = base64.b64encode(b"hunter2hunter2 ?>?>").decode().rstrip("=")
    packed = packed.replace("/", "_").replace("+", "-") if dashes else packed
    layer = unpack(packed[: len(packed) - dropped])
    assert layer is not None
    assert layer.text == "hunter2hunter2 ?>?>"[: (len(packed) - dropped) * 6 // 8]


def test_hexadecimal_within_a_token_of_base64_is_decoded_too() -> None:
    """An id before it leaves no telling where the hexadecimal begins."""
    layer = unpack(f"key_{TEXT.encode().hex()}")
    assert layer is not None
    assert TEXT in layer.text


@pytest.mark.parametrize(
    "numbers", [[104, 105] * 4, [-128, -1, 127, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76]]
)
def test_numbers_of_bytes_may_be_negative(numbers: list[int]) -> None:
    """As Java prints them."""
    layer = unpack(str(numbers))
    assert layer is not None
    assert bytes(each & 0xFF for each in numbers).decode("latin-1") in layer.text
