"""What every part of the process uses: clocks, ids, log lines, tasks, waits, imports."""
