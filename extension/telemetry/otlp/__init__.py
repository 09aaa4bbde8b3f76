"""Everything that imports opentelemetry; opened by `app` alone, after registering."""
