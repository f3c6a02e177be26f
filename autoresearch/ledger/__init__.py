"""The ledger: one interface of use cases, whatever lies below it."""
