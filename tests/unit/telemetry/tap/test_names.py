"""Names that we take for conventional stand in the official package."""

from __future__ import annotations

from importlib import import_module

from extension.telemetry.tap.names import CHOSEN_BY_USERS, CONVENTIONAL

FAMILIES = (
    "aws", "client", "cloudevents", "error", "faas", "gen_ai", "graphql", "http", "messaging",
    "network", "server", "url", "user_agent",
)  # fmt: skip


def test_conventional_names_are_in_the_conventions() -> None:
    """Each of them, in the stable or the incubating part."""
    modules = [
        import_module(f"opentelemetry.semconv._incubating.attributes.{family}_attributes")
        for family in FAMILIES
    ]
    official = {
        value for module in modules for value in vars(module).values() if isinstance(value, str)
    }
    assert len(CONVENTIONAL) > 30
    assert set(CONVENTIONAL) <= official


def test_what_can_be_left_out_is_known() -> None:
    """A name that is misspelt there would go out all the same."""
    assert set(CONVENTIONAL) >= CHOSEN_BY_USERS
