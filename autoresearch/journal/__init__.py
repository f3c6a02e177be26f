"""The journal: what a run logged, in memory-mapped files that survive the death of the process."""
