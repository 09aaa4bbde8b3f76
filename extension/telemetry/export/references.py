"""PURE: `${secretsmanager:name#key}`, `${ssm:/path}` and `${arn:aws:…#key}` inside a setting.

What they refer to lives where it is rotated, and not in the function's configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

REFERENCE = re.compile(r"\$\{((?:secretsmanager|ssm|arn):[^{}]+)\}")


def references_in(text: str) -> tuple[str, ...]:
    """Return each reference in a setting once, without the braces."""
    return tuple(dict.fromkeys(REFERENCE.findall(text)))


def substitute(text: str, values: Mapping[str, str], *, encode: Callable[[str], str] = str) -> str:
    """Put values in the place of their references."""
    return REFERENCE.sub(lambda match: encode(values[match[1]]), text)
