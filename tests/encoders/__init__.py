"""What common software makes of a secret: encoders in Python, and programs in other languages."""
