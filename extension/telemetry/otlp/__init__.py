"""Everything that imports opentelemetry; imported by `opening` alone, after registering."""
