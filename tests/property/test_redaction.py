"""Random secrets in random texts never get through."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from hypothesis import assume, given
from hypothesis import strategies as st

from extension.redaction.redactor import Redactor
from extension.redaction.secrets import leaves

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=60)
FORMS: list[Callable[[str], str]] = [
    lambda secret: secret,
    lambda secret: json.dumps(secret)[1:-1],
    lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    lambda secret: quote(secret, safe=""),
    quote_plus,
    lambda secret: base64.b64encode(secret.encode()).decode(),
]


@given(TEXTS, TEXTS, SECRETS, st.sampled_from(FORMS))
def test_no_form_of_a_secret_gets_through(
    before: str, after: str, secret: str, form: Callable[[str], str]
) -> None:
    """Wherever it stands and however it is spelled, its name stands there instead."""
    assume(list(leaves(secret)) == [("", secret)])
    knowing = Redactor()
    knowing.learn("name", secret)
    spelled = form(secret)
    assume(len(spelled.rstrip("=")) >= 8)
    redacted = knowing.redact(before + spelled + after)
    assert spelled.rstrip("=") not in redacted.text.replace("[REDACTED:name]", "\0")
    assert redacted.names == ("name",)


@given(st.lists(SECRETS, max_size=5), TEXTS)
def test_texts_without_secrets_are_untouched(secrets: list[str], text: str) -> None:
    """What holds no secret in any form leaves as it came."""
    knowing = Redactor()
    for number, secret in enumerate(secrets):
        knowing.learn(str(number), secret)
    if not knowing.redact(text).names:
        assert knowing.redact(text).text == text
