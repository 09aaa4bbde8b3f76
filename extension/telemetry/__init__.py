"""Platform events to OpenTelemetry, in the order the data flows."""
