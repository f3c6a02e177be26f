"""Where the command of a trial runs: on this machine, or on others."""
