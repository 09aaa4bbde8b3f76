"""The Runtime, Extensions and Telemetry API on one port."""
