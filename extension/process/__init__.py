"""What the whole process stands on: time, ids, lines, imports."""
