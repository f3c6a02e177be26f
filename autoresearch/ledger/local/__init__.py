"""The embedded ledger: rules and rows in one transaction per operation."""
