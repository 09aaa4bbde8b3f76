"""Experiments in a real AWS account: docs/verify-on-aws.md says how to run them."""
