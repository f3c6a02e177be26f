"""From facts to a brief: what an agent reads before its next change."""
