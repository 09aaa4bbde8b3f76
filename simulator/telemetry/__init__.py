"""What is said of an invocation, and how it reaches those who subscribed to it."""
