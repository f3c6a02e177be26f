"""A ledger that is on a server and on this machine: what is written here is kept here first, and sent when the server answers."""
