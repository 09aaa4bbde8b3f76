"""PURE: which share of the unremarkable invocations is kept, and by whose choice.

The sampler of the function's SDK decides where `DISPATCH_SAMPLE_RATIO=otel` says so. It draws
otherwise than we do, so what it has drawn counts, not its ratio, wherever its spans come to us.
Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from extension.settings.telemetry import TelemetryConfig

ALWAYS_ON = ("always_on", "parentbased_always_on")
PARENT_BASED = "parentbased_"


class Share(NamedTuple):
    """A share; `ratio`: None if it is not known, which only the SDK's may be.

    `follows_sdk`: of the unremarkable invocations those are kept of which the SDK sends spans.
    `has_parents`: those with a parent are not drawn by the ratio, but by the parent's decision.
    """

    ratio: float | None = 1.0
    follows_sdk: bool = False
    has_parents: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether everything is kept."""
        return self.ratio == 1 and not self.follows_sdk


def share_of(config: TelemetryConfig) -> Share:
    """Return the share that is configured."""
    selection = config.selection
    if selection.sample_ratio is not None:
        return Share(selection.sample_ratio)
    is_heard = bool(config.otlp_port) and "traces" in config.posted
    return share_of_sdk(selection.sdk_sampler, selection.sdk_sampler_argument, is_heard=is_heard)


def share_of_sdk(sampler: str, argument: str, *, is_heard: bool) -> Share:
    """Return the share that `OTEL_TRACES_SAMPLER` and its argument stand for.

    `is_heard`: the SDK sends its spans to us.
    """
    name = sampler.lower()
    if name in ALWAYS_ON:
        return Share()
    ratio = _ratio(name.removeprefix(PARENT_BASED), argument)
    if is_heard:
        return Share(ratio, follows_sdk=True, has_parents=name.startswith(PARENT_BASED))
    return Share(1.0 if ratio is None else ratio)


def _ratio(name: str, argument: str) -> float | None:
    if name == "always_off":
        return 0.0
    if name != "traceidratio":
        return None
    try:
        ratio = float(argument)
    except ValueError:  # of an empty one, too
        return 1.0
    return ratio if 0 <= ratio <= 1 else 1.0
