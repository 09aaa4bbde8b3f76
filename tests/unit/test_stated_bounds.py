"""What the documents say of a bound or a time is what the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

from extension.http import connections, messages, server
from extension.parameters import lazy_clients, parameters, references, rotations, time_left
from extension.pump import framing
from extension.redaction import forms, readings, redactor, secrets, undo
from extension.replay import files, replay, retries
from extension.telemetry.assembly import (
    details,
    held_records,
    hold,
    request_table,
    sampling,
    undecided,
)
from extension.telemetry.export import bucket, credentials, dead_letters, delivery, flush, outcome
from extension.telemetry.export import post as posting
from extension.telemetry.otlp import limits, spans
from extension.telemetry.reading import decode, sdk_spans
from extension.telemetry.receiver import cleaning, content, door, posted_reader, receiver

ROOT = Path(__file__).parents[2]
CONVENTIONS, LETTERS, LIMITS = "docs/conventions.md", "docs/dead-letters.md", "docs/limits.md"
OPERATION, SDK, SECRETS, TELEMETRY = (
    f"docs/{name}.md" for name in ("operation", "sdk", "secrets", "telemetry")
)
PAUSES = "retries pause for 1 s to 5 min, after a timeout for 5 s at first, by chance up to a"
STALLED = "those that stall in a request or do not read an answer, after one to three seconds"
GAPS = "once the mean of 20 gaps is under a minute"
ELEMENTS = "of a delivery 10,000 elements are read and 100 that cannot be"
QUIET = "1.5 times the longest of the last 20 durations, at least 2 s and at most 60 s"
BUSY = (
    "three more attempts, `Retry-After` is followed up to a minute; "
    "after four files in a row the run ends"
)
LAYERS = "in any order, up to six layers and sixteen readings"
TRIVIAL = (
    "values under\neight characters or with fewer than five different characters, "
    "words of up to eleven letters"
)
SPANS = "A request of more than 1 MiB or 4096"

STATED = [
    (LIMITS, "an export inside an invocation | 2 s", flush.INVOCATION_EXPORT_S, 2),
    (TELEMETRY, "every 20 seconds, and when the buffer is half full", flush.PERIOD_S, 20),
    (TELEMETRY, "every 20 seconds, and when the buffer is half full", flush.HALF_FULL, 0.5),
    (TELEMETRY, GAPS, flush.REMEMBERED_GAPS, 20),
    (TELEMETRY, GAPS, flush.FREQUENT_GAP_S, 60),
    (TELEMETRY, "the longest of the last 20 durations", flush.REMEMBERED_DURATIONS, 20),
    (OPERATION, PAUSES, outcome.PAUSES_S[0], 1),
    (OPERATION, PAUSES, outcome.PAUSES_S[-1], 300),
    (OPERATION, PAUSES, outcome.PAUSES_S[outcome.TIMEOUT_WEIGHS - 1], 5),
    (OPERATION, PAUSES, outcome.JITTER, 0.25),
    (OPERATION, "init and an export take at most 2 s longer", credentials.RESOLVE_S, 2),
    (CONVENTIONS, "for an hour at most, and not", outcome.LONGEST_RETRY_AFTER_S, 3600),
    ("SECURITY.md", "64 KiB of an answer read and unpacked", posting.MAX_ANSWER_BYTES, 65_536),
    (LETTERS, "of at most 1 MiB before compression", dead_letters.FILE_BYTES, 1 << 20),
    (LETTERS, "within the same limit of 2 s", bucket.TIMEOUT_S, 2),
    (LETTERS, BUSY, len(retries.PAUSES_S), 3),
    (LETTERS, BUSY, retries.LONGEST_PAUSE_S, 60),
    (LETTERS, BUSY, replay.MOST_IN_A_ROW, 4),
    (LETTERS, "no OTLP, or larger than 64 MiB", files.MAX_FILE_BYTES, 64 << 20),
    (LIMITS, "512 connections, 3 calls", connections.MAX_CONNECTIONS, 512),
    ("SECURITY.md", STALLED, connections.STALLED_CHECKS * server.CHECK_S, 1),
    ("SECURITY.md", STALLED, connections.SILENT_CHECKS * server.CHECK_S, 3),
    (SECRETS, "of\n8190 bytes", messages.LONGEST_LINE, 8190),
    (LIMITS, "a call to AWS | 5 s, retries included", lazy_clients.DEADLINE_S, 5),
    (SECRETS, "once an hour for each secret", rotations.KNOWN_S, 3600),
    (OPERATION, "at most three quarters of what is left", time_left.WAIT_SHARE, 0.75),
    (OPERATION, "`/next` waits up to a second", parameters.HOLD_S, 1),
    ("SECURITY.md", "lines wait for that, 2 s at most", references.PREFETCH_S, 2),
    ("SECURITY.md", "64 connections, 8 MiB a body", door.MAX_CONNECTIONS, 64),
    ("SECURITY.md", "64 connections, 8 MiB a body", content.MAX_BODY_BYTES, 8 << 20),
    ("SECURITY.md", "in 16 compressed parts at most", content.MAX_MEMBERS, 16),
    ("SECURITY.md", "8 MiB that wait to be read", receiver.MAX_KEPT_BYTES, 8 << 20),
    ("SECURITY.md", "an item has 1 MiB and 32,768", cleaning.MAX_ITEM_BYTES, 1 << 20),
    ("SECURITY.md", "an item has 1 MiB and 32,768", cleaning.MAX_VALUES, 32_768),
    (SDK, "more than 131,072 items", posted_reader.MOST_ITEMS, 131_072),
    (SDK, SPANS, posted_reader.MAX_WHOLE_BYTES, 1 << 20),
    (SDK, SPANS, posted_reader.MAX_WHOLE_ITEMS, 4096),
    (SDK, "(32 links and 32", sdk_spans.MAX_LINKS, 32),
    (SDK, "(32 links and 32", sdk_spans.MAX_ATTRIBUTES, 32),
    ("SECURITY.md", ELEMENTS, decode.MOST_EVENTS, 10_000),
    ("SECURITY.md", ELEMENTS, decode.MOST_UNREADABLE, 100),
    ("SECURITY.md", "requests together take 16 MiB", held_records.MAX_BYTES_TOGETHER, 16 << 20),
    ("SECURITY.md", "keep up to 1024 requests open", request_table.MAX_OPEN, 1024),
    ("SECURITY.md", "and 128 links taken at most", spans.MOST_LINKS, 128),
    ("SECURITY.md", "64 KiB at both ends of a message are copied", framing.MOST_COPIED, 65_536),
    ("SECURITY.md", LAYERS, undo.ROUNDS, 6),
    ("SECURITY.md", LAYERS, readings.MOST_READINGS, 16),
    (LIMITS, "lines of one invocation | 64 MiB", held_records.MAX_BYTES_OF_ALL, 64 << 20),
    (LIMITS, "one text | 4095 characters", limits.LONGEST, 4095),
    (LIMITS, "and the 4096 read last", redactor.MOST_LOOSE, 4096),
    (SECRETS, TRIVIAL, forms.MIN_LENGTH, 8),
    (SECRETS, TRIVIAL, secrets.MIN_DISTINCT, 5),
    (SECRETS, TRIVIAL, secrets.WORD_LENGTH, 12),
    (SECRETS, "hides these, too, from four characters on", secrets.STRICT_LENGTH, 4),
    (TELEMETRY, "is known: 1 MiB of each invocation", details.MAX_DETAIL_BYTES, 1 << 20),
    (TELEMETRY, "its data waits for that, in 4 MiB", undecided.MAX_WAITING_BYTES, 4 << 20),
    (TELEMETRY, "the end of two invocations (128 on", sampling.PATIENCE, 2),
    (TELEMETRY, "the end of two invocations (128 on", sampling.PATIENCE_OF_MANY, 128),
    (TELEMETRY, "2 s after INVOKE if the platform", hold.START_PATIENCE_S, 2),
    (TELEMETRY, "1.5 s after a sign of loss", hold.LOSS_PATIENCE_S, 1.5),
    (TELEMETRY, QUIET, hold.QUIET_TIMES, 1.5),
    (TELEMETRY, QUIET, hold.LEAST_QUIET_S, 2),
    (TELEMETRY, QUIET, hold.LONGEST_QUIET_S, 60),
    (TELEMETRY, "(10 s while no\n  duration is known)", hold.UNKNOWN_QUIET_S, 10),
]


# A changed bound must not change the name of its test.
@pytest.mark.parametrize(
    ("document", "words", "bound", "stated"), STATED, ids=[str(at) for at in range(len(STATED))]
)
def test_a_bound_is_what_its_document_says(
    document: str, words: str, bound: float, stated: float
) -> None:
    """A change of one of them needs a change of the other."""
    assert words in (ROOT / document).read_text()
    assert bound == stated


def test_a_batch_is_as_large_as_a_file_of_dead_letters() -> None:
    """What was refused as a batch is one file, not two."""
    assert delivery.BATCH_BYTES == dead_letters.FILE_BYTES
