"""What the Runtime API's traffic says of an invocation: why it began, and what it answered."""
