"""Where a password stands in a text, and what merely stands in such a place."""

from __future__ import annotations

import base64

import pytest

from extension.redaction.connection_strings import (
    basic_password,
    passwords,
)

KEY = "k" * 16


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x scheme://u:p@h", ["p"]),
        ("a scheme://u:p@h/ tail@x", ["p"]),
        ("scheme://u:p@h other://v:q@i", ["p", "q"]),
        ("x scheme://u:p@w@h:1/db", ["p@w", "p"]),
        (f"x scheme://{KEY}@h", [KEY]),
        (f"x scheme://{KEY[1:]}@h", []),
        (f"x scheme://{KEY}", []),
        (f"x scheme://{KEY}/a@b", []),
        (f"x scheme://{KEY}:p@h", ["p"]),
        ("x scheme://u/x:p@h", []),
        ("x scheme://u?x:p@h", []),
        ("x scheme://u#x:p@h", []),
        ("x scheme://u@h:p@i", []),
        ("x scheme:// y", []),
        ("x ://", []),
    ],
)
def test_before_the_host_of_a_url(text: str, found: list[str]) -> None:
    """Behind the user, or in its place; behind the host's first mark nothing is a password."""
    assert list(passwords(text)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("u:p@tcp(h:1)/x", ["p"]),
        ("u:p@h:1/", ["p"]),
        ("u:p@h", ["p"]),
        ("u:p@h x", []),
        ("u?:p@h/", []),
        ("a u:p@h", []),
    ],
)
def test_before_the_host_without_a_scheme(text: str, found: list[str]) -> None:
    """As Go's drivers have it, if the text is nothing else."""
    assert list(passwords(text)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("password=aaaa1;x=1", ["aaaa1"]),
        ("password=aaaa1&x=1", ["aaaa1&x=1", "aaaa1"]),
        ("password=aaaa1,x=1", ["aaaa1,x=1", "aaaa1"]),
        ("PWD = 'a b' x", ["a b"]),
        ('token: "a b" x', ["a b"]),
        ("secret=1 sig=2", ["1", "2"]),
        ("DB_PASS=v", ["v"]),
        ("passphrase: v", ["v"]),
        ("pass = v", ["v"]),
        ("bindpw=v", ["v"]),
        ("client-key-data: v", ["v"]),
        ("credential=v", ["v"]),
        ("Pwd={a;b};x=1", ["a;b"]),
        ("Pwd={a;b", ["{a"]),
        ("password=", []),
        ("password of a user", []),
        ("<key>v</key>", ["v"]),
        ("<key>v<", []),
        ("bearer  v", ["v"]),
        ("x bearer v", []),
        ("machine h login u password v", ["v"]),
        ("h:1:d:u:v", ["v"]),
        ("x\nh:*:d:u:v", ["v"]),
        ("h:x:d:u:v", []),
    ],
)
def test_behind_its_name(text: str, found: list[str]) -> None:
    """In connection strings, settings, headers and the files of netrc and pgpass."""
    assert list(passwords(text)) == found


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a%20b", ["a%20b", "a b"]),
        ("a+b", ["a+b", "a b"]),
        (r"a\u0041", [r"a\u0041", "aA"]),
    ],
)
def test_as_it_is_written_and_as_it_is_meant(written: str, meant: list[str]) -> None:
    """A driver's error has it without the encoding of the text that it came from."""
    assert set(passwords(f"password={written}")) == set(meant)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://hooks.example.com/T/abcd1234efgh5678", ["abcd1234efgh5678"]),
        ("https://hooks.example.com/T/abcd1234efgh567", []),
        ("https://hooks.example.com/T/abcd123xefghyyyy", []),
        ("http://hooks.example.com/T/abcd1234efgh5678", []),
    ],
)
def test_at_the_end_of_a_webhook(text: str, found: list[str]) -> None:
    """Sixteen characters with four digits, as no page of a site is called."""
    assert list(passwords(text)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("password=v".rjust(4096), ["v"]),
        ("x" * 4000 + "\npassword=" + "v" * 100, ["v" * 100]),
        ("x" * 4096 + "password=v", ["v"]),
        ("users:\n" * 5000 + "token: v", ["v"]),
        ("token: v\n" + "x\n" * 5000 + "token: w", ["v", "w"]),
        ("x" * 4090 + "password=v", []),
    ],
)
def test_long_texts_are_looked_through_in_pieces(text: str, found: list[str]) -> None:
    """They end with a line, so that a setting is in one; what has no lines is cut anywhere."""
    assert list(passwords(text)) == found


@pytest.mark.parametrize(
    ("credential", "password"), [("u:p:q", "p:q"), ("u:", ""), ("u", ""), (":p", "p")]
)
def test_of_a_basic_credential(credential: str, password: str) -> None:
    """Behind the first colon, for a user has none."""
    encoded = base64.b64encode(credential.encode()).decode()
    assert basic_password(encoded) == password
    assert set(passwords(f"Basic {encoded}")) == {encoded, *filter(None, [password])}


def test_docker_keeps_a_basic_credential_without_the_word() -> None:
    """As the value of `auth` in its file of settings."""
    assert list(passwords(base64.b64encode(b"AWS:hunter2").decode())) == ["hunter2"]
    assert list(passwords(base64.b64encode(b"no colon here").decode())) == []


def test_what_is_no_basic_credential_has_no_password() -> None:
    """Neither what is no base64, nor what is no text."""
    assert basic_password("!") == ""
    assert basic_password(base64.b64encode(b"u:\xff").decode()) == ""
