"""Agents over HTTP: a model at the other end of a wire, and a small loop that gives it tools over a folder."""
