"""Which share is kept: our own ratio, or what the SDK's sampler stands for."""

from __future__ import annotations

import pytest

from extension.settings.config import read_config
from extension.settings.sharing import Share, share_of, share_of_sdk

HEARD = {"DISPATCH_OTLP_PORT": "4318"}


def share(**environment: str) -> Share:
    """Return the share that these variables mean, with an endpoint."""
    given = {"DISPATCH_POST_URI": "http://localhost:1", **environment}
    config, problems = read_config(given)
    assert not problems
    return share_of(config.telemetry)


def test_a_ratio_is_ours_whatever_the_sdk_does() -> None:
    """The variables of the SDK do not count without being asked for."""
    assert share(OTEL_TRACES_SAMPLER="always_off").is_whole
    given = share(DISPATCH_SAMPLE_RATIO="0.1", OTEL_TRACES_SAMPLER="always_off", **HEARD)
    assert given == Share(0.1)


@pytest.mark.parametrize(
    ("sampler", "argument", "heard", "unheard"),
    [
        ("", "", Share(1), Share(1)),
        ("always_on", "", Share(1), Share(1)),
        ("parentbased_always_on", "0.5", Share(1), Share(1)),
        ("always_off", "", Share(0, follows_sdk=True), Share(0)),
        ("Always_Off", "", Share(0, follows_sdk=True), Share(0)),
        ("parentbased_always_off", "", Share(0, follows_sdk=True, has_parents=True), Share(0)),
        ("traceidratio", "0.25", Share(0.25, follows_sdk=True), Share(0.25)),
        (
            "parentbased_traceidratio",
            "0.25",
            Share(0.25, follows_sdk=True, has_parents=True),
            Share(0.25),
        ),
        ("traceidratio", "", Share(1, follows_sdk=True), Share(1)),
        ("traceidratio", "much", Share(1, follows_sdk=True), Share(1)),
        ("traceidratio", "nan", Share(1, follows_sdk=True), Share(1)),
        ("traceidratio", "7", Share(1, follows_sdk=True), Share(1)),
        ("traceidratio", "1.5", Share(1, follows_sdk=True), Share(1)),
        ("traceidratio", "-0.1", Share(1, follows_sdk=True), Share(1)),
        ("traceidratio", "0", Share(0, follows_sdk=True), Share(0)),
        ("traceidratio", "1", Share(1, follows_sdk=True), Share(1)),
        ("xray", "endpoint=http://localhost:2000", Share(None, follows_sdk=True), Share(1)),
        (
            "parentbased_jaeger_remote",
            "endpoint=http://localhost:1",
            Share(None, follows_sdk=True, has_parents=True),
            Share(1),
        ),
    ],
)
def test_the_sampler_of_the_sdk(sampler: str, argument: str, heard: Share, unheard: Share) -> None:
    """Where its spans come to us they decide; else the ratio does, and all is kept without one."""
    given = {
        "DISPATCH_SAMPLE_RATIO": "otel",
        "OTEL_TRACES_SAMPLER": sampler,
        "OTEL_TRACES_SAMPLER_ARG": argument,
    }
    assert share(**given, **HEARD) == heard
    assert share(**given) == unheard


def test_spans_that_are_not_exported_are_not_heard() -> None:
    """They are accepted and not read."""
    given = share(
        DISPATCH_SAMPLE_RATIO="otel", OTEL_TRACES_SAMPLER="always_off", DISPATCH_SIGNALS="logs",
        **HEARD,
    )  # fmt: skip
    assert given == Share(0)


@pytest.mark.parametrize(
    ("share", "is_whole"),
    [
        (Share(), True),
        (Share(0.5), False),
        (Share(2), False),
        (Share(1, follows_sdk=True), False),
        (Share(None, follows_sdk=True), False),
        (Share(1, has_parents=True), True),
    ],
)
def test_what_is_whole(share: Share, is_whole: bool) -> None:
    """All is kept by a ratio of one, unless the SDK decides."""
    assert share.is_whole is is_whole


def test_a_sampler_that_is_unknown_keeps_all() -> None:
    """Its share is not known, and a guess would lose invocations."""
    assert share_of_sdk("xray", "0.5", is_heard=False) == Share()
