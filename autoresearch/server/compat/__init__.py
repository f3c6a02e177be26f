"""Faces for clients of other services: their paths and forms over the same ledger."""
