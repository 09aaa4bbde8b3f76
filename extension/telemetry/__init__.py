"""Job 1, in the order the data flows: platform events to OpenTelemetry."""
