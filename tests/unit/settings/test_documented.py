"""The table of variables in docs/configuration.md."""

from __future__ import annotations

import pytest

from extension.process.frozen import Frozen
from extension.settings.aws import AwsConfig
from extension.settings.config import USER_SECTIONS
from extension.settings.otlp import OtlpConfig
from extension.settings.parameters import ParametersConfig
from extension.settings.process import LocalConfig, ProcessConfig, RedactionConfig
from extension.settings.telemetry import TelemetryConfig
from extension.settings.variable import variables
from tests.configuration_table import BLOCK, DOCUMENT, row, table

SECTIONS = (
    ProcessConfig,
    TelemetryConfig,
    OtlpConfig,
    RedactionConfig,
    ParametersConfig,
    AwsConfig,
    LocalConfig,
)


@pytest.mark.parametrize("section", SECTIONS)
def test_each_variable_is_documented_as_it_is(section: type[Frozen]) -> None:
    """Its default, unit, range and meaning stand in its row."""
    document = DOCUMENT.read_text()
    assert [each.name for each in variables(section) if row(each) not in document] == []


def test_every_setting_is_documented() -> None:
    """The table has every section, and nothing else.

    Written by `.venv/bin/python -m tests.configuration_table`.
    """
    block = BLOCK.search(DOCUMENT.read_text())
    assert block is not None
    assert block[1] == table()
    assert USER_SECTIONS == SECTIONS
