"""The configuration as a whole."""

from __future__ import annotations

import pytest

from extension.platform.bootstrap import NAME_VARIABLE
from extension.settings.config import USER_SECTIONS, Config, read_config
from extension.settings.process import LambdaConfig
from extension.settings.sdk_variables import PREFIX, SIGNALS
from extension.settings.variable import variables


def test_nothing_set_gives_the_defaults() -> None:
    """An empty environment is a good one."""
    assert read_config({}) == (Config(), ())


def test_values_and_problems_of_every_section_are_collected() -> None:
    """Good values are taken beside bad ones."""
    config, problems = read_config(
        {
            "DISPATCH_ENABLED": "false",
            "DISPATCH_POST_URI": "http://h:4318",
            "SECRETS_MANAGER_TTL": "abc",
            "SSM_PARAMETER_STORE_TTL": "60",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        }
    )
    assert config.process.enabled is False
    assert config.telemetry.post_uri == "http://h:4318"
    assert (config.parameters.secrets_manager_ttl_s, config.parameters.ssm_ttl_s) == (300, 60)
    assert config.sandbox.memory_mb == 128
    assert [problem.variable for problem in problems] == ["SECRETS_MANAGER_TTL"]


def test_each_variable_is_read_once_and_explained() -> None:
    """No variable is declared twice, and each says what it means and what it allows."""
    rows = [row for section in USER_SECTIONS for row in variables(section)]
    assert len({row.name for row in rows}) == len(rows)
    assert all(row.meaning and row.kind.allowed for row in rows)


def test_a_url_that_cannot_be_used_and_what_follows_are_one_line() -> None:
    """Its value may hold a key."""
    _, [problem] = read_config({"DISPATCH_POST_URI": "localhost:4318"})
    assert str(problem) == (
        "DISPATCH_POST_URI = (not shown) is ignored: nothing is posted there; "
        "allowed: an http:// or https:// URL"
    )


def test_resource_attributes_that_are_none_are_named_by_their_place() -> None:
    """The others are used."""
    config, problems = read_config({"OTEL_RESOURCE_ATTRIBUTES": "team: shop,a=1,=x,,b="})
    assert problems == ()
    [note] = config.notes
    assert note == (
        "OTEL_RESOURCE_ATTRIBUTES: entries left out: 1, 3; allowed: "
        "key=value pairs, comma-separated, URL-encoded"
    )


@pytest.mark.parametrize(
    "secret", ["sk-live-4f8Q2xZ9", "https://u:hunter2-pw@h:x/", "/wJalrXUtnFEMI"]
)
def test_a_secret_in_the_wrong_variable_is_repeated_by_no_line(secret: str) -> None:
    """Whichever variable it was put into: these lines are written before anything is redacted."""
    names = [row.name for section in USER_SECTIONS for row in variables(section)]
    read = [read_config({name: secret}) for name in names]
    lines = [str(each) for config, problems in read for each in (*problems, *config.notes)]
    assert len(lines) > len(names) / 2
    assert [each for each in lines if secret in each] == []


@pytest.mark.parametrize("in_lambda", [True, False])
def test_variables_for_other_places_are_named_if_they_are_set(*, in_lambda: bool) -> None:
    """Only in Lambda, and only those that are set: a note for each."""
    environ = {"DISPATCH_TOKEN_FILE": "/run/token"}
    config, _ = read_config({**environ, **({"AWS_LAMBDA_RUNTIME_API": "a:1"} if in_lambda else {})})
    assert [each.partition(" ")[0] for each in config.notes] == [*environ] * in_lambda


def test_a_misspelled_variable_is_named() -> None:
    """If it has our prefix and a value; the launcher's own is none of them."""
    read = {"DISPATCH_CACHE_PORT": "2774", "OTEL_NO_VARIABLE": "a", NAME_VARIABLE: "10-dispatch"}
    assert read_config(read)[1] == ()
    wrong = {"DISPATCH_SECRETS_TTL": "9", "DISPATCH_FLUSHING": "end", "DISPATCH_NOTHING": " "}
    _, problems = read_config({**read, **wrong})
    assert [each.variable for each in problems] == ["DISPATCH_FLUSHING", "DISPATCH_SECRETS_TTL"]
    assert str(problems[0]) == (
        "DISPATCH_FLUSHING is no variable of this extension and has no effect: is it misspelled?"
    )


@pytest.mark.parametrize(
    ("variable", "default"),
    [
        ("DISPATCH_SIGNALS", "traces"),
        ("DISPATCH_EVENTS", "platform,function,extension"),
        ("DISPATCH_REDACT", "true"),
        ("DISPATCH_FLUSH", "auto"),
        ("SECRETS_MANAGER_TTL", "300"),
    ],
)
def test_the_default_that_is_used_is_written_as_a_user_would(variable: str, default: str) -> None:
    """Not as Python has it."""
    _, [problem] = read_config({variable: "some"})
    assert f" is ignored, using {default}; allowed: " in str(problem)


def test_a_problem_of_each_section_is_reported() -> None:
    """A bad value in any of them is named, in the order of the documentation."""
    bad = {
        "DISPATCH_ENABLED": "maybe",
        "DISPATCH_FLUSH": "later",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "soon",
        "DISPATCH_REDACT": "some",
        "SECRETS_MANAGER_TTL": "long",
        "AWS_USE_FIPS_ENDPOINT": "perhaps",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "0",
    }
    _, problems = read_config(bad)
    assert [each.variable for each in problems] == [*bad]


def test_without_lambda_the_size_of_the_memory_is_unknown() -> None:
    """It is zero, and the smallest that is accepted is one MiB."""
    assert read_config({})[0].sandbox == LambdaConfig()
    assert LambdaConfig().memory_mb == 0
    config, problems = read_config({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1"})
    assert (config.sandbox.memory_mb, problems) == (1, ())


@pytest.mark.parametrize("middle", ["", "LOGS_", "METRICS_"])
def test_a_bad_value_of_one_signal_names_the_variable_that_it_is_in(middle: str) -> None:
    """The general variable may not be set at all; a value for all signals is one line."""
    timeout, compression = (
        f"OTEL_EXPORTER_OTLP_{middle}TIMEOUT",
        f"OTEL_EXPORTER_OTLP_{middle}COMPRESSION",
    )
    _, problems = read_config({timeout: "10s", compression: "zstd"})
    assert [each.variable for each in problems] == [timeout, compression]
    config, _ = read_config({"OTEL_EXPORTER_OTLP_TIMEOUT": "5000", timeout: "10s"})
    assert config.otlp["traces"].timeout_ms == (5000 if middle else 10_000)


def every_variable() -> list[str]:
    """Return what any section is read from, and what it is for one signal."""
    names = [row.name for section in (*USER_SECTIONS, LambdaConfig) for row in variables(section)]
    general = [name for name in names if name.startswith(PREFIX)]
    of_signals = [
        name.replace(PREFIX, f"{PREFIX}{each.upper()}_") for name in general for each in SIGNALS
    ]
    return [*names, *of_signals]


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
@pytest.mark.parametrize("variable", every_variable())
def test_an_empty_variable_is_unset(variable: str, value: str) -> None:
    """Each of them: nothing is configured, and no line is written about it."""
    assert read_config({variable: value}) == read_config({})
