"""Making ourselves known to a coding agent: its configuration, a skill, and a few lines of instructions."""
