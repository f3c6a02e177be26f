"""The ledger of a server: the same interface, over HTTP."""
