"""PURE: the keys in the path and in the query of a URL, beside its words.

Some vendors take their key in the path (`/receiver/v1/otlp/KEY`). A key mixes letters and digits,
or capitals and small letters, as words, versions and names do not, or it is longer than a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

SHORTEST_KEY = 16
LONGEST_WORD = 31
RUN = re.compile(r"[A-Za-z0-9]{8,}")
"""Characters that may be random; in shorter ones `k8s` and `eu1` are names."""
PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
"""A word of `camelCase2`, or a number."""
PIECE_OF_WORDS = 4
"""Characters that a piece of words has at least, by their mean; of a random text it has two."""
WITHIN = re.compile(r"(?<=[A-Za-z])[0-9]+(?=[A-Za-z])")
"""A number between letters. Names have one at most, in `k8s` or `s3`, between letters of words."""
CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{4}", re.IGNORECASE)


def keys_in_url(url: str) -> Iterator[str]:
    """Yield what looks like a key, as it is written; the user information is not looked at."""
    path = url.partition("?")[0].partition("://")[2].partition("#")[0].split("/")[1:]
    for text in (*path, *query_values(url)):
        if _is_key(unquote(text)):
            yield text


def query_values(url: str) -> Iterator[str]:
    """Yield each value of a query as it is written; what has no name is a value, too."""
    for part in url.partition("?")[2].partition("#")[0].split("&"):
        name, mark, value = part.partition("=")
        yield value if mark and value.strip("=") else name + mark + value


def _is_key(text: str) -> bool:
    return len(text) >= SHORTEST_KEY and any(map(_is_random, RUN.findall(text)))


def _is_random(run: str) -> bool:
    pieces = len(PIECE.findall(run))
    if len(run) > LONGEST_WORD or len(run) < PIECE_OF_WORDS * pieces:
        return True
    within = len(WITHIN.findall(run))
    return within > 1 or (within == 1 and CONSONANTS.search(run) is not None)
