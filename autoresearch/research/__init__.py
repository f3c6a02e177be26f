"""The rules of research, pure: states, verdicts, the frontier, noise, keys. No I/O below this line."""
