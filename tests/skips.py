"""What was skipped in a run of the tests, and what would make it run: the end of every run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

REMEDIES: tuple[tuple[str, str], ...] = (
    (r"^takes minutes: (.+)", "{0}"),
    (r"there is no Python (\S+)", "install Python {0}"),
    (r"interpreter.* fetched", "install Go 1.21 or newer, and reach its module proxy"),
    (
        r"^the emulator |arm64 system",
        "an x86_64 machine with apt-get, Debian's packages and ptrace",
    ),
    (r"\(apt-get install it\)", "apt-get install chromium, as root; .ci/run does it"),
    (r"AWS's client for Rust: ", "install cargo (rustup.rs), then python -m tests.fidelity"),
    (r"^no record", "recordings of real functions beside the checkout: no others have them"),
    (
        r"needs root|only root|unshare|mount|root of its own|setpriv|control groups",
        "run as root on Linux",
    ),
    (r"provider for AWS cannot", "a machine that reaches the registry of Terraform's providers"),
    (r"neither actionlint", "install go, or actionlint"),
    (r"cannot be (?:fetched|installed here)", "reach the registries of packages"),
    (r"exec: (\S+): not found", "install {0}"),
    (r"rotel cannot be installed|package index|cannot fetch|not within", "reach a package index"),
    (r"rotel does not run: .*(libpython[\d.]+so)", "a Python built with {0}, its shared library"),
    (r"rotel does not run", "a machine with glibc 2.34 or newer"),
    (r"rotel has no wheel for", "one of the Pythons that requirements/rotel.txt has wheels for"),
    (r"AXIOS", "npm install axios, and AXIOS=…/node_modules"),
    (r"cannot be built|no layer can be built", "see the reason: the build says what it lacks"),
    (r"no IPv6", "a machine with IPv6 on its loopback interface"),
    (r"as many sockets", "ulimit -n 4096 or more"),
    (r"node is older", "install a newer Node.js"),
    (r"Python older than 3\.11", "install Python 3.10 beside this one"),
    (r"interpreter of a Lambda runtime|no /usr/bin/python3", "another machine: this one cannot"),
    (r"(\S+) is not installed", "install {0}"),
    (r"(?:needs|has no) ([\w ]+)$", "install {0}"),
    (r"there is no emulator for", "an x86_64 or arm64 machine"),
    (r"cannot be downloaded", "reach a package index"),
    (r"its hash differs", "remove the file from .cache, and reach a package index"),
    (r"there is a Python (\S+) here", "a machine without Python {0}"),
    (r"Linux|/proc", "run on Linux"),
    (r"^(?:AWS's )?[\w .+-]+: ", "see the reason: a tool or a package index has refused"),
)
"""What a reason looks like, and what to do; `{0}` is its first group."""

LONGEST = 160
"""Characters of a reason that are shown."""

ASK_THE_TEST = "see the test: it says no more"


def remedy(reason: str) -> str:
    """Return what would make tests run that were skipped for this reason."""
    for pattern, text in REMEDIES:
        if found := re.search(pattern, reason):
            return text.format(*found.groups())
    return ASK_THE_TEST


def listed(reasons: Iterable[str]) -> list[str]:
    """Return a line for each reason: how many tests, why, and what would make them run."""
    counted = Counter((_in_a_line(reason), remedy(reason)) for reason in reasons)
    return [f"{number:4} {reason}  →  {todo}" for (reason, todo), number in counted.most_common()]


def _in_a_line(reason: str) -> str:
    """Return the beginning of a reason, which may end with what a tool has printed."""
    text = " ".join(reason.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
