"""One command under a budget of time, memory and processes, and nothing of it left behind."""
