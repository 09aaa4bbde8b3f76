"""A secret is found in whatever form the encoders of common languages give it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from extension.redaction.redactor import Redactor
from extension.redaction.secrets import leaves
from extension.redaction.undo import innermost
from tests.encoders.examples import binaries, texts
from tests.encoders.programs import Encoded, encoded
from tests.encoders.table import ELSEWHERE, OF_BYTES, PYTHON

EACH = 6
"""Secrets of each kind and length."""

SECRETS = [
    each for each in texts(EACH) if list(leaves(each)) and len(innermost(each).rstrip("\\")) >= 8
]
"""Of one that looks like escapes itself too little may be left to be recognised."""


def left_of(secret: str | bytes, form: str) -> str:
    """Return what redaction leaves of a form of a secret."""
    redactor = Redactor()
    redactor.learn("name", secret)
    redacted = redactor.redact(f"it is {form} indeed")
    assert redacted.text.startswith("it is ")
    assert redacted.text.endswith(" indeed")
    assert redacted.names == ("name",), form
    return redacted.text[6:-7]


def check(secret: str | bytes, form: str) -> None:
    """Assert that nothing is left of a form but its wrapping."""
    rest = left_of(secret, form).replace("[REDACTED:name]", "", 1)
    # What a neighbour of the secret stood for, and the ends of base64, which depend on neighbours.
    assert len(rest) <= len(re.sub(r"[\w+/=-]{9,}", "", form)) // 4 + 48, (secret, form, rest)
    assert not set(_parts(secret)) & set(_parts(rest)), (secret, form, rest)


def _parts(text: str | bytes) -> list[str]:
    """Return each eight characters of a text."""
    text = text if isinstance(text, str) else text.decode("latin-1")
    return [text[at : at + 8] for at in range(len(text) - 7)]


@pytest.mark.parametrize("name", [*PYTHON, *ELSEWHERE])
def test_encoders_of_python_and_of_languages_elsewhere(name: str) -> None:
    """Each encoder's form of each secret is replaced."""
    encode = {**PYTHON, **ELSEWHERE}[name]
    for secret in SECRETS:
        check(secret, encode(secret))


@pytest.mark.parametrize("language", ["node", "java", "go", "rust"])
def test_encoders_of_languages_on_this_machine(language: str, tmp_path: Path) -> None:
    """Their own standard libraries write the forms."""
    forms = encoded(language, SECRETS, folder=tmp_path)
    if forms is None:
        pytest.skip(f"{language} is not installed")
    assert len(forms) >= 3 * len(SECRETS)
    for secret, _, form in map(Encoded._make, forms):
        check(secret, form)


@pytest.mark.parametrize("name", OF_BYTES)
def test_encoders_of_bytes(name: str) -> None:
    """A key that is no text is known in base64, in hexadecimal and in escapes."""
    for secret in binaries(60):
        check(secret, OF_BYTES[name](secret))
