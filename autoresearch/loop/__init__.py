"""The loop: change something, run it, measure it, judge it, keep it or drop it."""
