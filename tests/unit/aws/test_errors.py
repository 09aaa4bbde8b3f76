"""Which errors of AWS pass, and which are its last word."""

from __future__ import annotations

import pytest
from botocore.retries import standard

from extension.aws.errors import OUTDATED, THROTTLING, is_outdated, is_transient


def test_throttling_is_what_botocore_calls_so() -> None:
    """Its list is private and grows: an addition must be found here."""
    assert set(standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES) == THROTTLING


def test_what_botocore_tries_again_is_transient() -> None:
    """An error that was worth three attempts cannot be a refusal."""
    codes = standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES
    assert all(is_transient(code, status=400) for code in codes)
    statuses = [
        *standard.TransientRetryableChecker._TRANSIENT_STATUS_CODES,
        *standard.ThrottlingStatusCodeChecker._THROTTLING_STATUS_CODES,
    ]
    assert all(is_transient("Whatever", status=status) for status in statuses)


@pytest.mark.parametrize(
    ("code", "message", "outdated"),
    [
        *((code, "", True) for code in sorted(OUTDATED)),
        ("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2", True),
        ("SignatureDoesNotMatch", "Signature not yet current: 2 is still later than 1", True),
        ("SignatureDoesNotMatch", "The signature we calculated does not match", False),
        ("AccessDeniedException", "Signature expired", False),
    ],
)
def test_refused_for_its_age(code: str, message: str, outdated: bool) -> None:
    """A signature of another time, which a freeze is enough for."""
    assert is_outdated(code, message=message) is outdated
    assert is_transient(code, message=message, status=400) is outdated
