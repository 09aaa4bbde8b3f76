"""What leaves: how much waits, when it goes, where to, and what an answer means."""
