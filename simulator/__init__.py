"""A local Lambda: Runtime, Extensions and Telemetry API over real processes."""
