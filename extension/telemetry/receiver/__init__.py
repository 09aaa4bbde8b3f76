"""What the function's own OpenTelemetry SDK sends to us: OTLP/HTTP on localhost."""
