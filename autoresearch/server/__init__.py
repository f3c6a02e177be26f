"""The server: HTTP over one ledger for each organization."""
