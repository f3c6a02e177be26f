"""System metrics: what the machine and the process tree did while a run went on."""
